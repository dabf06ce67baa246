/** The stops of the tour, one idea each, in lines of at most 80 columns. @module */

import { trainCharacterModel } from "./character_model.ts";
import {
  backpropagation,
  descent,
  forwardPass,
  layersOfNeurons,
  type NeuronTrace,
  oneNeuron,
  slope,
  squaredLoss,
} from "./examples.ts";
import { ideas } from "./ideas.ts";
import { fitLine, temperatures } from "./line.ts";
import {
  attentionStop,
  blockStop,
  embeddingsStop,
  optimizerStop,
  overfittingStop,
  tokensStop,
} from "./road_stops.ts";
import { answeringStop, rewardStop, servingStop, toolStop } from "./talk_stops.ts";
import { columns, formatNumber } from "./tour_text.ts";
import { trainingLoop, trainNetwork } from "./training_examples.ts";

/** One stop of the tour. */
export interface Stop {
  /** The title. */
  readonly title: string;
  /** Computes the numbers and explains them. */
  readonly lines: () => string[];
}

/** Formats a term of a sum: a negative number in parentheses. */
function term(x: number): string {
  return x < 0 ? `(${formatNumber(x)})` : formatNumber(x);
}

function neuronLines(name: string, neuron: NeuronTrace, activation: string): string[] {
  const { inputs, weights, products, bias, sum, output } = neuron;
  const factors = inputs.map((x, i) => `${formatNumber(x)} * ${term(weights[i]!)}`);
  const indent = " ".repeat(name.length);
  return [
    `  ${name} = ${activation}(${[...factors, term(bias)].join(" + ")})`,
    `  ${indent} = ${activation}(${[...products, bias].map(term).join(" + ")})`,
    `  ${indent} = ${activation}(${formatNumber(sum)}) = ${formatNumber(output)}`,
  ];
}

function rulesStop(): string[] {
  const lines = [...fitLine()];
  const shown = [0, 10, 100, 500, lines.length - 1];
  return [
    "Some things are easy to write down as rules. This one never fails:",
    "",
    "  function celsiusToFahrenheit(celsius) { return celsius * 9 / 5 + 32; }",
    "",
    "Whatever you write into the next one, somebody finds a cat that breaks it:",
    "",
    "  function whatAnimalIsThis(picture) { /* ??? */ }",
    "",
    "Machine learning turns the job around: write a formula with open numbers in it,",
    "show it examples, and let a procedure change the numbers until the answers are",
    "right. Here are two open numbers, like two dials, and four examples:",
    "",
    "  fahrenheit = a * celsius + b",
    `  ${temperatures.map(([celsius, fahrenheit]) => `${celsius} C = ${fahrenheit} F`).join(", ")}`,
    "",
    "Nobody tells the procedure about 9/5, or about 32. It turns each dial a little,",
    "to where the mean squared error gets smaller, again and again:",
    "",
    ...columns([
      ["step", "a", "b", "error"],
      ...shown.map((step) => {
        const { a, b, loss } = lines[step]!;
        return [`${step + 1}`, a.toFixed(3), b.toFixed(3), loss.toFixed(3)];
      }),
    ]),
    "",
    "It has found the rule. The new words are old friends:",
    "",
    ...columns([
      ["here", "it is like"],
      ["parameter", "a tuning dial: a number that training turns"],
      ["weight", "a config variable: how much an input counts"],
      ["layers", "a filter chain: each works on what the one before gives it"],
      ["forward pass", "a request on its way through the controllers"],
      ["loss", "a failing assertion that says by how much it fails"],
      ["backpropagation", "a stack trace, read from the error to its cause"],
      ["gradient", "which way to turn a dial, and how much that helps"],
    ], 2),
  ];
}

function neuronStop(): string[] {
  return [
    "A neuron multiplies each input by a weight, adds the products and a bias, and",
    "applies an activation function to the sum. Here it is tanh, which maps any",
    "number to one between -1 and 1.",
    "",
    "Inputs 4 and 25, weights 0.5 and -0.3, bias 1:",
    "",
    ...neuronLines("output", oneNeuron(), "tanh"),
    "",
    "The weights and the bias are the parameters: training changes them.",
  ];
}

function layersStop(): string[] {
  const { layers, parameters, inputs, hidden, outputs } = layersOfNeurons();
  const list = (numbers: readonly number[]): string =>
    numbers.map((x) => formatNumber(x)).join(", ");
  return [
    "A layer is several neurons with the same inputs. The outputs of one layer are",
    "the inputs of the next. With 3 inputs, 4 hidden neurons and 2 outputs:",
    "",
    ...layers.map(({ inputs, outputs, weights, biases }, i) =>
      `  layers.${i}: ${outputs} neurons * ${inputs} inputs = ${weights} weights, + ${biases} biases` +
      ` = ${weights + biases}`
    ),
    `  together: ${parameters.length} parameters, initialized at random`,
    "",
    ...columns(parameters.map(({ label, data }) => [label, data.toFixed(4)])),
    "",
    "The hidden layer applies tanh; the last layer is linear:",
    "",
    `  inputs  ${list(inputs)}`,
    ...hidden.map((layer) => `  hidden  ${list(layer)}`),
    `  outputs ${list(outputs)}`,
    "",
    "Why deep? Each layer builds on the one before. Looking at a picture, the first",
    "may find edges, the second shapes made of edges, the third parts made of shapes,",
    "such as an eye, and the fourth a cat. Nobody tells it to.",
  ];
}

function forwardStop(): string[] {
  const { scores, hidden, output } = forwardPass();
  return [
    "The forward pass computes the outputs from the inputs. Two exam scores,",
    `${scores.join(" and ")}, are divided by 100 to bring them to a common scale. The hidden`,
    "neurons use relu, max(0, x); the output neuron uses sigmoid, which turns any",
    "number into a probability.",
    "",
    ...hidden.flatMap((neuron, i) => [...neuronLines(`h${i + 1}`, neuron, "relu"), ""]),
    ...neuronLines("output", output, "sigmoid"),
  ];
}

function lossStop(): string[] {
  return [
    "The loss measures in one number how wrong a prediction is: 0 if it is right,",
    "more the further off it is. The squared error counts large errors much more than",
    "small ones, whatever their sign.",
    "",
    ...columns([
      ["prediction", "target", "error", "loss"],
      ...squaredLoss().map(({ prediction, target, error, loss }) =>
        [prediction, target, error, loss].map((x) => formatNumber(x))
      ),
    ], 0),
  ];
}

function slopeStop(): string[] {
  const { w, product, error, loss, gradient, step, lossBelow, lossAbove, measured } = slope();
  return [
    "Imagine standing on a mountain, blindfolded. You cannot see the valley, but your",
    "feet feel which way the ground slopes. Take a step downhill, and feel again.",
    "",
    "The gradient is that slope of the loss: how it changes as a parameter changes.",
    `Take the loss (w * 3 - 7)^2 at w = ${formatNumber(w)}:`,
    "",
    `  w * 3       = ${formatNumber(product)}`,
    `  w * 3 - 7   = ${formatNumber(error)}`,
    `  squared     = ${formatNumber(loss)}`,
    `  gradient    = 2 * ${term(error)} * 3 = ${formatNumber(gradient)}`,
    "",
    "Finite differences measure it, too, with a small step to either side:",
    "",
    `  loss at ${w + step} = ${formatNumber(lossAbove, 6)}`,
    `  loss at ${w - step} = ${formatNumber(lossBelow, 6)}`,
    `  difference / ${2 * step} = ${formatNumber(measured, 6)}`,
    "",
    "It is negative: the loss falls as w grows, so w should grow.",
  ];
}

function descentStop(): string[] {
  return [
    "Gradient descent takes one step after another against the gradient:",
    "w becomes w - learning rate * gradient. With a learning rate of 0.05:",
    "",
    ...columns([
      ["step", "w", "loss", "gradient"],
      ...descent().map(({ w, loss, gradient }, step) => [
        `${step}`,
        w.toFixed(8),
        loss.toExponential(2),
        gradient.toFixed(8),
      ]),
    ]),
    "",
    `It converges where the loss is 0, at w = 7/3 = ${formatNumber(7 / 3, 8)}. The steps become`,
    "shorter, because the slope flattens.",
  ];
}

function backpropagationStop(): string[] {
  const { values, learningRate, w, b, prediction, loss } = backpropagation();
  return [
    "It gets a bit harder here; behind this stop, everything is repetition.",
    "",
    "Nudging shows what a gradient is: w from 3.75 to 3.76 moves the prediction from",
    "11.00 to 11.02, a ratio of 2.0, because w is multiplied by the input, 2. The",
    "bias is only added: its ratio is 1.0. But a model has millions of dials.",
    "",
    "Backpropagation computes the gradients of all values at once. Think of dominoes:",
    "w tips the product, that tips the prediction, that tips the loss. The forward",
    "pass goes down this table. The backward pass goes up: it multiplies the gradient",
    "of each result by the derivative of the operation that made it, the chain rule.",
    "Why from back to front? Gradients in the middle are reused. From front to back,",
    "each of 500 million parameters would need a pass of its own.",
    "",
    ...columns([
      ["name", "formula", "gradient is", "value", "gradient"],
      ...values.map(({ name, formula, chainRule, data, grad }) => [
        name,
        formula,
        chainRule,
        formatNumber(data),
        formatNumber(grad),
      ]),
    ], 3),
    "",
    `One update with a learning rate of ${learningRate}:`,
    "",
    `  w = 3.75 - ${learningRate} * 4 = ${formatNumber(w)}`,
    `  b = 3.5 - ${learningRate} * 2 = ${formatNumber(b)}`,
    "",
    `The prediction is now ${formatNumber(prediction)}, nearer to 10, and the loss ${
      formatNumber(loss)
    } instead of 1.`,
  ];
}

function loopStop(): string[] {
  const steps = trainingLoop();
  const last = steps.length - 1;
  const shown = [0, 1, 2, 3, 10, 20, 40, last];
  return [
    "Training repeats that update:",
    "",
    "  zero      set the gradients to 0, because they accumulate",
    "  forward   compute the prediction",
    "  loss      compare it with the target",
    "  backward  compute the gradients",
    "  update    take a step against them",
    "",
    "until the loss is small, here below a millionth:",
    "",
    ...columns([
      ["step", "w", "b", "prediction", "loss", "dw", "db"],
      ...shown.map((turn) => {
        const { w, b, prediction, loss, dw, db } = steps[turn]!;
        return [`${turn}`, ...[w, b, prediction, loss, dw, db].map((x) => x.toFixed(6))];
      }),
    ]),
  ];
}

function networkStop(): string[] {
  const { inputs, targets, outputs, losses } = trainNetwork();
  const shown = [0, 10, 25, 50, 100, losses.length - 1];
  const row = (numbers: readonly number[]): string[] => numbers.map((x) => formatNumber(x, 2));
  return [
    "The same loop trains models of any size. Here it trains a network of 26",
    "parameters, with tanh in both layers, to compute whether its first two inputs",
    "differ (1) or not (-1), and whether its last two do. No single neuron can.",
    "",
    ...columns([
      ["step", ...shown.map((turn) => `${turn}`)],
      ["loss", ...shown.map((turn) => losses[turn]!.toFixed(4))],
    ]),
    "",
    ...columns([
      ["inputs", "", "", "targets", "", "outputs", ""],
      ...inputs.map((x, i) => [...row(x), ...row(targets[i]!), ...row(outputs[i]!)]),
    ], 0),
  ];
}

function languageStop(): string[] {
  const { alphabet, parameters, examples, losses, before, after } = trainCharacterModel();
  const shown = [0, 1, 5, 10, 20, 40, losses.length - 1];
  const list = (words: readonly string[]): string[] =>
    words.map((word) => `  ${word === "" ? "(an empty word)" : word}`);
  return [
    "'The sky is ...': you thought 'blue'. A language model does the same, in the",
    "five steps that you know: words become numbers, run forward, get a loss for how",
    "little they believed in 'blue', send gradients back, and move every weight.",
    "",
    "So a language model predicts the next token. This one reads three letters of the",
    `name of a dinosaur and computes a logit for each of the ${alphabet.length} letters that can`,
    `follow (the end of the word is one), with ${parameters} weights. Softmax turns logits`,
    "into probabilities, and the loss is -ln of the probability of the actual next",
    "letter: cross-entropy. The loop is the same.",
    "",
    "Before training all letters are equally likely. Samples:",
    "",
    ...list(before),
    "",
    `Training on ${examples} letters, from a loss of ln ${alphabet.length} = ${
      formatNumber(losses[0]!)
    }:`,
    "",
    ...columns([
      ["step", ...shown.map((turn) => `${turn}`)],
      ["loss", ...shown.map((turn) => losses[turn]!.toFixed(4))],
    ]),
    "",
    "Samples after training:",
    "",
    ...list(after),
  ];
}

/** The ideas of each of nanochat's files, within the width of a terminal. */
function nanochatFiles(): string[] {
  const files = Map.groupBy(ideas, ({ nanochat }) => nanochat);
  return [...files].flatMap(([file, found]) => [
    `  ${file}`,
    ...wrapped(found.map(({ idea }) => idea).join(", ")).map((line) => `    ${line}`),
  ]);
}

/** The lines of a text of at most 72 columns. */
function wrapped(text: string): string[] {
  return text.match(/\S.{0,71}(?=\s|$)/g) ?? [];
}

function mapStop(): string[] {
  return [
    "A GPT is these ideas with arrays instead of single numbers, more layers, and a",
    "longer context. Where each of them is implemented in this repository:",
    "",
    ...columns([
      ["idea", "file", "becomes"],
      ...ideas.map(({ idea, path, becomes }) => [idea, path, becomes]),
    ], 3),
    "",
    "And in nanochat:",
    "",
    ...nanochatFiles(),
    "",
    "How far is it from here to the real thing? nanochat at depth 26:",
    "",
    ...columns([
      ["", "this tour", "nanochat"],
      ["parameters", "2, then a few dozen", "568 million"],
      ["examples", "1", "4.5 billion tokens"],
      ["one step", "1 example", "500,000 tokens"],
      ["time", "2 seconds", "1.65 hours on 8 H100"],
      ["cost", "nothing", "about $48"],
    ], 3),
    "",
    "To train one yourself: deno task speedrun",
  ];
}

/**
 * All stops, in order.
 *
 * @example
 * ```ts
 * import { stops } from "./tour.ts";
 *
 * const stop = stops.find(({ title }) => title === "One neuron");
 * const text = stop!.lines().join("\n");
 * if (!text.includes("tanh(-4.5) = -0.9998")) throw new Error(text);
 * ```
 */
export const stops: readonly Stop[] = [
  { title: "Rules or examples", lines: rulesStop },
  { title: "One neuron", lines: neuronStop },
  { title: "Layers", lines: layersStop },
  { title: "The forward pass", lines: forwardStop },
  { title: "The loss", lines: lossStop },
  { title: "The gradient is a slope", lines: slopeStop },
  { title: "Gradient descent", lines: descentStop },
  { title: "Backpropagation", lines: backpropagationStop },
  { title: "The training loop", lines: loopStop },
  { title: "The same loop for a network", lines: networkStop },
  { title: "The same loop on letters: a language model", lines: languageStop },
  { title: "Tokens", lines: tokensStop },
  { title: "Embeddings and positions", lines: embeddingsStop },
  { title: "Attention in numbers", lines: attentionStop },
  { title: "A block", lines: blockStop },
  { title: "The optimizer", lines: optimizerStop },
  { title: "Overfitting", lines: overfittingStop },
  { title: "From continuing to answering", lines: answeringStop },
  { title: "A tool", lines: toolStop },
  { title: "Reward", lines: rewardStop },
  { title: "Serve", lines: servingStop },
  { title: "Where each idea lives", lines: mapStop },
];
