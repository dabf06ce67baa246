/** Layers of neurons, and a multi-layer perceptron (MLP). @module */

import { type Activation, Neuron, toValues } from "./neuron.ts";
import { childSeed } from "./random.ts";
import type { Value } from "./value.ts";

/** Options for {@linkcode Layer}. */
export interface LayerOptions {
  /** The activation function of every neuron. @default {"tanh"} */
  readonly activation?: Activation;
  /** Random seed of the weights. @default {0} */
  readonly seed?: number;
  /** Prefix of the parameters' labels, such as `layers.0.`. @default {""} */
  readonly prefix?: string;
}

/**
 * A fully connected layer: each neuron sees all inputs and gives one output.
 *
 * @example
 * ```ts
 * import { Layer } from "./mlp.ts";
 * import { Value } from "./value.ts";
 *
 * const layer = new Layer(3, 4, { activation: "relu", seed: 1 });
 * const outputs = layer.call([new Value(1), new Value(2), new Value(3)]);
 * if (outputs.length !== 4) throw new Error(`expected 4 outputs, got ${outputs.length}`);
 * ```
 */
export class Layer {
  /** One neuron for each output. */
  readonly neurons: readonly Neuron[];

  /** A layer with random weights. @throws {RangeError} If a size is not a positive integer. */
  constructor(inputs: number, outputs: number, options: LayerOptions = {}) {
    const { activation = "tanh", seed = 0, prefix = "" } = options;
    if (!Number.isInteger(outputs) || outputs < 1) {
      throw new RangeError(`Cannot make a Layer: wanted 1 output or more, got ${outputs}`);
    }
    this.neurons = Array.from({ length: outputs }, (_, i) =>
      new Neuron(inputs, {
        activation,
        seed: childSeed(seed, i),
        prefix: `${prefix}neurons.${i}.`,
      }));
  }

  /**
   * One output for each neuron.
   *
   * @throws {RangeError} If `x` is not one value for each input.
   * @throws {TypeError} If `x` is not a list of values or numbers.
   */
  call(x: readonly (Value | number)[]): Value[] {
    // Here, so that all neurons share one value for each number.
    const values = toValues(x);
    return this.neurons.map((neuron) => neuron.call(values));
  }

  /** The parameters, neuron by neuron. */
  parameters(): Value[] {
    return this.neurons.flatMap((neuron) => neuron.parameters());
  }
}

/** Options for {@linkcode MLP}. */
export interface MLPOptions {
  /** The activation function of the hidden layers. @default {"tanh"} */
  readonly activation?: Activation;
  /** The activation function of the last layer; `sigmoid` gives probabilities. @default {"linear"} */
  readonly outputActivation?: Activation;
  /** Random seed of the weights. @default {0} */
  readonly seed?: number;
}

/**
 * A multi-layer perceptron: the outputs of each layer are the inputs of the next.
 *
 * @example A network of 3 inputs, 4 hidden neurons and 2 outputs has (3 + 1)·4 + (4 + 1)·2 = 26
 * labeled parameters
 * ```ts
 * import { MLP } from "./mlp.ts";
 * import { Value } from "./value.ts";
 *
 * const mlp = new MLP(3, [4, 2], { activation: "tanh", seed: 1 });
 * const parameters = mlp.parameters();
 * if (parameters.length !== 26) throw new Error(`expected 26, got ${parameters.length}`);
 * if (parameters[0]?.label !== "layers.0.neurons.0.weights.0") throw new Error("first");
 * if (parameters[25]?.label !== "layers.1.neurons.1.bias") throw new Error("last");
 *
 * const [a, b] = mlp.call([new Value(0.5), new Value(-1), new Value(2)]);
 * if (a === undefined || b === undefined) throw new Error("expected two outputs");
 * ```
 */
export class MLP {
  /** The layers, from input to output. */
  readonly layers: readonly Layer[];

  /**
   * Creates a network with random weights.
   *
   * @param sizes The number of neurons of each layer; the last is the number of outputs.
   * @throws {RangeError} If there is no layer, or a size is not a positive integer.
   * @throws {TypeError} If `sizes` is not a list.
   */
  constructor(inputs: number, sizes: readonly number[], options: MLPOptions = {}) {
    const { activation = "tanh", outputActivation = "linear", seed = 0 } = options;
    if (!Array.isArray(sizes)) {
      throw new TypeError(
        `Cannot make an MLP: wanted a list of sizes, as in [4, 1], got ${typeof sizes}`,
      );
    }
    if (sizes.length === 0) {
      throw new RangeError("Cannot make an MLP: wanted the size of 1 layer or more, got none");
    }
    this.layers = sizes.map((size, i) =>
      new Layer(i === 0 ? inputs : sizes[i - 1]!, size, {
        activation: i === sizes.length - 1 ? outputActivation : activation,
        seed: childSeed(seed, i),
        prefix: `layers.${i}.`,
      })
    );
  }

  /**
   * Computes the outputs.
   *
   * @throws {RangeError} If `x` is not one value for each input.
   * @throws {TypeError} If `x` is not a list of values or numbers.
   */
  call(x: readonly (Value | number)[]): Value[] {
    return this.layers.reduce((values, layer) => layer.call(values), toValues(x));
  }

  /**
   * The parameters, layer by layer and neuron by neuron, the weights of a neuron before its bias.
   * Labels are paths: `layers.1.neurons.0.weights.3` is `mlp.layers[1].neurons[0].weights[3]`.
   */
  parameters(): Value[] {
    return this.layers.flatMap((layer) => layer.parameters());
  }

  /** Sets the gradient of every parameter to zero. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }
}
