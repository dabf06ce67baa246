/**
 * The stops of the tour: one idea each, with every number that it is made of.
 *
 * A stop is plain text of at most 80 columns; `scripts/tour.ts` prints it.
 *
 * @module
 */

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
import { trainingLoop, trainNetwork } from "./training_examples.ts";

/** One stop of the tour. */
export interface Stop {
  /** The idea. */
  readonly title: string;
  /** Computes the numbers, and says what they mean. */
  readonly lines: () => string[];
}

/** A number as text: at most `digits` after the point, and no zeros that say nothing. */
function show(x: number, digits = 4): string {
  return `${Number(x.toFixed(digits))}`;
}

/** A number with a sign of its own in a sum: a negative one in parentheses. */
function term(x: number): string {
  return x < 0 ? `(${show(x)})` : show(x);
}

/** Rows of text as columns: the first to the left, numbers and all others to the right. */
function columns(rows: readonly (readonly string[])[], left = 1): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    "  " + row.map((cell, i) => i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd()
  );
}

function neuronLines(name: string, neuron: NeuronTrace, activation: string): string[] {
  const { inputs, weights, products, bias, sum, output } = neuron;
  const factors = inputs.map((x, i) => `${show(x)} * ${term(weights[i]!)}`);
  const indent = " ".repeat(name.length);
  return [
    `  ${name} = ${activation}(${[...factors, term(bias)].join(" + ")})`,
    `  ${indent} = ${activation}(${[...products, bias].map(term).join(" + ")})`,
    `  ${indent} = ${activation}(${show(sum)}) = ${show(output)}`,
  ];
}

function neuronStop(): string[] {
  return [
    "A neuron multiplies each input by a weight, adds the products and a bias, and",
    "bends the sum with a curve, its activation. Here the curve is tanh, which",
    "squeezes any number between -1 and 1.",
    "",
    "Inputs 4 and 25, weights 0.5 and -0.3, bias 1:",
    "",
    ...neuronLines("output", oneNeuron(), "tanh"),
    "",
    "The weights and the bias are the parameters: what training changes.",
  ];
}

function layersStop(): string[] {
  const { layers, parameters, inputs, hidden, outputs } = layersOfNeurons();
  const list = (numbers: readonly number[]): string => numbers.map((x) => show(x)).join(", ");
  return [
    "A layer is neurons side by side that see the same inputs. The outputs of one",
    "layer are the inputs of the next. With 3 inputs, 4 hidden neurons and 2 outputs:",
    "",
    ...layers.map(({ inputs, outputs, weights, biases }, i) =>
      `  layers.${i}: ${outputs} neurons * ${inputs} inputs = ${weights} weights, + ${biases} biases` +
      ` = ${weights + biases}`
    ),
    `  together: ${parameters.length} parameters, chosen at random to begin with`,
    "",
    ...columns(parameters.map(({ label, data }) => [label, data.toFixed(4)])),
    "",
    "All but the last layer end in tanh; the last leaves its sums as they are:",
    "",
    `  inputs  ${list(inputs)}`,
    ...hidden.map((layer) => `  hidden  ${list(layer)}`),
    `  outputs ${list(outputs)}`,
  ];
}

function forwardStop(): string[] {
  const { scores, hidden, output } = forwardPass();
  return [
    "To compute the outputs from the inputs is the forward pass. Two exam scores,",
    `${scores.join(" and ")}, are divided by 100, so that no input drowns the others. The hidden`,
    "neurons use relu, which keeps what is positive and makes the rest 0; the output",
    "uses sigmoid, which makes a probability of any number.",
    "",
    ...hidden.flatMap((neuron, i) => [...neuronLines(`h${i + 1}`, neuron, "relu"), ""]),
    ...neuronLines("output", output, "sigmoid"),
  ];
}

function lossStop(): string[] {
  return [
    "The loss says in one number how wrong a prediction is: 0 if it is right, and",
    "more the further off it is. Squared, large errors count for much more than",
    "small ones, and it does not matter to which side they are.",
    "",
    ...columns([
      ["prediction", "target", "error", "loss"],
      ...squaredLoss().map(({ prediction, target, error, loss }) =>
        [prediction, target, error, loss].map((x) => show(x))
      ),
    ], 0),
  ];
}

function slopeStop(): string[] {
  const { w, product, error, loss, gradient, step, lossBelow, lossAbove, measured } = slope();
  return [
    "The gradient says how the loss changes as a parameter does: it is a slope.",
    `Take the loss (w * 3 - 7)^2 at w = ${show(w)}:`,
    "",
    `  w * 3       = ${show(product)}`,
    `  w * 3 - 7   = ${show(error)}`,
    `  squared     = ${show(loss)}`,
    `  gradient    = 2 * ${term(error)} * 3 = ${show(gradient)}`,
    "",
    "It can be measured too, by a small step to either side:",
    "",
    `  loss at ${w + step} = ${show(lossAbove, 6)}`,
    `  loss at ${w - step} = ${show(lossBelow, 6)}`,
    `  difference / ${2 * step} = ${show(measured, 6)}`,
    "",
    "It is negative: the loss falls as w grows. So w should grow.",
  ];
}

function descentStop(): string[] {
  return [
    "Gradient descent takes a step against the slope, and again from there:",
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
    `It comes to rest where the loss is 0, at w = 7/3 = ${show(7 / 3, 8)}. The steps grow`,
    "shorter by themselves, because the slope flattens.",
  ];
}

function backpropagationStop(): string[] {
  const { values, learningRate, w, b, prediction, loss } = backpropagation();
  return [
    "Backpropagation finds the gradient of every value at once. The forward pass goes",
    "down this table; the backward pass goes up, and multiplies the gradient of each",
    "result by the slope of the operation that made it: the chain rule.",
    "",
    ...columns([
      ["name", "formula", "gradient is", "value", "gradient"],
      ...values.map(({ name, formula, chainRule, data, grad }) => [
        name,
        formula,
        chainRule,
        show(data),
        show(grad),
      ]),
    ], 3),
    "",
    `One update with a learning rate of ${learningRate}:`,
    "",
    `  w = 3.75 - ${learningRate} * 4 = ${show(w)}`,
    `  b = 3.5 - ${learningRate} * 2 = ${show(b)}`,
    "",
    `The prediction is now ${show(prediction)}, nearer to 10, and the loss ${
      show(loss)
    } instead of 1.`,
  ];
}

function loopStop(): string[] {
  const steps = trainingLoop();
  const last = steps.length - 1;
  const shown = [0, 1, 2, 3, 10, 20, 40, last];
  return [
    "Training is that update, again and again:",
    "",
    "  zero      set the gradients to 0, for they add up",
    "  forward   compute the prediction",
    "  loss      compare it with the target",
    "  backward  find the gradients",
    "  update    take a step against them",
    "",
    "until it fits, here until the loss is below a millionth:",
    "",
    ...columns([
      ["turn", "w", "b", "prediction", "loss", "dw", "db"],
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
  const row = (numbers: readonly number[]): string[] => numbers.map((x) => show(x, 2));
  return [
    "The loop does not change with the size of what it trains. Here it trains a",
    "network of 26 parameters, with tanh at the end too, to tell whether its first",
    "two inputs differ (1) or not (-1), and whether its last two do. No single neuron",
    "can tell.",
    "",
    ...columns([
      ["turn", ...shown.map((turn) => `${turn}`)],
      ["loss", ...shown.map((turn) => losses[turn]!.toFixed(4))],
    ]),
    "",
    ...columns([
      ["inputs", "", "", "wanted", "", "given", ""],
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
    "A language model predicts what comes next. This one reads three letters of the",
    `name of a dinosaur and scores each of the ${alphabet.length} letters that can follow (the end`,
    `of the word is one), with ${parameters} weights. The scores become probabilities, and the`,
    "loss is -ln of the probability of the letter that did follow. The loop is the",
    "same.",
    "",
    "Before, all letters are equally likely, and it writes:",
    "",
    ...list(before),
    "",
    `Training on ${examples} letters, from a loss of ln ${alphabet.length} = ${show(losses[0]!)}:`,
    "",
    ...columns([
      ["turn", ...shown.map((turn) => `${turn}`)],
      ["loss", ...shown.map((turn) => losses[turn]!.toFixed(4))],
    ]),
    "",
    "Now it writes:",
    "",
    ...list(after),
  ];
}

function mapStop(): string[] {
  return [
    "A GPT is these ideas, with arrays of numbers instead of single ones, with more",
    "layers, and with a longer memory. Where each of them lives in this repository:",
    "",
    ...columns([
      ["idea", "file", "becomes"],
      ...ideas.map(({ idea, path, becomes }) => [idea, path, becomes]),
    ], 3),
    "",
    "To train one yourself: deno task speedrun",
  ];
}

/**
 * The stops, in order.
 *
 * @example
 * ```ts
 * import { stops } from "./tour.ts";
 *
 * const [first] = stops;
 * const text = first!.lines().join("\n");
 * if (!text.includes("tanh(-4.5) = -0.9998")) throw new Error(text);
 * ```
 */
export const stops: readonly Stop[] = [
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
  { title: "Where each idea lives", lines: mapStop },
];
