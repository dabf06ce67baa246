/** A neuron: the weighted sum of its inputs plus a bias, through an activation function. @module */

import { randomUniform } from "./random.ts";
import { toValue, Value } from "./value.ts";

/** Activation functions; `linear` is the identity. */
export type Activation = "tanh" | "relu" | "sigmoid" | "linear";

const activations: Record<Activation, (x: Value) => Value> = {
  tanh: (x) => x.tanh(),
  relu: (x) => x.relu(),
  sigmoid: (x) => x.sigmoid(),
  linear: (x) => x,
};

/** Options for {@linkcode Neuron}. */
export interface NeuronOptions {
  /** The activation function. @default {"tanh"} */
  readonly activation?: Activation;
  /** Random seed of the weights. @default {0} */
  readonly seed?: number;
  /** Initial weights, one for each input, instead of random ones. */
  readonly weights?: readonly number[];
  /** Initial bias. @default {0} */
  readonly bias?: number;
  /** Prefix of the parameters' labels, such as `layers.0.neurons.1.`. @default {""} */
  readonly prefix?: string;
}

/**
 * activation(w₀·x₀ + w₁·x₁ + … + b).
 *
 * Random weights are uniform within ±1/√inputs, so that the variance of the sum does not depend on the
 * number of inputs and the activation starts where it is steep.
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
  /** The bias. */
  readonly bias: Value;
  /** The activation function. */
  readonly activation: Activation;

  /**
   * Creates a neuron with the given or with random weights.
   *
   * @throws {RangeError} If `inputs` is not a positive integer, the number of weights differs from it,
   * or the activation is unknown.
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
   * @throws {RangeError} If `x` is not one value for each input.
   * @throws {TypeError} If `x` is not a list of values or numbers.
   */
  call(x: readonly (Value | number)[]): Value {
    const values = toValues(x);
    if (x.length !== this.weights.length) {
      throw new RangeError(
        `Cannot call a Neuron of ${this.weights.length} inputs: wanted ${this.weights.length} values, got ${x.length}`,
      );
    }
    const products = values.map((value, i) => value.mul(this.weights[i]!));
    const sum = products.reduce((total, product) => total.add(product)).add(this.bias);
    return activations[this.activation](sum);
  }

  /** The weights, then the bias. */
  parameters(): Value[] {
    return [...this.weights, this.bias];
  }
}

/** Inputs of a network as values, of which numbers become new ones. @throws {TypeError} If they are no list. */
export function toValues(x: readonly (Value | number)[]): Value[] {
  if (!Array.isArray(x)) {
    throw new TypeError(
      `Cannot call a network: wanted a list of values or numbers, got ${typeof x}`,
    );
  }
  return x.map((value: Value | number) => toValue(value));
}
