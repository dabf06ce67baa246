/** Layer normalisation. @module */

import { type Device, layerNorm, type Tensor } from "../tensor/mod.ts";
import { ones, zeros } from "./initializers.ts";
import { Module } from "./module.ts";
import { parameter } from "./parameter.ts";
import { checkSize } from "./sizes.ts";

/** What {@linkcode LayerNorm} can be told. */
export interface LayerNormOptions {
  /** Whether something learned is added at the end; so unless `false`. */
  readonly bias?: boolean;
  /** Added to the variance; 1e-5 unless given. */
  readonly epsilon?: number;
}

/**
 * Moves each row to mean 0 and variance 1, and then by learned factors and a learned bias.
 *
 * Source: Ba et al., "Layer Normalization" (2016).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { LayerNorm } from "./layer_norm.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = await new LayerNorm(device, 2).forward(Tensor.from(device, [[1, 7]])).data();
 * if (Math.abs(y[0]! + 1) > 1e-5 || Math.abs(y[1]! - 1) > 1e-5) throw new Error(`got ${y}`);
 * await device.close();
 * ```
 */
export class LayerNorm extends Module {
  /** `[width]`: ones at first. */
  readonly weight: Tensor;
  /** `[width]`, if there is one: zeros at first. */
  readonly bias?: Tensor;
  readonly #epsilon: number;

  /**
   * Makes the parameters.
   *
   * @param device Where the parameters live.
   * @param width The length of a row.
   * @throws {RangeError} If the width is not a positive integer.
   */
  constructor(device: Device, width: number, options: LayerNormOptions = {}) {
    super();
    checkSize("LayerNorm", "width", width);
    const { bias = true, epsilon = 1e-5 } = options;
    this.#epsilon = epsilon;
    this.weight = parameter(device, [width], ones, 0);
    if (bias) this.bias = parameter(device, [width], zeros, 0);
  }

  /**
   * Normalises rows.
   *
   * @param x `[..., width]`
   * @returns `[..., width]`
   * @throws {RangeError} If the last axis has another length.
   */
  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return layerNorm(x, { weight, ...(bias && { bias }), epsilon: this.#epsilon });
  }
}
