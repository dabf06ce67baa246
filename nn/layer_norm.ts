import type { OptionNames } from "../tensor/checks.ts";
import { type Device, layerNorm, type Tensor } from "../tensor/mod.ts";
import { ones, zeros } from "./initializers.ts";
import { Module } from "./module.ts";
import { checkLayer, inType, parameter } from "./parameter.ts";

/** Options for {@linkcode LayerNorm}. */
export interface LayerNormOptions {
  /** Whether to add a learned bias. @default {true} */
  readonly bias?: boolean;
  /** Added to the variance. @default {1e-5} */
  readonly epsilon?: number;
}

const OPTIONS: OptionNames<LayerNormOptions> = { bias: true, epsilon: true };

/**
 * Normalizes each row to mean 0 and variance 1, then applies a learned scale and bias. Source: Ba
 * et al., "Layer Normalization" (2016).
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
  /** Scale, `[width]`, initially one. */
  readonly weight: Tensor;
  /** Bias, `[width]`, initially zero; absent with `bias: false`. */
  readonly bias?: Tensor;
  readonly #epsilon: number;

  /** Creates the parameters. @throws {RangeError} If the width is not a positive integer. */
  constructor(device: Device, width: number, options: LayerNormOptions = {}) {
    super();
    checkLayer("LayerNorm", device, { width }, options, OPTIONS);
    const { bias = true, epsilon = 1e-5 } = options;
    this.#epsilon = epsilon;
    this.weight = parameter(device, [width], ones, 0);
    if (bias) this.bias = parameter(device, [width], zeros, 0);
  }

  /** Normalizes rows, `[..., width]`, in their dtype. @throws {RangeError} If the last axis has another length. */
  forward(x: Tensor): Tensor {
    const { weight, bias } = this;
    return layerNorm(x, {
      weight: inType(weight, x.dtype),
      ...(bias && { bias: inType(bias, x.dtype) }),
      epsilon: this.#epsilon,
    });
  }
}
