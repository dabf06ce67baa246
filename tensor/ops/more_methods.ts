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
export class MoreTensorMethods {
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
  at(this: Tensor, ...indices: readonly Index[]): Tensor {
    return at(this, indices);
  }

  /** `value` where the mask, which is broadcast, is not 0; this elsewhere. */
  maskedFill(this: Tensor, mask: Tensor, value: number): Tensor {
    return where(mask, value, this);
  }

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
  toDevice(this: Tensor, device: Device): Promise<Tensor> {
    return toDevice(this, device);
  }

  // Elementwise
  /**
   * this to the power of other, with broadcasting. Unlike in PyTorch, (−0)^−0.5 is ∞ and (−∞)^−0.5
   * is 0, as IEEE 754 and `Math.pow` define them.
   */
  pow(this: Tensor, exponent: TensorOrNumber): Tensor {
    return power(this, exponent);
  }

  /** The absolute value. Unlike in PyTorch, the gradient at NaN is NaN. */
  abs(this: Tensor): Tensor {
    return functions.abs(this);
  }

  /**
   * Clamps the values between two bounds; `null` is none. Unlike in PyTorch, the gradient at NaN is 1.
   *
   * @throws {RangeError} If `low` is above `high`.
   */
  clamp(this: Tensor, low: number | null, high?: number | null): Tensor {
    return functions.clamp(this, low, high);
  }

  /** The sine, in radians; of more than 10⁴ any number from −1 to 1. */
  sin(this: Tensor): Tensor {
    return functions.sin(this);
  }

  /** The cosine, in radians; of more than 10⁴ any number from −1 to 1. */
  cos(this: Tensor): Tensor {
    return functions.cos(this);
  }

  /** The error function. */
  erf(this: Tensor): Tensor {
    return functions.erf(this);
  }

  /** The largest integer that is not above. */
  floor(this: Tensor): Tensor {
    return functions.floor(this);
  }

  /** The smallest integer that is not below. */
  ceil(this: Tensor): Tensor {
    return functions.ceil(this);
  }

  /** The nearest integer, and of two the even one. */
  round(this: Tensor): Tensor {
    return functions.round(this);
  }

  /** −1, 0 or 1. Unlike in PyTorch, NaN at NaN. */
  sign(this: Tensor): Tensor {
    return functions.sign(this);
  }

  /** log(1 + this), also near 0. */
  log1p(this: Tensor): Tensor {
    return functions.log1p(this);
  }

  /** e to the power of this, minus 1, also near 0. */
  expm1(this: Tensor): Tensor {
    return functions.expm1(this);
  }

  /** 1 / √this */
  rsqrt(this: Tensor): Tensor {
    return functions.rsqrt(this);
  }

  /** 1 / this */
  reciprocal(this: Tensor): Tensor {
    return functions.reciprocal(this);
  }

  /** 1 where this is NaN, else 0. */
  isNaN(this: Tensor): Tensor {
    return functions.isNaN(this);
  }

  /** 1 where this is neither NaN nor infinite, else 0. */
  isFinite(this: Tensor): Tensor {
    return functions.isFinite(this);
  }

  /** ⌊this / other⌋, with broadcasting; of integers exactly, and −1 for a divisor of 0. */
  floorDivide(this: Tensor, other: TensorOrNumber): Tensor {
    return functions.floorDivide(this, other);
  }

  /** The remainder of `floorDivide`, with the sign of `other`, as in Python. */
  remainder(this: Tensor, other: TensorOrNumber): Tensor {
    return functions.remainder(this, other);
  }

  // Activations
  /**
   * The Gaussian error linear unit, by its `tanh` approximation unless `"erf"` is chosen. Unlike in
   * PyTorch, `"erf"` of ∞ is ∞, not NaN.
   */
  gelu(this: Tensor, approximation?: "tanh" | "erf"): Tensor {
    return functions.gelu(this, approximation);
  }

  /** log(1 + e^this) */
  softplus(this: Tensor): Tensor {
    return functions.softplus(this);
  }

  /** The logarithm of the sigmoid. */
  logSigmoid(this: Tensor): Tensor {
    return functions.logSigmoid(this);
  }

  /** this where positive, else `alpha` · (e^this − 1). @param alpha 1 by default. */
  elu(this: Tensor, alpha?: number): Tensor {
    return functions.elu(this, alpha);
  }

  /** this where positive, else `slope` · this. @param slope 0.01 by default. */
  leakyRelu(this: Tensor, slope?: number): Tensor {
    return functions.leakyRelu(this, slope);
  }

  /** this · min(max(this + 3, 0), 6) / 6; 0 at −∞, where PyTorch has NaN. */
  hardswish(this: Tensor): Tensor {
    return functions.hardswish(this);
  }

  // Reductions
  /** The standard deviation along the given axes, or of all; divides by n − `correction` (1). */
  std(
    this: Tensor,
    axes?: number | readonly number[],
    keepAxes?: boolean,
    correction?: number,
  ): Tensor {
    return reductions.std(this, axes, keepAxes, correction);
  }

  /** The Euclidean norm along the given axes, or of all elements. */
  norm(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reductions.norm(this, axes, keepAxes);
  }

  /** The product along the given axes, or of all elements. */
  prod(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reductions.prod(this, axes, keepAxes);
  }

  /** 1 if an element along the given axes, or any, is not 0; else 0. */
  any(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reductions.any(this, axes, keepAxes);
  }

  /** 1 if no element along the given axes, or none, is 0; else 0. */
  all(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reductions.all(this, axes, keepAxes);
  }

  /** The index of the first minimum along an axis: `int32`. */
  argmin(this: Tensor, axis?: number, keepAxis?: boolean): Tensor {
    return reductions.argmin(this, axis, keepAxis);
  }
}

addMethods(MoreTensorMethods.prototype);
Tensor.eye = eye;
Tensor.linspace = linspace;
