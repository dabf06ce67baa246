import type { OptionNames } from "../tensor/checks.ts";
import { type Device, rmsNorm, type Tensor } from "../tensor/mod.ts";
import { ones } from "./initializers.ts";
import { Module } from "./module.ts";
import { checkLayer, inType, parameter } from "./parameter.ts";

/** Options for {@linkcode RMSNorm}. */
export interface RMSNormOptions {
  /** Whether to apply a learned scale. @default {true} */
  readonly weight?: boolean;
  /** Added to the mean square. @default {2⁻²³} */
  readonly epsilon?: number;
}

const OPTIONS: OptionNames<RMSNormOptions> = { weight: true, epsilon: true };

/**
 * Divides each row by its root mean square, then applies a learned scale. Source: Zhang and
 * Sennrich, "Root Mean Square Layer Normalization" (2019).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { RMSNorm } from "./rms_norm.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = await new RMSNorm(device, 2).forward(Tensor.from(device, [[1, 7]])).data();
 * if (Math.abs(y[0]! - 0.2) > 1e-6 || Math.abs(y[1]! - 1.4) > 1e-6) throw new Error(`got ${y}`);
 * await device.close();
 * ```
 */
export class RMSNorm extends Module {
  /** Scale, `[width]`, initially one; absent with `weight: false`. */
  readonly weight?: Tensor;
  readonly #epsilon: number | undefined;

  /** Creates the parameters. @throws {RangeError} If the width is not a positive integer. */
  constructor(device: Device, width: number, options: RMSNormOptions = {}) {
    super();
    checkLayer("RMSNorm", device, { width }, options, OPTIONS);
    this.#epsilon = options.epsilon;
    if (options.weight ?? true) this.weight = parameter(device, [width], ones, 0);
  }

  /** Normalizes rows, `[..., width]`, in their dtype. @throws {RangeError} If the last axis has another length. */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, {
      ...(this.weight && { weight: inType(this.weight, x.dtype) }),
      ...(this.#epsilon !== undefined && { epsilon: this.#epsilon }),
    });
  }
}
