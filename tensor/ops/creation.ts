/**
 * Random tensors. The numbers are generated on the host by `random.ts`, so a seed gives the same
 * bits on every device.
 *
 * @module
 */

import { checkDevice, checkIsNumber, checkOptions, type OptionNames } from "../checks.ts";
import type { Device } from "../device.ts";
import { checkShape, sizeOf } from "../layout.ts";
import { normalArray, permutationArray, uniformArray } from "../random.ts";
import { Tensor, type TensorOptions } from "../tensor.ts";

const TENSOR_OPTIONS: OptionNames<TensorOptions> = { requiresGrad: true };
const UNIFORM_OPTIONS: OptionNames<UniformOptions> = {
  seed: true,
  low: true,
  high: true,
  ...TENSOR_OPTIONS,
};
const NORMAL_OPTIONS: OptionNames<NormalOptions> = {
  seed: true,
  mean: true,
  standardDeviation: true,
  ...TENSOR_OPTIONS,
};

/** Options for {@linkcode uniform}. */
export interface UniformOptions extends TensorOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Lower limit, inclusive. @default {0} */
  readonly low?: number;
  /** Upper limit, exclusive. @default {1} */
  readonly high?: number;
}

/**
 * A tensor of uniform random numbers.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1, or `low` is not below
 * `high`.
 *
 * @example
 * ```ts
 * import { openDevice, uniform } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = uniform(device, [2, 3], { seed: 42, low: -1 });
 * if ((await x.data()).some((value) => value < -1 || value >= 1)) throw new Error("out of range");
 * await device.close();
 * ```
 */
export function uniform(device: Device, shape: readonly number[], options: UniformOptions): Tensor {
  checkDevice("sample uniform numbers", device);
  checkOptions("sample uniform numbers", options, UNIFORM_OPTIONS, ["seed"]);
  const { seed, low, high, ...rest } = options;
  checkShape(shape, "sample uniform numbers");
  return Tensor.from(device, uniformArray(seed, sizeOf(shape), low, high), { shape, ...rest });
}

/** Options for {@linkcode normal}. */
export interface NormalOptions extends TensorOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Mean. @default {0} */
  readonly mean?: number;
  /** Standard deviation. @default {1} */
  readonly standardDeviation?: number;
}

/**
 * A tensor of normal random numbers.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1.
 *
 * @example An initial weight matrix
 * ```ts
 * import { normal, openDevice } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = normal(device, [4, 8], { seed: 42, standardDeviation: 0.02, requiresGrad: true });
 * if (!weight.requiresGrad) throw new Error("expected a parameter");
 * await device.close();
 * ```
 */
export function normal(device: Device, shape: readonly number[], options: NormalOptions): Tensor {
  checkDevice("sample normal numbers", device);
  checkOptions("sample normal numbers", options, NORMAL_OPTIONS, ["seed"]);
  const { seed, mean, standardDeviation, ...rest } = options;
  checkShape(shape, "sample normal numbers");
  const values = normalArray(seed, sizeOf(shape), mean, standardDeviation);
  return Tensor.from(device, values, { shape, ...rest });
}

/** Options for {@linkcode permutation}. */
export type PermutationOptions = Pick<UniformOptions, "seed">;

/**
 * A random permutation of the integers from 0 to `count` − 1: `int32 [count]`.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1, or the count is not a
 * non-negative integer.
 *
 * @example
 * ```ts
 * import { openDevice, permutation } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const order = await permutation(device, 5, { seed: 42 }).data();
 * if (order.toSorted().join() !== "0,1,2,3,4") throw new Error("expected each number once");
 * await device.close();
 * ```
 */
export function permutation(device: Device, count: number, options: PermutationOptions): Tensor {
  checkDevice("sample a permutation", device);
  checkIsNumber("sample a permutation", "a count", count);
  checkShape([count], "sample a permutation");
  checkOptions("sample a permutation", options, { seed: true }, ["seed"]);
  return Tensor.from(device, permutationArray(options.seed, count));
}
