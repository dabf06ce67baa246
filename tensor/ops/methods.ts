/**
 * The methods of tensors, each of which calls its operation.
 *
 * Operations are built on tensors, so `tensor.ts` loads before them: this file adds the methods of
 * the class below to `Tensor`, which extends its type.
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
export class TensorMethods {
  // Elementwise
  /** this + other, with broadcasting. */
  add(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.add(this, other);
  }

  /** this − other, with broadcasting. */
  sub(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.subtract(this, other);
  }

  /** this · other, elementwise, with broadcasting. */
  mul(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.multiply(this, other);
  }

  /** this / other, with broadcasting. */
  div(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.divide(this, other);
  }

  /** The elementwise maximum, with broadcasting. */
  maximum(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.maximum(this, other);
  }

  /** The elementwise minimum, with broadcasting. */
  minimum(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.minimum(this, other);
  }

  /** 1 where this < other, else 0. */
  lt(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.less(this, other);
  }

  /** 1 where this ≤ other, else 0. */
  le(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.lessEqual(this, other);
  }

  /** 1 where this > other, else 0. */
  gt(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.greater(this, other);
  }

  /** 1 where this ≥ other, else 0. */
  ge(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.greaterEqual(this, other);
  }

  /** 1 where this = other, else 0. */
  eq(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.equal(this, other);
  }

  /** 1 where this ≠ other, else 0. */
  ne(this: Tensor, other: TensorOrNumber): Tensor {
    return elementwise.notEqual(this, other);
  }

  /** −this */
  neg(this: Tensor): Tensor {
    return elementwise.negate(this);
  }

  /** e to the power of this. */
  exp(this: Tensor): Tensor {
    return elementwise.exp(this);
  }

  /** The natural logarithm. */
  log(this: Tensor): Tensor {
    return elementwise.log(this);
  }

  /** The square root. */
  sqrt(this: Tensor): Tensor {
    return elementwise.sqrt(this);
  }

  /** The square. */
  square(this: Tensor): Tensor {
    return elementwise.square(this);
  }

  /** The hyperbolic tangent. */
  tanh(this: Tensor): Tensor {
    return elementwise.tanh(this);
  }

  /** 1 / (1 + e^−this) */
  sigmoid(this: Tensor): Tensor {
    return elementwise.sigmoid(this);
  }

  /** this where positive, else 0. */
  relu(this: Tensor): Tensor {
    return elementwise.relu(this);
  }

  /** ReLU², nanochat's activation. */
  reluSquared(this: Tensor): Tensor {
    return elementwise.reluSquared(this);
  }

  /** SiLU (swish): this · sigmoid(this). */
  silu(this: Tensor): Tensor {
    return elementwise.silu(this);
  }

  /** Soft-capping: cap · tanh(this / cap), between −cap and cap. */
  softcap(this: Tensor, cap: number): Tensor {
    return elementwise.softcap(this, cap);
  }

  /** `a` where this is not 0, else `b`. */
  where(this: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor {
    return elementwise.where(this, a, b);
  }

  /**
   * Casts to another dtype: rounds to nearest for `float16` (infinite from 65,520 on), and integers
   * above 2²⁴ for `float32`; truncates floats for `int32`, clamped to its range, NaN to 0. Gradients
   * flow back between floats, each in the dtype of its tensor.
   */
  to(this: Tensor, dtype: DType): Tensor {
    return elementwise.cast(this, dtype);
  }

  // Reductions and rows
  /** The sum along the given axes, or of all elements. */
  sum(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reduce.sum(this, axes, keepAxes);
  }

  /** The mean along the given axes, or of all elements. */
  mean(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reduce.mean(this, axes, keepAxes);
  }

  /** The maximum along the given axes, or of all elements. */
  max(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reduce.max(this, axes, keepAxes);
  }

  /** The minimum along the given axes, or of all elements. */
  min(this: Tensor, axes?: number | readonly number[], keepAxes?: boolean): Tensor {
    return reduce.min(this, axes, keepAxes);
  }

  /** The variance along the given axes, or of all elements; divides by n − `correction`. */
  variance(
    this: Tensor,
    axes?: number | readonly number[],
    keepAxes?: boolean,
    correction?: number,
  ): Tensor {
    return reduce.variance(this, axes, keepAxes, correction);
  }

  /** The index of the first maximum along an axis: `int32`. */
  argmax(this: Tensor, axis?: number, keepAxis?: boolean): Tensor {
    return reduce.argmax(this, axis, keepAxis);
  }

  /** The softmax along an axis. */
  softmax(this: Tensor, axis?: number): Tensor {
    return rows.softmax(this, axis);
  }

  /** The logarithm of the softmax. */
  logSoftmax(this: Tensor, axis?: number): Tensor {
    return rows.logSoftmax(this, axis);
  }

  /** log Σ e^this along the axis. */
  logSumExp(this: Tensor, axis?: number, keepAxis?: boolean): Tensor {
    return rows.logSumExp(this, axis, keepAxis);
  }

  // Matmul
  /** Matmul over the last two axes; leading axes are batches, with broadcasting. */
  matmul(this: Tensor, other: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, other, options);
  }

  // Views
  /** The same elements in another shape; one length may be −1. Copies only if necessary. */
  reshape(this: Tensor, shape: readonly number[], ...others: never[]): Tensor {
    return views.reshape(this, checkedList("reshape", shape, others));
  }

  /** Swaps two axes. */
  transpose(this: Tensor, first?: number, second?: number): Tensor {
    return views.transpose(this, first, second);
  }

  /** Permutes the axes. */
  permute(this: Tensor, order: readonly number[], ...others: never[]): Tensor {
    return views.permute(this, checkedList("permute", order, others));
  }

  /**
   * Elements from `start` to `end` (exclusive) along an axis; negative limits count from its end.
   */
  slice(this: Tensor, axis: number, start: number, end?: number, ...others: never[]): Tensor {
    if (others.length === 0) return views.slice(this, axis, start, end);
    const step = "no step, which x.at([start, end, step]) takes";
    throw wrongValue("slice", step, others.join(", "));
  }

  /** Broadcasts axes of length 1, without copying. */
  expand(this: Tensor, shape: readonly number[], ...others: never[]): Tensor {
    return views.expand(this, checkedList("expand", shape, others));
  }

  /** Removes an axis of length 1, or all of them. */
  squeeze(this: Tensor, axis?: number): Tensor {
    return views.squeeze(this, axis);
  }

  /** Inserts an axis of length 1. */
  unsqueeze(this: Tensor, axis: number): Tensor {
    return views.unsqueeze(this, axis);
  }

  /** The same elements, contiguous in memory; copies only if they are not. */
  contiguous(this: Tensor): Tensor {
    return views.contiguous(this);
  }
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

/** Adds methods to all tensors. */
export function addMethods(prototype: object): void {
  const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(prototype);
  Object.defineProperties(Tensor.prototype, methods);
}
addMethods(TensorMethods.prototype);

setOwnOperations({
  fill: elementwise.fill,
  copyInto: elementwise.copyInto,
  addInPlace: elementwise.addInPlace,
  copy: elementwise.copy,
});
