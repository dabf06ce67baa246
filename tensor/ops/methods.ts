/**
 * The operations as methods of tensors.
 *
 * Operations are made of tensors, so `tensor.ts` comes before them and knows none. Here they are put on its
 * class, when `mod.ts` is loaded. What an operation is called as a method stands in this file alone.
 *
 * @module
 */

import type { DType } from "../dtype.ts";
import { setOwnOperations, Tensor, type TensorOrNumber } from "../tensor.ts";
import * as elementwise from "./elementwise.ts";
import { matmul, type MatmulOptions } from "./matmul/matmul.ts";
import { power } from "./power.ts";
import * as reduce from "./reduce.ts";
import * as rows from "./rows.ts";
import * as views from "./views.ts";

/** The operations of a {@linkcode Tensor}. */
export interface TensorMethods {
  // Elementwise
  /** this + other, broadcast. */
  add(other: TensorOrNumber): Tensor;
  /** this − other, broadcast. */
  sub(other: TensorOrNumber): Tensor;
  /** this · other, element by element, broadcast. */
  mul(other: TensorOrNumber): Tensor;
  /** this / other, broadcast. */
  div(other: TensorOrNumber): Tensor;
  /** this to the power of other. */
  pow(exponent: TensorOrNumber): Tensor;
  /** The larger of the two, broadcast. */
  maximum(other: TensorOrNumber): Tensor;
  /** The smaller of the two, broadcast. */
  minimum(other: TensorOrNumber): Tensor;
  /** 1 where this < other, else 0. */
  lt(other: TensorOrNumber): Tensor;
  /** 1 where this ≤ other, else 0. */
  le(other: TensorOrNumber): Tensor;
  /** 1 where this > other, else 0. */
  gt(other: TensorOrNumber): Tensor;
  /** 1 where this ≥ other, else 0. */
  ge(other: TensorOrNumber): Tensor;
  /** 1 where this = other, else 0. */
  eq(other: TensorOrNumber): Tensor;
  /** 1 where this ≠ other, else 0. */
  ne(other: TensorOrNumber): Tensor;
  /** −this */
  neg(): Tensor;
  /** e to the power of this. */
  exp(): Tensor;
  /** The natural logarithm. */
  log(): Tensor;
  /** The square root. */
  sqrt(): Tensor;
  /** The square. */
  square(): Tensor;
  /** The absolute value. */
  abs(): Tensor;
  /** The hyperbolic tangent. */
  tanh(): Tensor;
  /** 1 / (1 + e^−this) */
  sigmoid(): Tensor;
  /** this where positive, else 0. */
  relu(): Tensor;
  /** The square of relu: nanochat's activation. */
  reluSquared(): Tensor;
  /** The Gaussian error linear unit, by its `tanh` approximation unless `"erf"` is asked for. */
  gelu(approximation?: "tanh" | "erf"): Tensor;
  /** this · sigmoid(this), also called swish. */
  silu(): Tensor;
  /** cap · tanh(this / cap): keeps the values between −cap and cap. */
  softcap(cap: number): Tensor;
  /** Keeps the values between two bounds. */
  clamp(low: number, high: number): Tensor;
  /** `a` where this is not 0, else `b`. */
  where(a: TensorOrNumber, b: TensorOrNumber): Tensor;
  /**
   * The same values in another type: rounded to the nearest on the way to `float16`, infinite from
   * 65,520 on; integers above 2²⁴ are rounded on the way to `float32`. Gradients flow back between
   * floats, each in the type of its tensor.
   */
  to(dtype: DType): Tensor;

  // Reductions and rows
  /** The sum along the given axes, or of everything. */
  sum(axes?: number | readonly number[], keepAxes?: boolean): Tensor;
  /** The mean along the given axes, or of everything. */
  mean(axes?: number | readonly number[], keepAxes?: boolean): Tensor;
  /** The largest element along the given axes, or of all. */
  max(axes?: number | readonly number[], keepAxes?: boolean): Tensor;
  /** The smallest element along the given axes, or of all. */
  min(axes?: number | readonly number[], keepAxes?: boolean): Tensor;
  /** The mean squared distance from the mean; divided by n − `correction`. */
  variance(axes?: number | readonly number[], keepAxes?: boolean, correction?: number): Tensor;
  /** The position of the first largest element along an axis: `int32`. */
  argmax(axis?: number, keepAxis?: boolean): Tensor;
  /** e^this, divided by its sum along the axis. */
  softmax(axis?: number): Tensor;
  /** The logarithm of the softmax. */
  logSoftmax(axis?: number): Tensor;
  /** log Σ e^this along the axis. */
  logSumExp(axis?: number, keepAxis?: boolean): Tensor;

  // Products
  /** The matrix product over the last two axes; leading axes are batches, and broadcast. */
  matmul(other: Tensor, options?: MatmulOptions): Tensor;

  // Views
  /** The same elements in another shape; one length may be −1. A copy only where it must be. */
  reshape(shape: readonly number[]): Tensor;
  /** Two axes exchanged. */
  transpose(first?: number, second?: number): Tensor;
  /** The axes in another order. */
  permute(order: readonly number[]): Tensor;
  /** The elements from `start` up to but not including `end` along an axis; negative counts from the end. */
  slice(axis: number, start: number, end?: number): Tensor;
  /** Axes of length 1 repeated; nothing is copied. */
  expand(shape: readonly number[]): Tensor;
  /** Without an axis of length 1, or without all of them. */
  squeeze(axis?: number): Tensor;
  /** With a new axis of length 1 at the given place. */
  unsqueeze(axis: number): Tensor;
  /** The same elements, one after the other in memory: a copy only where they are not. */
  contiguous(): Tensor;
}

/** A method's operation takes the tensor first. */
type Operations = {
  readonly [Name in keyof TensorMethods]: (
    x: Tensor,
    ...rest: Parameters<TensorMethods[Name]>
  ) => ReturnType<TensorMethods[Name]>;
};

const OPERATIONS: Operations = {
  // Elementwise
  add: elementwise.add,
  sub: elementwise.subtract,
  mul: elementwise.multiply,
  div: elementwise.divide,
  pow: power,
  maximum: elementwise.maximum,
  minimum: elementwise.minimum,
  lt: elementwise.less,
  le: elementwise.lessEqual,
  gt: elementwise.greater,
  ge: elementwise.greaterEqual,
  eq: elementwise.equal,
  ne: elementwise.notEqual,
  neg: elementwise.negate,
  exp: elementwise.exp,
  log: elementwise.log,
  sqrt: elementwise.sqrt,
  square: elementwise.square,
  abs: elementwise.abs,
  tanh: elementwise.tanh,
  sigmoid: elementwise.sigmoid,
  relu: elementwise.relu,
  reluSquared: elementwise.reluSquared,
  gelu: elementwise.gelu,
  silu: elementwise.silu,
  softcap: elementwise.softcap,
  clamp: elementwise.clamp,
  where: elementwise.where,
  to: elementwise.cast,
  // Reductions and rows
  sum: reduce.sum,
  mean: reduce.mean,
  max: reduce.max,
  min: reduce.min,
  variance: reduce.variance,
  argmax: reduce.argmax,
  softmax: rows.softmax,
  logSoftmax: rows.logSoftmax,
  logSumExp: rows.logSumExp,
  // Products
  matmul,
  // Views
  reshape: views.reshape,
  transpose: views.transpose,
  permute: views.permute,
  slice: views.slice,
  expand: views.expand,
  squeeze: views.squeeze,
  unsqueeze: views.unsqueeze,
  contiguous: views.contiguous,
};

for (const [name, operation] of Object.entries(OPERATIONS)) {
  const method = function (this: Tensor, ...rest: unknown[]): Tensor {
    return Reflect.apply(operation, undefined, [this, ...rest]);
  };
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method });
}

setOwnOperations({
  fill: elementwise.fill,
  copyInto: elementwise.copyInto,
  addInPlace: elementwise.addInPlace,
  copy: views.copy,
});
