/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/** The text of the lesson: its sections in order. @module */

import type { JSX } from "../deps.ts";
import type { widgets } from "./widgets.ts";

export interface Section {
  /** Its address within the page. */
  readonly id: string;
  readonly title: string;
  /** The text before the widgets. */
  readonly text: JSX.Element;
  /** Its widgets, in order. */
  readonly widgets: readonly (keyof typeof widgets)[];
  /** The code that computes them, as `path#symbol`. */
  readonly code: readonly string[];
  /** The text after the widgets. */
  readonly after?: JSX.Element;
}

/** A formula in TeX; the builder turns it into MathML. */
export interface FormulaProps {
  readonly tex: string;
}

/** A question to answer before trying. */
function Predict({ question, children }: {
  readonly question: string;
  readonly children: JSX.Element | string;
}): JSX.Element {
  return (
    <details class="predict">
      <summary>Predict, then try: {question}</summary>
      <p>{children}</p>
    </details>
  );
}

/** What stands at the top of the page. */
export const head = {
  title: "From one neuron to a GPT",
  skip: "Skip to the lesson",
  contents: "Contents",
  intro: (
    <>
      <p>
        Move a number and see what follows from it. Every number on this page is computed on this
        page, by the code beside it: the same engine that trains nanodino’s GPT, from the first
        weighted sum on.
      </p>
      <p>
        Nothing can be broken, and there is nothing to install. Your settings are in the address: a
        link to it shows what you see.
      </p>
    </>
  ),
  code: "The code that computes this",
  line: (path: string, line: number) => `${path}, line ${line}`,
  noscript:
    "Without JavaScript the numbers stay as they are; all text, code and formulas are here.",
};

/** The sections; `Formula` renders formulas. */
export function sections(Formula: (props: FormulaProps) => JSX.Element): readonly Section[] {
  return [
    {
      id: "rules",
      title: "Rules or examples",
      widgets: [],
      code: [],
      text: (
        <>
          <p>
            A program usually consists of rules that somebody wrote: if the animal weighs more than
            a kilogram and barks, it is a dog. Rules work where somebody knows them.
          </p>
          <p>
            Nobody can write down the rules that tell a spoken word or a good next word of a
            sentence. Machine learning turns the matter around: write a formula with many numbers in
            it that are left open, show it examples, and let a procedure choose the numbers so that
            the formula gives the right answers. The numbers are called parameters, choosing them is
            called training.
          </p>
          <p>
            This page builds such a formula from its smallest part, and the procedure along with it.
          </p>
        </>
      ),
    },
    {
      id: "neuron",
      title: "A neuron",
      widgets: ["neuron"],
      code: ["lessons/examples.ts#traceNeuron", "autograd/neuron.ts#Neuron.call"],
      text: (
        <>
          <p>
            A neuron multiplies each input by a weight, adds a bias, and applies an activation
            function. A weight says how much its input counts, and in which direction. The bias
            shifts the result whatever the inputs are.
          </p>
          <Formula tex="y = \tanh(x_1 w_1 + x_2 w_2 + b)" />
          <p>
            The activation function bends the straight line. Without it, neurons behind neurons
            would still compute only a weighted sum. Here it is the hyperbolic tangent, which maps
            every number to one between −1 and 1.
          </p>
          <Predict question="what happens to the output if w₂ goes from −0.3 to 0?">
            The sum goes from −4.50 to 3.00 and the output from −0.9998 to 0.9951: one weight turns
            a strong “no” into a strong “yes”. The height no longer counts at all.
          </Predict>
        </>
      ),
    },
    {
      id: "layers",
      title: "Layers",
      widgets: ["layers"],
      code: ["autograd/mlp.ts#Layer.call", "autograd/mlp.ts#MLP.call"],
      text: (
        <>
          <p>
            Neurons that look at the same inputs form a layer. The outputs of one layer are the
            inputs of the next: the input layer holds the data, hidden layers compute something in
            between, and the output layer gives the answer.
          </p>
          <p>
            Several layers can build on each other. A network for pictures may find edges in its
            first layer, shapes made of edges in the second, and objects made of shapes in the
            third. Nobody tells it to; that is what training arrives at.
          </p>
          <p>
            Before training the parameters are random. Move the slider to see each of the 26: its
            name in the code, what it is for, its number.
          </p>
        </>
      ),
    },
    {
      id: "forward",
      title: "The forward pass",
      widgets: ["forward"],
      code: ["lessons/examples.ts#forwardPass"],
      text: (
        <>
          <p>
            Computing the outputs from the inputs is the forward pass. This network estimates from
            two exam scores whether somebody passes a course. Its eight weights and biases are made
            up, not trained.
          </p>
          <p>
            The scores are divided by 100 first, so that all inputs are on a similar scale. The
            hidden neurons use ReLU, which is 0 below zero and changes nothing above. The output
            uses the sigmoid, which maps every number to one between 0 and 1: a probability.
          </p>
          <Formula tex="\mathrm{ReLU}(x) = \max(0, x) \qquad \sigma(x) = \frac{1}{1 + e^{-x}}" />
          <Predict question="with 0 points in math and 100 in English, which hidden neuron is stronger?">
            The second: h₁ is 0.1 and h₂ is 0.7. Its weight for English is 0.8, and its weight for
            math is negative.
          </Predict>
        </>
      ),
    },
    {
      id: "loss",
      title: "The loss",
      widgets: ["loss"],
      code: ["lessons/examples.ts#squaredLoss"],
      text: (
        <>
          <p>
            To improve, a network needs one number that says how wrong it is: the loss. It is 0 for
            a perfect prediction and grows with the distance from the target. Squaring makes
            negative errors count like positive ones, and large errors far more than small ones.
          </p>
          <Formula tex="\mathrm{loss} = (\mathrm{prediction} - \mathrm{target})^2" />
        </>
      ),
    },
    {
      id: "gradient",
      title: "The gradient",
      widgets: ["slope", "nudge"],
      code: ["lessons/examples.ts#slope", "autograd/value.ts#Value.pow"],
      text: (
        <>
          <p>
            Which way should a weight go so that the loss falls? Imagine standing on a hillside
            blindfolded. You cannot see the valley, but your feet feel which way the ground slopes.
            The gradient is that slope: how the loss changes when the weight grows a little. Where
            it is negative, a larger weight means less loss.
          </p>
          <Formula tex="\mathrm{loss}(w) = (3w - 7)^2 \qquad \frac{d\,\mathrm{loss}}{dw} = 2\,(3w - 7) \cdot 3" />
          <Predict question="at w = 2.3 the loss is 0.01. Is it the lowest that w can reach?">
            Nearly. The lowest point is at 7/3 = 2.333…, which lies between two notches of the
            slider: the gradient is −0.6 at 2.3 and +1.2 at 2.4, so its sign says on which side you
            are.
          </Predict>
          <p>
            A gradient can also be measured, with no calculus at all: nudge a number and see how
            much the loss changes. The smaller the nudge, the nearer the ratio comes to the
            gradient, here 2.
          </p>
        </>
      ),
    },
    {
      id: "backpropagation",
      title: "Backpropagation",
      widgets: ["backpropagation"],
      code: ["lessons/examples.ts#backpropagation", "autograd/tape.ts#backward"],
      text: (
        <>
          <p>
            A model has millions of parameters, and nudging each of them would take millions of
            forward passes. Backpropagation finds all gradients in one pass from the loss back to
            the inputs. It needs only the chain rule: if b follows from a, and c from b, then their
            slopes multiply.
          </p>
          <Formula tex="\frac{d\,\mathrm{loss}}{dw} = \frac{d\,\mathrm{loss}}{d\,\mathrm{prediction}} \cdot \frac{d\,\mathrm{prediction}}{dw}" />
          <p>
            The example: the prediction is w × 2 + b, the target is 10, and one step goes against
            the gradient, 0.01 times as far. That factor is the learning rate.
          </p>
          <Predict question="how much of the loss does one step leave?">
            81 %. The step takes the error from 1 to 0.9, and 0.9² is 0.81. So does every further
            step: after 26 of them the loss shows 0.00.
          </Predict>
        </>
      ),
    },
    {
      id: "loop",
      title: "The training loop",
      widgets: ["loop"],
      code: ["lessons/training_examples.ts#trainingLoop"],
      text: (
        <>
          <p>
            Training repeats five lines, whatever the size of the model. Raise the learning rate and
            watch the loss: up to 0.1 it falls faster, from there on the steps overshoot, and above
            0.2 every step lands farther away than the one before.
          </p>
        </>
      ),
    },
    {
      id: "network",
      title: "A network learns",
      widgets: ["network"],
      code: ["web/engine/network.ts#trainNetwork", "nn/mlp.ts#MLP.forward"],
      text: (
        <>
          <p>
            The same loop, with arrays in place of single numbers: tensors. A network gets two
            numbers, the place of a point, and learns which of two classes the point belongs to.
            Blue is 1, orange is 0, white is undecided. The small pictures are the neurons of the
            first layer: each can only draw one line across the plane. The layers behind them
            combine these lines.
          </p>
          <p>
            The second curve is the loss on points that the network has not seen. Where it rises
            while the first one falls, the network memorizes.
          </p>
        </>
      ),
    },
    {
      id: "letters",
      title: "Letters",
      widgets: ["letters"],
      code: ["lessons/character_model.ts#CharacterModel.loss"],
      text: (
        <>
          <p>
            A language model predicts what comes next. This one sees the last three letters of a
            dinosaur’s name and computes a number for each letter that could follow. Softmax turns
            these numbers, the logits, into probabilities. The loss is −ln of the probability of the
            letter that really follows: cross-entropy.
          </p>
          <Formula tex="p_i = \frac{e^{z_i}}{\sum_j e^{z_j}} \qquad \mathrm{loss} = -\ln p_{\mathrm{next}}" />
          <p>
            Each letter has a row of weights for each of the three places. Looking up such a row is
            an embedding, the first thing that a GPT does with its tokens.
          </p>
        </>
      ),
    },
    {
      id: "gpt",
      title: "A GPT of your own",
      widgets: ["gpt"],
      code: [
        "web/engine/gpt.ts#trainGpt",
        "gpt/train/loop.ts#trainingLoop",
        "gpt/model/block.ts#Block.forward",
      ],
      text: (
        <>
          <p>
            This is the model of{" "}
            <code>deno task train</code>, in small: tokens, embeddings, layers of attention and MLP,
            and the same loop. Attention lets each token look at all earlier ones, where the model
            of letters saw three.
          </p>
          <p>
            The tasks are made by rule, so that you can see when the model has understood one. Watch
            what it writes: first noise, then letters in the right form, at last right answers. Bits
            per byte say how well it predicts text that it was not trained on; 8 is guessing.
          </p>
          <p>
            Change one thing and start again: earlier runs stay in the picture. A pause is a
            checkpoint, as is every fiftieth step. It stays in your browser, so that you can close
            the page and go on; you can download it; and the next section shows how its attention
            forms while it trains.
          </p>
        </>
      ),
    },
    {
      id: "inside",
      title: "Inside your GPT",
      widgets: ["inside"],
      code: [
        "web/engine/inside.ts#look",
        "gpt/model/block.ts#CausalSelfAttention.forward",
        "gpt/model/model.ts#GPT.logits",
      ],
      text: (
        <>
          <p>
            Open the GPT of the last section, or the folder of a run that you trained with{" "}
            <code>deno task speedrun</code>. One forward pass over a text shows what the model
            computes on its way to the next token.
          </p>
          <p>
            Attention weights say which earlier tokens a token reads, in each head of each layer.
            The logit lens reads the stream after every layer as if it were the last one: you see
            where the answer appears. Surprise is −log₂ of the probability that the model gave to
            the token that came.
          </p>
          <p>
            Two ideas of nanochat have gates that you can read. Smear mixes the previous token’s
            embedding into each token’s own. In every other layer, value embeddings add to what
            attention reads.
          </p>
          <Formula tex="p_i = \frac{e^{z_i / T}}{\sum_{j \in \mathrm{top}\,k} e^{z_j / T}} \qquad \mathrm{surprise} = -\log_2 p_{\mathrm{next}}" />
        </>
      ),
    },
  ];
}

/** What stands at the end of the page. */
export const end = {
  title: "Where each idea lives",
  text: "A GPT is these ideas with tensors, more layers and a longer context.",
  columns: ["Idea", "File", "Becomes"],
  next: (
    <p>
      To train a GPT of your own, run{" "}
      <code>deno task speedrun</code>. The lesson follows a learner’s notes; its ideas owe much to
      micrograd, TensorFlow Playground, LLM Visualization and Transformer Explainer.
    </p>
  ),
};
