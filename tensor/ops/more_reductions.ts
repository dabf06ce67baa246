/** Reductions that no step of a GPT needs; see `reduce.ts`. @module */

import { named } from "../apply.ts";
import * as ex from "../formula/expression.ts";
import { defineProgram } from "../formula/program.ts";
import { isFloat, normalizeAxis } from "../layout.ts";
import { Tensor } from "../tensor.ts";
import { cast, equal, greater, multiply, notEqual } from "./elementwise.ts";
import { rootOfVariance } from "./functions.ts";
import { concat } from "./join.ts";
import { runProgram } from "./program.ts";
import { type Axes, reduceAlong, rowProgram, sum, variance } from "./reduce.ts";
import { slice } from "./views.ts";

/** The root of the variance; its gradient is 0 where all elements are equal, as in PyTorch. */
export function std(x: Tensor, axes?: Axes, keepAxes = false, correction = 1): Tensor {
  // In float32, as the square of a float16 number may exceed what float16 holds.
  const wide = isFloat(x.dtype) ? cast(x, "float32") : x;
  return named("std", cast(rootOfVariance(variance(wide, axes, keepAxes, correction)), x.dtype));
}

const normProgram = defineProgram({ name: "norm", inputs: ["x"] }, ({ x }) => {
  // Relative to the largest element, whose square might overflow.
  const largest = ex.detach(ex.rowMax(ex.abs(x)));
  const isUsable = ex.multiply(ex.less(0, largest), ex.less(largest, Infinity));
  const part = ex.divide(x, ex.select(isUsable, largest, 1));
  const squares = ex.rowSum(ex.square(part));
  const isZero = ex.equal(squares, 0);
  const root = ex.sqrt(ex.select(isZero, 1, squares));
  // The norm is Σ x · u with the direction u = x / ‖x‖, which also is its gradient, without a factor
  // that might overflow.
  const along = ex.rowSum(ex.multiply(x, ex.detach(ex.divide(part, root))));
  return [ex.select(isUsable, along, ex.select(isZero, 0, root))];
});

/** The Euclidean norm, √Σx²; its gradient at 0 is 0, as in PyTorch. */
export function norm(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("norm", x, axes, keepAxes, (rows) => runProgram(normProgram, [rows]));
}

/** Multiplies halves with each other until one is left: each step is an ordinary operation. */
function productOfRows(rows: Tensor): Tensor {
  let parts = rows;
  for (let length = rows.shape.at(-1)!; length > 1; length = parts.shape.at(-1)!) {
    const half = Math.floor(length / 2);
    const product = multiply(slice(parts, -1, 0, half), slice(parts, -1, half, 2 * half));
    parts = length % 2 === 0 ? product : concat([product, slice(parts, -1, 2 * half)], -1);
  }
  return parts;
}

/** The product along the given axes, or of all elements; 1 if there are none. */
export function prod(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("prod", x, axes, keepAxes, (rows) => {
    if (rows.shape.at(-1)! > 0) return productOfRows(rows);
    return Tensor.ones(x.device, rows.shape.with(-1, 1), { dtype: x.dtype });
  });
}

/** 1 if an element along the given axes is not 0, else 0; NaN is not 0. */
export function any(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return named("any", greater(sum(notEqual(x, 0), axes, keepAxes), 0));
}

/** 1 if no element along the given axes is 0, else 0. */
export function all(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return named("all", equal(sum(equal(x, 0), axes, keepAxes), 0));
}

const argminProgram = rowProgram("argmin", (x) => {
  const isSmallest = ex.equal(x, ex.rowMin(x));
  const candidate = ex.select(isSmallest, 1, ex.subtract(1, ex.equal(x, x)));
  return ex.rowMin(ex.select(candidate, ex.columnIndex, ex.rowLength));
});

/** The index of the first minimum along an axis, as `int32`; of the first NaN if there is one. */
export function argmin(x: Tensor, axis = -1, keepAxis = false): Tensor {
  const along = normalizeAxis(axis, x.shape, "take the argmin");
  const reduce = (rows: Tensor) => runProgram(argminProgram, [rows], [], "int32");
  return reduceAlong("argmin", x, along, keepAxis, reduce, "keepAxis");
}
