/**
 * The methods of tensors, each of which calls its operation.
 *
 * Operations are built on tensors, so `tensor.ts` loads before them: this file adds the methods of
 * the interface below to `Tensor`, which extends it.
 *
 * @module
 */

import { describeValue } from "../checks.ts";

import { wrongType, wrongValue } from "../errors.ts";
import type { DType } from "../layout.ts";
import { setOwnOperations, Tensor, type TensorOrNumber } from "../tensor.ts";
import * as elementwise from "./elementwise.ts";
import { matmul, type MatmulOptions } from "./matmul/matmul.ts";
import * as reduce from "./reduce.ts";
import * as rows from "./rows.ts";
import * as views from "./views.ts";

/** The operations of a {@linkcode Tensor}. */
export interface TensorMethods {
  // Elementwise
  /** this + other, with broadcasting. */
  add(other: TensorOrNumber): Tensor;

  /** this − other, with broadcasting. */
  sub(other: TensorOrNumber): Tensor;

  /** this · other, elementwise, with broadcasting. */
  mul(other: TensorOrNumber): Tensor;

  /** this / other, with broadcasting. */
  div(other: TensorOrNumber): Tensor;

  /** The elementwise maximum, with broadcasting. */
  maximum(other: TensorOrNumber): Tensor;

  /** The elementwise minimum, with broadcasting. */
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

  /** The hyperbolic tangent. */
  tanh(): Tensor;

  /** 1 / (1 + e^−this) */
  sigmoid(): Tensor;

  /** this where positive, else 0. */
  relu(): Tensor;

  /** ReLU², nanochat's activation. */
  reluSquared(): Tensor;

  /** SiLU (swish): this · sigmoid(this). */
  silu(): Tensor;

  /** Soft-capping: cap · tanh(this / cap), between −cap and cap. */
  softcap(cap: number): Tensor;

  /** `a` where this is not 0, else `b`. */
  where(a: TensorOrNumber, b: TensorOrNumber): Tensor;

  /**
   * Casts to another dtype: rounds to nearest for `float16` (infinite from 65,520 on), and integers
   * above 2²⁴ for `float32`; truncates floats for `int32`, clamped to its range, NaN to 0. Gradients
   * flow back between floats, each in the dtype of its tensor.
   */
  to(dtype: DType): Tensor;

  // Reductions and rows
  /** The sum along the given axes, or of all elements. */
  sum(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The mean along the given axes, or of all elements. */
  mean(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The maximum along the given axes, or of all elements. */
  max(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The minimum along the given axes, or of all elements. */
  min(axes?: number | readonly number[], keepAxes?: boolean): Tensor;

  /** The variance along the given axes, or of all elements; divides by n − `correction`. */
  variance(axes?: number | readonly number[], keepAxes?: boolean, correction?: number): Tensor;

  /** The index of the first maximum along an axis: `int32`. */
  argmax(axis?: number, keepAxis?: boolean): Tensor;

  /** The softmax along an axis. */
  softmax(axis?: number): Tensor;

  /** The logarithm of the softmax. */
  logSoftmax(axis?: number): Tensor;

  /** log Σ e^this along the axis. */
  logSumExp(axis?: number, keepAxis?: boolean): Tensor;

  // Matmul
  /** Matmul over the last two axes; leading axes are batches, with broadcasting. */
  matmul(other: Tensor, options?: MatmulOptions): Tensor;

  // Views
  /** The same elements in another shape; one length may be −1. Copies only if necessary. */
  reshape(shape: readonly number[], ...others: never[]): Tensor;

  /** Swaps two axes. */
  transpose(first?: number, second?: number): Tensor;

  /** Permutes the axes. */
  permute(order: readonly number[], ...others: never[]): Tensor;

  /**
   * Elements from `start` to `end` (exclusive) along an axis; negative limits count from its end.
   */
  slice(axis: number, start: number, end?: number, ...others: never[]): Tensor;

  /** Broadcasts axes of length 1, without copying. */
  expand(shape: readonly number[], ...others: never[]): Tensor;

  /** Removes an axis of length 1, or all of them. */
  squeeze(axis?: number): Tensor;

  /** Inserts an axis of length 1. */
  unsqueeze(axis: number): Tensor;

  /** The same elements, contiguous in memory; copies only if they are not. */
  contiguous(): Tensor;
}

/** Checks the list that a method takes, where other libraries take the numbers one by one. */
function checkedList(
  name: string,
  list: readonly number[],
  others: readonly unknown[],
): readonly number[] {
  if (Array.isArray(list) || ArrayBuffer.isView(list)) return list;
  const numbers = [list, ...others].filter((each) => each !== undefined);
  const areNumbers = numbers.length > 0 && numbers.every((each) => typeof each === "number");
  const example = areNumbers ? numbers.join(", ") : name === "permute" ? "1, 0" : "2, 3";
  const got = areNumbers ? `${name}(${numbers.join(", ")})` : describeValue(list);
  throw wrongType(name, `a list, as in ${name}([${example}])`, got);
}

/** The operation that computes each method: its first argument is the tensor. */
type OperationsOf<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends (
    ...others: infer Others extends readonly unknown[]
  ) => infer Result ? (x: Tensor, ...others: Others) => Result
    : never;
};

/** Adds methods to all tensors. */
export function addMethods<Methods>(operations: OperationsOf<Methods>): void {
  type AnyOperation = (x: Tensor, ...others: readonly unknown[]) => unknown;
  for (const [name, operation] of Object.entries<AnyOperation>({ ...operations })) {
    const value = function (this: Tensor, ...others: readonly unknown[]): unknown {
      return operation(this, ...others);
    };
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
  }
}

addMethods<TensorMethods>({
  add: elementwise.add,
  sub: elementwise.subtract,
  mul: elementwise.multiply,
  div: elementwise.divide,
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
  tanh: elementwise.tanh,
  sigmoid: elementwise.sigmoid,
  relu: elementwise.relu,
  reluSquared: elementwise.reluSquared,
  silu: elementwise.silu,
  softcap: elementwise.softcap,
  where: elementwise.where,
  to: elementwise.cast,
  sum: reduce.sum,
  mean: reduce.mean,
  max: reduce.max,
  min: reduce.min,
  variance: reduce.variance,
  argmax: reduce.argmax,
  softmax: rows.softmax,
  logSoftmax: rows.logSoftmax,
  logSumExp: rows.logSumExp,
  matmul,
  reshape: (x, shape, ...others) => views.reshape(x, checkedList("reshape", shape, others)),
  transpose: views.transpose,
  permute: (x, order, ...others) => views.permute(x, checkedList("permute", order, others)),
  slice: (x, axis, start, end, ...others) => {
    if (others.length === 0) return views.slice(x, axis, start, end);
    const step = "no step, which x.at([start, end, step]) takes";
    throw wrongValue("slice", step, others.join(", "));
  },
  expand: (x, shape, ...others) => views.expand(x, checkedList("expand", shape, others)),
  squeeze: views.squeeze,
  unsqueeze: views.unsqueeze,
  contiguous: views.contiguous,
});

setOwnOperations({
  fill: elementwise.fill,
  copyInto: elementwise.copyInto,
  addInPlace: elementwise.addInPlace,
  copy: elementwise.copy,
});
