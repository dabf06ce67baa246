/**
 * Installs the operations as methods of tensors. Operations are built on tensors, so `tensor.ts`
 * loads before them and does not know them. Only this file maps method names to operations.
 *
 * @module
 */

import { describeValue } from "../checks.ts";
import type { DType } from "../dtype.ts";
import { TypeError } from "../errors.ts";
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
  /** this + other, with broadcasting. */
  add(other: TensorOrNumber): Tensor;
  /** this − other, with broadcasting. */
  sub(other: TensorOrNumber): Tensor;
  /** this · other, elementwise, with broadcasting. */
  mul(other: TensorOrNumber): Tensor;
  /** this / other, with broadcasting. */
  div(other: TensorOrNumber): Tensor;
  /**
   * this to the power of other, with broadcasting. Unlike in PyTorch, (−0)^−0.5 is ∞ and (−∞)^−0.5
   * is 0, as IEEE 754 and `Math.pow` define them.
   */
  pow(exponent: TensorOrNumber): Tensor;
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
  /** The absolute value. Unlike in PyTorch, the gradient at NaN is NaN. */
  abs(): Tensor;
  /** The hyperbolic tangent. */
  tanh(): Tensor;
  /** 1 / (1 + e^−this) */
  sigmoid(): Tensor;
  /** this where positive, else 0. */
  relu(): Tensor;
  /** ReLU², nanochat's activation. */
  reluSquared(): Tensor;
  /**
   * The Gaussian error linear unit, by its `tanh` approximation unless `"erf"` is chosen. Unlike in
   * PyTorch, `"erf"` of ∞ is ∞, not NaN.
   */
  gelu(approximation?: "tanh" | "erf"): Tensor;
  /** SiLU (swish): this · sigmoid(this). */
  silu(): Tensor;
  /** Soft-capping: cap · tanh(this / cap), between −cap and cap. */
  softcap(cap: number): Tensor;
  /** Clamps the values between two bounds. Unlike in PyTorch, the gradient at NaN is 1. */
  clamp(low: number, high: number): Tensor;
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
  reshape(shape: readonly number[]): Tensor;
  /** Swaps two axes. */
  transpose(first?: number, second?: number): Tensor;
  /** Permutes the axes. */
  permute(order: readonly number[]): Tensor;
  /**
   * Elements from `start` to `end` (exclusive) along an axis; negative limits count from its end.
   */
  slice(axis: number, start: number, end?: number): Tensor;
  /** Broadcasts axes of length 1, without copying. */
  expand(shape: readonly number[]): Tensor;
  /** Removes an axis of length 1, or all of them. */
  squeeze(axis?: number): Tensor;
  /** Inserts an axis of length 1. */
  unsqueeze(axis: number): Tensor;
  /** The same elements, contiguous in memory; copies only if they are not. */
  contiguous(): Tensor;
}

/** The operation of each method takes the tensor first. All of `reduce.ts` and `views.ts` are methods. */
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
  ...reduce,
  softmax: rows.softmax,
  logSoftmax: rows.logSoftmax,
  logSumExp: rows.logSumExp,
  // Matmul
  matmul,
  // Views
  ...views,
};

/** Methods of a list of numbers, where other libraries take the numbers one by one. */
const TAKES_LIST: ReadonlySet<string> = new Set(["reshape", "permute", "expand"]);

/** Describes a call that gives numbers one by one. */
function notInList(name: string, given: readonly unknown[]): TypeError {
  const numbers = given.filter((each) => each !== undefined);
  const areNumbers = numbers.length > 0 && numbers.every((each) => typeof each === "number");
  const example = areNumbers ? numbers.join(", ") : name === "permute" ? "1, 0" : "2, 3";
  return new TypeError(
    `Cannot ${name}: wanted a list, as in ${name}([${example}]), got ` +
      (areNumbers ? `${name}(${numbers.join(", ")})` : describeValue(given[0])),
  );
}

type AnyOperation = (x: Tensor, a?: unknown, b?: unknown, c?: unknown) => Tensor;

function methodOf(operation: AnyOperation): Tensor["add"] {
  // As many parameters as any operation has: rest parameters would make an array at every call.
  return function (this: Tensor, a?: unknown, b?: unknown, c?: unknown): Tensor {
    return operation(this, a, b, c);
  };
}

/** The method of an operation on a list. */
function listMethodOf(name: string, operation: AnyOperation): Tensor["reshape"] {
  return function (this: Tensor, list?: unknown, ...others: unknown[]): Tensor {
    if (Array.isArray(list) || ArrayBuffer.isView(list)) return operation(this, list);
    throw notInList(name, [list, ...others]);
  };
}

for (const [name, operation] of Object.entries(OPERATIONS) as [string, AnyOperation][]) {
  const method = TAKES_LIST.has(name) ? listMethodOf(name, operation) : methodOf(operation);
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method });
}

setOwnOperations({
  fill: elementwise.fill,
  copyInto: elementwise.copyInto,
  addInPlace: elementwise.addInPlace,
  copy: elementwise.copy,
});
