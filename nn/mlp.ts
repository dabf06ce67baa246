/** The multi-layer perceptron. @module */

import type { Device, Tensor } from "../tensor/mod.ts";
import { Activation, type ActivationName } from "./activation.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { namedSeed } from "./seeds.ts";

/** What {@linkcode MLP} can be told. */
export interface MLPOptions {
  /** Chooses the random weights: an integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** The activation after every layer but the last; `relu` unless given. */
  readonly activation?: ActivationName;
  /** Whether the layers have biases; so unless `false`. */
  readonly bias?: boolean;
}

/**
 * Linear layers with an activation between them: the `mlp` of a transformer, and a network by itself.
 *
 * @example A block of nanochat's kind: four times as wide inside, with the square of the relu
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { MLP } from "./mlp.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const mlp = new MLP(device, [8, 32, 8], { activation: "reluSquared", bias: false, seed: 42 });
 * const y = mlp.forward(Tensor.ones(device, [2, 5, 8]));
 * if (y.shape.join() !== "2,5,8") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class MLP extends Module {
  /** The linear layers, the first to be applied first. */
  readonly layers: readonly Linear[];
  readonly #activation: Activation;

  /**
   * Makes the parameters.
   *
   * @param device Where the parameters live.
   * @param widths How many numbers go in, how many there are after each layer, the last coming out.
   * @param options The seed, and what else differs from the usual.
   * @throws {RangeError} If there are fewer than two widths, or one is not a positive integer.
   */
  constructor(device: Device, widths: readonly number[], options: MLPOptions) {
    super();
    if (widths.length < 2) {
      throw new RangeError(
        `Cannot make an MLP: wanted at least 2 widths, those of input and output, got ${widths.length}`,
      );
    }
    const { seed, activation = "relu", bias = true } = options;
    this.#activation = new Activation(activation);
    this.layers = widths.slice(1).map((outputs, i) =>
      new Linear(device, widths[i]!, outputs, { bias, seed: namedSeed(seed, `layers.${i}`) })
    );
  }

  /**
   * Applies all layers, with the activation between them.
   *
   * @param x `[..., first width]`
   * @returns `[..., last width]`
   * @throws {RangeError} If the last axis has another length.
   */
  forward(x: Tensor): Tensor {
    return this.layers.reduce(
      (value, layer, i) => layer.forward(i === 0 ? value : this.#activation.forward(value)),
      x,
    );
  }
}
