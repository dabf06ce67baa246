/**
 * Worked examples, from one neuron to backpropagation, with every intermediate number.
 *
 * Each function computes one example on {@linkcode Value} and returns every number, for tests to
 * assert and the tour to print. All inputs are arguments with defaults.
 *
 * @module
 */

import { MLP } from "../autograd/mlp.ts";
import { Value } from "../autograd/value.ts";

/** The numbers inside one neuron. */
export interface NeuronTrace {
  /** The inputs. */
  readonly inputs: readonly number[];
  /** One weight for each input. */
  readonly weights: readonly number[];
  /** Each input times its weight. */
  readonly products: readonly number[];
  /** The bias. */
  readonly bias: number;
  /** The sum of the products and the bias. */
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

/** Options for {@linkcode oneNeuron}. */
export interface OneNeuronOptions {
  /** The inputs. @default {[4, 25]} */
  readonly inputs?: readonly number[];
  /** One weight for each input. @default {[0.5, -0.3]} */
  readonly weights?: readonly number[];
  /** The bias. @default {1} */
  readonly bias?: number;
}

/**
 * One neuron: tanh(weights · inputs + bias).
 *
 * @throws {RangeError} If the numbers of inputs and weights differ.
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
  { inputs = [4, 25], weights = [0.5, -0.3], bias = 1 }: OneNeuronOptions = {},
): NeuronTrace {
  return traceNeuron(inputs, weights, bias, (sum) => sum.tanh());
}

/** The parameters of a layer, counted. */
export interface LayerCount {
  /** Inputs of each neuron. */
  readonly inputs: number;
  /** Neurons, each with one output. */
  readonly outputs: number;
  /** Inputs times outputs. */
  readonly weights: number;
  /** One for each neuron. */
  readonly biases: number;
}

/** Options for {@linkcode layersOfNeurons}. */
export interface LayersOptions {
  /** The inputs. @default {[0.5, -1, 2]} */
  readonly inputs?: readonly number[];
  /** Neurons of each layer. @default {[4, 2]} */
  readonly layers?: readonly number[];
  /** Random seed of the weights. @default {1} */
  readonly seed?: number;
}

/** A network: its parameters, and a forward pass. */
export interface NetworkTrace {
  /** Each layer, from input to output. */
  readonly layers: readonly LayerCount[];
  /** Every parameter, in the order of `MLP.parameters`. */
  readonly parameters: readonly { readonly label: string; readonly data: number }[];
  /** The inputs. */
  readonly inputs: readonly number[];
  /** Outputs of each hidden layer. */
  readonly hidden: readonly (readonly number[])[];
  /** Outputs of the last layer. */
  readonly outputs: readonly number[];
}

/**
 * A network of layers, by default with 3 inputs, 4 hidden neurons and 2 outputs: 26 parameters.
 *
 * @throws {RangeError} If there is no input or no layer, or a layer without neurons.
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
  { inputs = [0.5, -1, 2], layers = [4, 2], seed = 1 }: LayersOptions = {},
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

/** A forward pass through two hidden neurons and one output. */
export interface ForwardTrace {
  /** The scores, out of 100. */
  readonly scores: readonly number[];
  /** The hidden neurons; their inputs are the scores divided by 100. */
  readonly hidden: readonly NeuronTrace[];
  /** The output neuron; its inputs are the outputs of the hidden neurons. */
  readonly output: NeuronTrace;
}

/**
 * A forward pass: from two exam scores through two relu neurons to a probability.
 *
 * @param scores Two scores out of 100.
 * @throws {RangeError} If there are not two scores.
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

/** A prediction and its loss. */
export interface LossTrace {
  /** The prediction. */
  readonly prediction: number;
  /** The target. */
  readonly target: number;
  /** prediction − target. */
  readonly error: number;
  /** error². */
  readonly loss: number;
}

/**
 * Squared loss, by default of 0.8 and −0.5 against 1: 0.04 and 2.25.
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

/** Options for {@linkcode slope}. */
export interface SlopeOptions {
  /** The weight. @default {1} */
  readonly w?: number;
  /** The input. @default {3} */
  readonly x?: number;
  /** The target of w · x. @default {7} */
  readonly target?: number;
  /** Step of the finite difference. @default {0.001} */
  readonly step?: number;
}

/** A gradient by backpropagation and by finite differences. */
export interface SlopeTrace {
  /** The weight. */
  readonly w: number;
  /** w · x. */
  readonly product: number;
  /** w · x − target. */
  readonly error: number;
  /** (w · x − target)². */
  readonly loss: number;
  /** dloss/dw, by backpropagation. */
  readonly gradient: number;
  /** Step of the finite difference. */
  readonly step: number;
  /** The loss at w − step. */
  readonly lossBelow: number;
  /** The loss at w + step. */
  readonly lossAbove: number;
  /** (lossAbove − lossBelow) / (2 · step). */
  readonly measured: number;
}

/**
 * The gradient as a slope, by default of (w·3 − 7)² at w = 1: the loss is 16, its gradient −24.
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

/** Options for {@linkcode descent}. */
export interface DescentOptions {
  /** The initial weight. @default {1} */
  readonly w?: number;
  /** The input. @default {3} */
  readonly x?: number;
  /** The target of w · x. @default {7} */
  readonly target?: number;
  /** The learning rate. @default {0.05} */
  readonly learningRate?: number;
  /** The number of steps. @default {8} */
  readonly steps?: number;
}

/** A point on the path of gradient descent. */
export interface DescentStep {
  /** The weight. */
  readonly w: number;
  /** The loss. */
  readonly loss: number;
  /** The gradient of the loss. */
  readonly gradient: number;
}

/**
 * Gradient descent on (w·x − target)², by default from w = 1 to w = 7/3.
 *
 * Each step sets w to w − learningRate · gradient. With the defaults, each step divides the distance
 * to 7/3 by ten.
 *
 * @returns `steps + 1` points, the initial one first.
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

/** A value of a computation after the backward pass. */
export interface ValueTrace {
  /** The name. */
  readonly name: string;
  /** How it was computed; empty for an input. */
  readonly formula: string;
  /** The result of the forward pass. */
  readonly data: number;
  /** The derivative of the loss with respect to it, from the backward pass. */
  readonly grad: number;
  /** How `grad` follows from the gradient of the next value. */
  readonly chainRule: string;
}

/** Options for fitting w·x + b to a target. */
export interface FitOptions {
  /** The initial weight. @default {3.75} */
  readonly w?: number;
  /** The initial bias. @default {3.5} */
  readonly b?: number;
  /** The input. @default {2} */
  readonly x?: number;
  /** The target of w·x + b. @default {10} */
  readonly target?: number;
  /** The learning rate. @default {0.01} */
  readonly learningRate?: number;
}

/** Backpropagation through (w·x + b − target)², and one update. */
export interface BackpropagationTrace {
  /** Every value, from the inputs to the loss. */
  readonly values: readonly ValueTrace[];
  /** The learning rate of the update. */
  readonly learningRate: number;
  /** The weight after the update. */
  readonly w: number;
  /** The bias after the update. */
  readonly b: number;
  /** w·x + b after the update. */
  readonly prediction: number;
  /** The loss after the update. */
  readonly loss: number;
}

/**
 * Backpropagation through (w·x + b − target)², and one update of w and b.
 *
 * By default the loss is 1, dloss/dw = 4 and dloss/db = 2; the update gives w = 3.71 and b = 3.48.
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
    trace(loss, "loss", "error ^ 2", "1, by definition"),
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
