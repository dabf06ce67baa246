import type { OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { type Device, layerNorm, type Tensor } from "../tensor/mod.ts";
import { formatShape } from "../tensor/layout.ts";
import { ones, zeros } from "./initializers.ts";
import { checkLayer, inType, parameter } from "./parameter.ts";
import { Module } from "./module.ts";

/** Options for {@linkcode GroupNorm}. */
export interface GroupNormOptions {
  /** Added to the variance. @default {1e-5} */
  readonly epsilon?: number;
}

const OPTIONS: OptionNames<GroupNormOptions> = { epsilon: true };

/**
 * Normalizes each group of channels of each element of a batch to mean 0 and variance 1, then
 * applies a learned scale and bias for each channel. Source: Wu and He, "Group Normalization" (2018).
 *
 * @example
 * ```ts
 * import { normal, openDevice } from "../tensor/mod.ts";
 * import { GroupNorm } from "./group_norm.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = normal(device, [2, 6, 4, 4], { seed: 1 }).add(5);
 * const y = new GroupNorm(device, 3, 6).forward(x);
 * if (Math.abs(await y.mean().item()) > 1e-5) throw new Error("expected mean 0");
 * await device.close();
 * ```
 */
export class GroupNorm extends Module {
  /** Scale, `[channels]`, initially one. */
  readonly weight: Tensor;
  /** Bias, `[channels]`, initially zero. */
  readonly bias: Tensor;
  readonly #groups: number;
  readonly #epsilon: number;

  /**
   * Creates the parameters.
   *
   * @throws {RangeError} If a size is not a positive integer, or the groups do not divide the channels.
   */
  constructor(device: Device, groups: number, channels: number, options: GroupNormOptions = {}) {
    super();
    checkLayer("GroupNorm", device, { groups, channels }, options, OPTIONS);
    if (channels % groups !== 0) {
      throw wrongValue("make a GroupNorm", `groups that divide ${channels} channels`, groups);
    }
    this.#groups = groups;
    this.#epsilon = options.epsilon ?? 1e-5;
    this.weight = parameter(device, [channels], ones, 0);
    this.bias = parameter(device, [channels], zeros, 0);
  }

  /** Normalizes `[B, channels, …]`. @throws {RangeError} If the second axis has another length. */
  forward(x: Tensor): Tensor {
    const [batch = 0, channels = 0, ...rest] = x.shape;
    if (channels !== this.weight.shape[0]) {
      const wanted = `[B, ${this.weight.shape[0]}, …]`;
      throw wrongValue("run a GroupNorm", wanted, formatShape(x.shape));
    }
    const length = rest.reduce((product, size) => product * size, channels / this.#groups);
    const rows = x.reshape([batch, this.#groups, length]);
    const normal = layerNorm(rows, { epsilon: this.#epsilon }).reshape(x.shape);
    const perChannel = [channels, ...rest.map(() => 1)];
    return normal.mul(inType(this.weight, x.dtype).reshape(perChannel))
      .add(inType(this.bias, x.dtype).reshape(perChannel));
  }
}
