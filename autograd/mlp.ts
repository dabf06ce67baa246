/**
 * Layers of neurons, and a network of layers: a multi-layer perceptron.
 *
 * @module
 */

import { type Activation, Neuron } from "./neuron.ts";
import { childSeed } from "./random.ts";
import type { Value } from "./value.ts";

/** How a layer starts out. */
export interface LayerOptions {
  /** The activation of every neuron; `tanh` unless given. */
  readonly activation?: Activation;
  /** Chooses the random weights; 0 unless given. */
  readonly seed?: number;
  /** Put before the labels of the parameters, as in `layers.0.`; empty unless given. */
  readonly prefix?: string;
}

/**
 * Neurons side by side: all see the same inputs, each gives one output.
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

  /**
   * Makes a layer with random weights.
   *
   * @param inputs The number of inputs of each neuron.
   * @param outputs The number of neurons.
   * @param options The activation, and the seed of the weights.
   * @throws {RangeError} If one of the sizes is not a positive integer.
   */
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
   * Computes one output for each neuron.
   *
   * @param x One value for each input.
   * @throws {RangeError} If there are more values than inputs, or fewer.
   */
  call(x: readonly Value[]): Value[] {
    return this.neurons.map((neuron) => neuron.call(x));
  }

  /** The parameters of one neuron after the other. */
  parameters(): Value[] {
    return this.neurons.flatMap((neuron) => neuron.parameters());
  }
}

/** How a network starts out. */
export interface MLPOptions {
  /** The activation of all layers but the last; `tanh` unless given. */
  readonly activation?: Activation;
  /**
   * The activation of the last layer; `linear` unless given, so that an output can be any number.
   * `sigmoid` makes each of them a probability.
   */
  readonly outputActivation?: Activation;
  /** Chooses the random weights; 0 unless given. The same seed gives the same network. */
  readonly seed?: number;
}

/**
 * A multi-layer perceptron: the outputs of each layer are the inputs of the next.
 *
 * @example A network of 3 inputs, 4 hidden neurons and 2 outputs has (3 + 1)·4 + (4 + 1)·2 = 26
 * parameters, and each knows its place
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
  /** From the one that sees the inputs to the one that gives the outputs. */
  readonly layers: readonly Layer[];

  /**
   * Makes a network with random weights.
   *
   * @param inputs The number of inputs.
   * @param sizes The number of neurons of each layer; the last is the number of outputs.
   * @param options The activations, and the seed of the weights.
   * @throws {RangeError} If there is no layer, or one of the sizes is not a positive integer.
   */
  constructor(inputs: number, sizes: readonly number[], options: MLPOptions = {}) {
    const { activation = "tanh", outputActivation = "linear", seed = 0 } = options;
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
   * @param x One value for each input.
   * @throws {RangeError} If there are more values than inputs, or fewer.
   */
  call(x: readonly Value[]): Value[] {
    return this.layers.reduce((values, layer) => layer.call(values), [...x]);
  }

  /**
   * What training changes: layer by layer, in each layer neuron by neuron, of each neuron the
   * weights in the order of its inputs and then the bias. The label of each is the path to it:
   * `layers.1.neurons.0.weights.3` is `mlp.layers[1].neurons[0].weights[3]`.
   */
  parameters(): Value[] {
    return this.layers.flatMap((layer) => layer.parameters());
  }

  /** Sets the gradient of every parameter back to zero, for the next backward pass to add to. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }
}
