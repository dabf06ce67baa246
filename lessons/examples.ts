/**
 * The worked examples, from one neuron to a training loop, with every number on the way.
 *
 * Each function computes one example on {@linkcode Value} and returns all that it computed, so that
 * a test can assert it and the tour can print it. The character model has a file of its own.
 *
 * @module
 */

import { MLP } from "../autograd/mlp.ts";
import { Value } from "../autograd/value.ts";

/** The numbers inside one neuron. */
export interface NeuronTrace {
  /** What comes in. */
  readonly inputs: readonly number[];
  /** What each input is multiplied by. */
  readonly weights: readonly number[];
  /** Each input times its weight. */
  readonly products: readonly number[];
  /** What is added to the products. */
  readonly bias: number;
  /** The products and the bias together. */
  readonly sum: number;
  /** The activation of the sum. */
  readonly output: number;
}

function traceNeuron(
  inputs: readonly number[],
  weights: readonly number[],
  bias: number,
  activate: (sum: Value) => Value,
): NeuronTrace {
  if (inputs.length === 0 || inputs.length !== weights.length) {
    throw new RangeError(
      `Cannot compute a neuron: wanted one weight for each input, got ${inputs.length} inputs and ` +
        `${weights.length} weights`,
    );
  }
  const products = inputs.map((x, i) => new Value(x).mul(weights[i]!));
  const sum = products.reduce((total, product) => total.add(product)).add(bias);
  return {
    inputs,
    weights,
    products: products.map((product) => product.data),
    bias,
    sum: sum.data,
    output: activate(sum).data,
  };
}

/** The numbers of one neuron. */
export interface NeuronOptions {
  /** The inputs; 4 and 25 by default. */
  readonly inputs?: readonly number[];
  /** One weight for each input; 0.5 and −0.3 by default. */
  readonly weights?: readonly number[];
  /** The bias; 1 by default. */
  readonly bias?: number;
}

/**
 * One neuron: tanh of the weighted sum of the inputs and the bias.
 *
 * @throws {RangeError} If there is not one weight for each input.
 *
 * @example
 * ```ts
 * import { oneNeuron } from "./examples.ts";
 *
 * const { products, sum, output } = oneNeuron();
 * if (products.join() !== "2,-7.5" || sum !== -4.5) throw new Error(`${products}, ${sum}`);
 * if (output.toFixed(4) !== "-0.9998") throw new Error(`${output}`);
 * ```
 */
export function oneNeuron(
  { inputs = [4, 25], weights = [0.5, -0.3], bias = 1 }: NeuronOptions = {},
): NeuronTrace {
  return traceNeuron(inputs, weights, bias, (sum) => sum.tanh());
}

/** One layer, counted. */
export interface LayerCount {
  /** The inputs of each neuron. */
  readonly inputs: number;
  /** The neurons, and so the outputs. */
  readonly outputs: number;
  /** One weight for each input of each neuron. */
  readonly weights: number;
  /** One bias for each neuron. */
  readonly biases: number;
}

/** The shape of a network, and what it reads. */
export interface NetworkOptions {
  /** The inputs; 0.5, −1 and 2 by default. */
  readonly inputs?: readonly number[];
  /** The neurons of each layer; 4 and 2 by default. */
  readonly layers?: readonly number[];
  /** Chooses the weights; 1 by default. */
  readonly seed?: number;
}

/** A network: what it is made of, and what it answers. */
export interface NetworkTrace {
  /** The layers, counted. */
  readonly layers: readonly LayerCount[];
  /** The label and the number of every parameter, in the order of `MLP.parameters`. */
  readonly parameters: readonly { readonly label: string; readonly data: number }[];
  /** What comes in. */
  readonly inputs: readonly number[];
  /** The outputs of each hidden layer. */
  readonly hidden: readonly (readonly number[])[];
  /** The outputs of the last layer. */
  readonly outputs: readonly number[];
}

/**
 * Layers: by default a network of 3 inputs, 4 hidden neurons and 2 outputs, with 26 parameters.
 *
 * @throws {RangeError} If there is no input or no layer, or a layer has no neuron.
 *
 * @example
 * ```ts
 * import { layersOfNeurons } from "./examples.ts";
 *
 * const { layers, parameters } = layersOfNeurons();
 * const counts = layers.map(({ weights, biases }) => weights + biases);
 * if (counts.join() !== "16,10" || parameters.length !== 26) throw new Error(`${counts}`);
 * ```
 */
export function layersOfNeurons(
  { inputs = [0.5, -1, 2], layers = [4, 2], seed = 1 }: NetworkOptions = {},
): NetworkTrace {
  const mlp = new MLP(inputs.length, layers, { activation: "tanh", seed });
  let x = inputs.map((input) => new Value(input));
  const outputs = mlp.layers.map((layer) => (x = layer.call(x)).map(({ data }) => data));
  return {
    layers: mlp.layers.map(({ neurons }) => {
      const inputs = neurons[0]!.weights.length;
      const outputs = neurons.length;
      return { inputs, outputs, weights: inputs * outputs, biases: outputs };
    }),
    parameters: mlp.parameters().map(({ label, data }) => ({ label, data })),
    inputs,
    hidden: outputs.slice(0, -1),
    outputs: outputs.at(-1)!,
  };
}

/** The numbers of a forward pass through two hidden neurons and one output. */
export interface ForwardTrace {
  /** The scores as they were given, out of 100. */
  readonly scores: readonly number[];
  /** The hidden neurons; both see the scores divided by 100. */
  readonly hidden: readonly NeuronTrace[];
  /** The output; its inputs are the outputs of the hidden neurons. */
  readonly output: NeuronTrace;
}

/**
 * A forward pass: from two exam scores through two relu neurons to a probability.
 *
 * @param scores Two scores out of 100.
 * @throws {RangeError} If there are not two.
 *
 * @example
 * ```ts
 * import { forwardPass } from "./examples.ts";
 *
 * const { hidden, output } = forwardPass();
 * const shown = [...hidden, output].map((neuron) => neuron.output.toFixed(4)).join();
 * if (shown !== "0.4600,0.3000,0.5676") throw new Error(shown);
 * ```
 */
export function forwardPass(scores: readonly number[] = [80, 70]): ForwardTrace {
  const inputs = scores.map((score) => score / 100);
  const hidden = [
    traceNeuron(inputs, [0.6, 0.4], -0.3, (sum) => sum.relu()),
    traceNeuron(inputs, [-0.2, 0.8], -0.1, (sum) => sum.relu()),
  ];
  const output = traceNeuron(
    hidden.map((neuron) => neuron.output),
    [0.7, 0.5],
    -0.2,
    (sum) => sum.sigmoid(),
  );
  return { scores, hidden, output };
}

/** One prediction, and how wrong it is. */
export interface LossTrace {
  /** What the network said. */
  readonly prediction: number;
  /** What it should have said. */
  readonly target: number;
  /** prediction − target. */
  readonly error: number;
  /** The error, squared. */
  readonly loss: number;
}

/**
 * Squared loss, by default of 0.8 and −0.5 against 1: 0.04 and 2.25.
 *
 * @param predictions What a network says.
 * @param target What it should say.
 * @returns The loss of each prediction.
 *
 * @example
 * ```ts
 * import { squaredLoss } from "./examples.ts";
 *
 * const losses = squaredLoss().map(({ loss }) => loss.toFixed(2)).join();
 * if (losses !== "0.04,2.25") throw new Error(losses);
 * ```
 */
export function squaredLoss(
  predictions: readonly number[] = [0.8, -0.5],
  target = 1,
): LossTrace[] {
  return predictions.map((prediction) => {
    const error = new Value(prediction).sub(target);
    return { prediction, target, error: error.data, loss: error.pow(2).data };
  });
}

/** Where {@linkcode slope} looks. */
export interface SlopeOptions {
  /** The weight; 1 by default. */
  readonly w?: number;
  /** The input; 3 by default. */
  readonly x?: number;
  /** What w · x should be; 7 by default. */
  readonly target?: number;
  /** How far w is moved to measure the slope; 0.001 by default. */
  readonly step?: number;
}

/** A gradient, computed and measured. */
export interface SlopeTrace {
  /** The weight. */
  readonly w: number;
  /** w · x. */
  readonly product: number;
  /** w · x − target. */
  readonly error: number;
  /** (w · x − target)². */
  readonly loss: number;
  /** The derivative of the loss with respect to w, by the tape. */
  readonly gradient: number;
  /** How far w is moved to measure. */
  readonly step: number;
  /** The loss a step to the left. */
  readonly lossBelow: number;
  /** The loss a step to the right. */
  readonly lossAbove: number;
  /** The difference of the two losses, over the distance of two steps. */
  readonly measured: number;
}

/**
 * The gradient is a slope: by default that of (w·3 − 7)² at w = 1, where the loss is 16 and falls by
 * 24 for each unit of w.
 *
 * @example
 * ```ts
 * import { slope } from "./examples.ts";
 *
 * const { loss, gradient, measured } = slope();
 * if (loss !== 16 || gradient !== -24) throw new Error(`${loss}, ${gradient}`);
 * if (Math.abs(measured - gradient) > 1e-9) throw new Error(`measured ${measured}`);
 * ```
 */
export function slope(
  { w = 1, x = 3, target = 7, step = 0.001 }: SlopeOptions = {},
): SlopeTrace {
  const weight = new Value(w);
  const product = weight.mul(x);
  const error = product.sub(target);
  const loss = error.pow(2);
  loss.backward();

  const lossAt = (w: number): number => (w * x - target) ** 2;
  const lossBelow = lossAt(w - step), lossAbove = lossAt(w + step);
  return {
    w,
    product: product.data,
    error: error.data,
    loss: loss.data,
    gradient: weight.grad,
    step,
    lossBelow,
    lossAbove,
    measured: (lossAbove - lossBelow) / (2 * step),
  };
}

/** Where {@linkcode descent} starts, and how it goes on. */
export interface DescentOptions {
  /** The weight to start with; 1 by default. */
  readonly w?: number;
  /** The input; 3 by default. */
  readonly x?: number;
  /** What w · x should be; 7 by default. */
  readonly target?: number;
  /** How far to go for a slope of 1; 0.05 by default. */
  readonly learningRate?: number;
  /** How many steps to take; 8 by default. */
  readonly steps?: number;
}

/** One step down the slope. */
export interface DescentStep {
  /** Where the step starts. */
  readonly w: number;
  /** The loss there. */
  readonly loss: number;
  /** The slope there. */
  readonly gradient: number;
}

/**
 * Gradient descent: by default from w = 1 down the slope of (w·3 − 7)² to w = 7/3.
 *
 * Each step takes w to w − learningRate · gradient. With the default of 0.05 the distance to 7/3
 * shrinks to a tenth at each of them.
 *
 * @returns Where each step started, and at the end where the last one led.
 *
 * @example
 * ```ts
 * import { descent } from "./examples.ts";
 *
 * const path = descent().map(({ w }) => w.toFixed(4));
 * if (path.slice(0, 4).join() !== "1.0000,2.2000,2.3200,2.3320") throw new Error(`${path}`);
 * if (path.at(-1) !== "2.3333") throw new Error(`${path}`);
 * ```
 */
export function descent(
  { w = 1, x = 3, target = 7, learningRate = 0.05, steps = 8 }: DescentOptions = {},
): DescentStep[] {
  const weight = new Value(w);
  const path: DescentStep[] = [];
  for (let step = 0; step <= steps; step++) {
    weight.zeroGrad();
    const loss = weight.mul(x).sub(target).pow(2);
    loss.backward();
    path.push({ w: weight.data, loss: loss.data, gradient: weight.grad });
    weight.data -= learningRate * weight.grad;
  }
  return path;
}

/** One value of a computation after the backward pass. */
export interface ValueTrace {
  /** Its name. */
  readonly name: string;
  /** How it was computed; empty for an input. */
  readonly formula: string;
  /** The number that the forward pass gave. */
  readonly data: number;
  /** The derivative of the loss with respect to it, that the backward pass gave. */
  readonly grad: number;
  /** How that derivative follows from the one below it. */
  readonly chainRule: string;
}

/** The numbers that w·x + b is fitted with. */
export interface FitOptions {
  /** The weight to start with; 3.75 by default. */
  readonly w?: number;
  /** The bias to start with; 3.5 by default. */
  readonly b?: number;
  /** The input; 2 by default. */
  readonly x?: number;
  /** What w·x + b should be; 10 by default. */
  readonly target?: number;
  /** How far an update goes for a gradient of 1; 0.01 by default. */
  readonly learningRate?: number;
}

/** Backpropagation through w·x + b, and the update that follows from it. */
export interface BackpropagationTrace {
  /** Every value, from the inputs to the loss. */
  readonly values: readonly ValueTrace[];
  /** How far the update goes for a gradient of 1. */
  readonly learningRate: number;
  /** The weight after the update. */
  readonly w: number;
  /** The bias after the update. */
  readonly b: number;
  /** What w·x + b gives after the update. */
  readonly prediction: number;
  /** The loss after the update. */
  readonly loss: number;
}

/**
 * Backpropagation through (w·x + b − target)², and one update of w and b.
 *
 * By default the loss is 1, its gradient 4 for w and 2 for b, and the update leads to w = 3.71 and
 * b = 3.48.
 *
 * @example
 * ```ts
 * import { backpropagation } from "./examples.ts";
 *
 * const { values, w, b } = backpropagation();
 * const gradients = values.map(({ name, grad }) => `${name} ${grad}`).join();
 * if (!gradients.includes("w 4") || !gradients.includes("b 2")) throw new Error(gradients);
 * if (w.toFixed(2) !== "3.71" || b.toFixed(2) !== "3.48") throw new Error(`${w}, ${b}`);
 * ```
 */
export function backpropagation(options: FitOptions = {}): BackpropagationTrace {
  const { learningRate = 0.01 } = options;
  const w = new Value(options.w ?? 3.75), b = new Value(options.b ?? 3.5);
  const x = new Value(options.x ?? 2), target = new Value(options.target ?? 10);
  const product = w.mul(x);
  const prediction = product.add(b);
  const error = prediction.sub(target);
  const loss = error.pow(2);
  loss.backward();

  const trace = (value: Value, name: string, formula: string, chainRule: string): ValueTrace => (
    { name, formula, data: value.data, grad: value.grad, chainRule }
  );
  const values = [
    trace(w, "w", "", "d(product) * x"),
    trace(x, "x", "", "d(product) * w"),
    trace(b, "b", "", "d(prediction) * 1"),
    trace(target, "target", "", "d(error) * -1"),
    trace(product, "product", "w * x", "d(prediction) * 1"),
    trace(prediction, "prediction", "product + b", "d(error) * 1"),
    trace(error, "error", "prediction - target", "d(loss) * 2 * error"),
    trace(loss, "loss", "error ^ 2", "1, where it begins"),
  ];

  w.data -= learningRate * w.grad;
  b.data -= learningRate * b.grad;
  const after = w.mul(x).add(b);
  return {
    values,
    learningRate,
    w: w.data,
    b: b.data,
    prediction: after.data,
    loss: after.sub(target).pow(2).data,
  };
}
