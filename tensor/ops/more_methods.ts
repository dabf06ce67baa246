/** Methods of tensors that no step of a GPT needs; see `methods.ts`. @module */

import type { Device } from "../device.ts";
import { Tensor, type TensorOrNumber } from "../tensor.ts";
import { where } from "./elementwise.ts";
import * as functions from "./functions.ts";
import { at, type Index } from "./indexing/at.ts";
import { addMethods } from "./methods.ts";
import * as reductions from "./more_reductions.ts";
import { power } from "./power.ts";
import { eye, linspace } from "./ranges.ts";
import { toDevice } from "./to_device.ts";

/** Operations of a {@linkcode Tensor}, besides those of {@linkcode TensorMethods}. */
export interface MoreTensorMethods {
  // Indexing
  /**
   * A part of the tensor, by an argument for each axis from the first one on: a number selects an
   * index and drops the axis, `[start?, end?, step?]` keeps a range (`[]` all), `null` adds an axis, an
   * `int32` tensor selects indices. Negative numbers count from the end.
   *
   * @example
   * ```ts
   * import { openDevice, Tensor } from "../mod.ts";
   *
   * const device = await openDevice("cpu", { threads: 1, blas: false });
   * const x = Tensor.from(device, [[1, 2, 3], [4, 5, 6]]);
   * if ((await x.at(0).data()).join() !== "1,2,3") throw new Error("expected the first row");
   * if ((await x.at([], -1).data()).join() !== "3,6") throw new Error("expected the last column");
   * if (x.at([], [0, 3, 2], null).shape.join() !== "2,2,1") throw new Error("expected [2, 2, 1]");
   * const last = Tensor.from(device, [1, 1], { dtype: "int32" });
   * if ((await x.at(last).data()).join() !== "4,5,6,4,5,6") throw new Error("expected row 1 twice");
   * await device.close();
   * ```
   */
  at(...indices: readonly Index[]): Tensor;

  /** `value` where the mask, which is broadcast, is not 0; this elsewhere. */
  maskedFill(mask: Tensor, value: number): Tensor;

  /**
   * A copy on another device, for which the values are read. A parameter becomes one there, without its
   * gradient.
   *
   * @throws {Error} If it is the result of an operation that requires a gradient, which would end here:
   * `detach` it first.
   *
   * @example
   * ```ts
   * import { openDevice, Tensor } from "../mod.ts";
   *
   * const here = await openDevice("cpu", { threads: 1, blas: false });
   * const there = await openDevice("cpu", { threads: 2, blas: false });
   * const x = await Tensor.from(here, [1, 2]).toDevice(there);
   * if (x.device !== there || await x.sum().item() !== 3) throw new Error("expected 1 + 2 there");
   * await here.close();
   * await there.close();
   * ```
   */
  toDevice(device: Device): Promise<Tensor>;

  // Elementwise
  /**
   * this to the power of other, with broadcasting. Unlike in PyTorch, (−0)^−0.5 is ∞ and (−∞)^−0.5
   * is 0, as IEEE 754 and `Math.pow` define them.
   */
  pow(exponent: TensorOrNumber): Tensor;

  /** The absolute value. Unlike in PyTorch, the gradient at NaN is NaN. */
  abs(): Tensor;

  /**
   * Clamps the values between two bounds; `null` is none. Unlike in PyTorch, the gradient at NaN is 1.
   *
   * @throws {RangeError} If `low` is above `high`.
   */
  clamp(low: number | null, high?: number | null): Tensor;

  /** The sine, in radians; of more than 10⁴ any number from −1 to 1. */
  sin(): Tensor;

  /** The cosine, in radians; of more than 10⁴ any number from −1 to 1. */
  cos(): Tensor;

  /** The error function. */
  erf(): Tensor;

  /** The largest integer that is not above. */
  floor(): Tensor;

  /** The smallest integer that is not below. */
  ceil(): Tensor;

  /** The nearest integer, and of two the even one. */
  round(): Tensor;

  /** −1, 0 or 1. Unlike in PyTorch, NaN at NaN. */
  sign(): Tensor;

  /** log(1 + this), also near 0. */
  log1p(): Tensor;

  /** e to the power of this, minus 1, also near 0. */
  expm1(): Tensor;

  /** 1 / √this */
  rsqrt(): Tensor;

  /** 1 / this */
  reciprocal(): Tensor;

  /** 1 where this is NaN, else 0. */
  isNaN(): Tensor;

  /** 1 where this is neither NaN nor infinite, else 0. */
  isFinite(): Tensor;

  /** ⌊this / other⌋, with broadcasting; of integers exactly, and −1 for a divisor of 0. */
  floorDivide(other: TensorOrNumber): Tensor;

  /** The remainder of `floorDivide`, with the sign of `other`, as in Python. */
  remainder(other: TensorOrNumber): Tensor;

  // Activations
  /**
   * The Gaussian error linear unit, by its `tanh` approximation unless `"erf"` is chosen. Unlike in
   * PyTorch, `"erf"` of ∞ is ∞, not NaN.
   */
  gelu(approximation?: "tanh" | "erf"): Tensor;

  /** log(1 + e^this) */
  softplus(): Tensor;

  /** The logarithm of the sigmoid. */
  logSigmoid(): Tensor;

  /** this where positive, else `alpha` · (e^this − 1). @param alpha 1 by default. */
  elu(alpha?: number): Tensor;

  /** this where positive, else `slope` · this. @param slope 0.01 by default. */
  leakyRelu(slope?: number): Tensor;

  /** this · min(max(this + 3, 0), 6) / 6; 0 at −∞, where PyTorch has NaN. */
  hardswish(): Tensor;

  // Reductions
  /** The standard deviation along the given axes, or of all; divides by n − `correction` (1). */
  std(axes?: number | readonly number[], keepAxes?: boolean, correction?: number): Tensor;

  /** The Euclidean norm along the given axes, or of all elements. */
  norm(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The product along the given axes, or of all elements. */
  prod(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** 1 if an element along the given axes, or any, is not 0; else 0. */
  any(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** 1 if no element along the given axes, or none, is 0; else 0. */
  all(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The index of the first minimum along an axis: `int32`. */
  argmin(axis?: number, keepAxis?: boolean): Tensor;
}

addMethods<MoreTensorMethods>({
  at: (x, ...indices) => at(x, indices),
  maskedFill: (x, mask, value) => where(mask, value, x),
  toDevice,
  pow: power,
  abs: functions.abs,
  clamp: functions.clamp,
  sin: functions.sin,
  cos: functions.cos,
  erf: functions.erf,
  floor: functions.floor,
  ceil: functions.ceil,
  round: functions.round,
  sign: functions.sign,
  log1p: functions.log1p,
  expm1: functions.expm1,
  rsqrt: functions.rsqrt,
  reciprocal: functions.reciprocal,
  isNaN: functions.isNaN,
  isFinite: functions.isFinite,
  floorDivide: functions.floorDivide,
  remainder: functions.remainder,
  gelu: functions.gelu,
  softplus: functions.softplus,
  logSigmoid: functions.logSigmoid,
  elu: functions.elu,
  leakyRelu: functions.leakyRelu,
  hardswish: functions.hardswish,
  std: reductions.std,
  norm: reductions.norm,
  prod: reductions.prod,
  any: reductions.any,
  all: reductions.all,
  argmin: reductions.argmin,
});
Tensor.eye = eye;
Tensor.linspace = linspace;
