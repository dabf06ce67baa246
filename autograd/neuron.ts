/**
 * One neuron: a weighted sum of its inputs, a bias, and a curve that the sum is bent by.
 *
 * @module
 */

import { randomUniform } from "./random.ts";
import { Value } from "./value.ts";

/** What a neuron does to its weighted sum; `linear` leaves it as it is. */
export type Activation = "tanh" | "relu" | "sigmoid" | "linear";

const activations: Record<Activation, (x: Value) => Value> = {
  tanh: (x) => x.tanh(),
  relu: (x) => x.relu(),
  sigmoid: (x) => x.sigmoid(),
  linear: (x) => x,
};

/** How a neuron starts out. */
export interface NeuronOptions {
  /** The curve at the end; `tanh` unless given. */
  readonly activation?: Activation;
  /** Chooses the random weights; 0 unless given. The same seed gives the same weights. */
  readonly seed?: number;
  /** The weights to start with, one for each input, instead of random ones. */
  readonly weights?: readonly number[];
  /** The bias to start with; 0 unless given. */
  readonly bias?: number;
  /** Put before the labels of the parameters, as in `layers.0.neurons.1.`; empty unless given. */
  readonly prefix?: string;
}

/**
 * activation(w₀·x₀ + w₁·x₁ + … + b).
 *
 * Random weights are uniform within ±1/√inputs: the sum then has about the same spread whatever the
 * number of inputs, and starts where the curve is steep.
 *
 * @example Inputs 4 and 25, weights 0.5 and −0.3, bias 1: the sum is −4.5 and its tanh −0.9998
 * ```ts
 * import { Neuron } from "./neuron.ts";
 * import { Value } from "./value.ts";
 *
 * const neuron = new Neuron(2, { activation: "tanh", weights: [0.5, -0.3], bias: 1 });
 * const output = neuron.call([new Value(4), new Value(25)]);
 * if (output.data.toFixed(4) !== "-0.9998") throw new Error(`got ${output.data}`);
 * ```
 */
export class Neuron {
  /** One weight for each input. */
  readonly weights: readonly Value[];
  /** Added to the weighted sum. */
  readonly bias: Value;
  /** What the sum is bent by. */
  readonly activation: Activation;

  /**
   * Makes a neuron, with the weights given or with random ones.
   *
   * @param inputs The number of inputs.
   * @param options The activation, and the weights or the seed that chooses them.
   * @throws {RangeError} If `inputs` is not a positive integer, if there is not one weight for each
   * input, or if there is no such activation.
   */
  constructor(inputs: number, options: NeuronOptions = {}) {
    const { activation = "tanh", seed = 0, bias = 0, prefix = "" } = options;
    if (!Number.isInteger(inputs) || inputs < 1) {
      throw new RangeError(`Cannot make a Neuron: wanted 1 input or more, got ${inputs}`);
    }
    if (!Object.hasOwn(activations, activation)) {
      throw new RangeError(
        `Cannot make a Neuron: wanted an activation out of ${
          Object.keys(activations).join(", ")
        }, ` +
          `got "${activation}"`,
      );
    }
    const bound = 1 / Math.sqrt(inputs);
    const weights = options.weights ??
      Array.from({ length: inputs }, (_, i) => bound * (2 * randomUniform(seed, i) - 1));
    if (weights.length !== inputs) {
      throw new RangeError(
        `Cannot make a Neuron of ${inputs} inputs: wanted ${inputs} weights, got ${weights.length}`,
      );
    }
    this.weights = weights.map((w, i) => new Value(w, { label: `${prefix}weights.${i}` }));
    this.bias = new Value(bias, { label: `${prefix}bias` });
    this.activation = activation;
  }

  /**
   * Computes the output.
   *
   * @param x One value for each input.
   * @throws {RangeError} If there are more values than inputs, or fewer.
   */
  call(x: readonly Value[]): Value {
    if (x.length !== this.weights.length) {
      throw new RangeError(
        `Cannot call a Neuron of ${this.weights.length} inputs: wanted ${this.weights.length} values, got ${x.length}`,
      );
    }
    const products = x.map((value, i) => value.mul(this.weights[i]!));
    const sum = products.reduce((total, product) => total.add(product)).add(this.bias);
    return activations[this.activation](sum);
  }

  /** The weights in the order of the inputs, then the bias. */
  parameters(): Value[] {
    return [...this.weights, this.bias];
  }
}
