/** Reductions: the reduced axes are moved last and merged, for a row program. @module */

import { named } from "../apply.ts";
import { checkIsBoolean } from "../checks.ts";
import { fitsOneBinding } from "../kernel/run.ts";
import { type DType, FLOAT_TYPES, formatShape, isFloat, normalizeAxes, sizeOf } from "../layout.ts";
import { RangeError, wrongType } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import type { Tensor } from "../tensor.ts";
import { multiply } from "./elementwise.ts";
import { isReducedAtOnce, MAX_PIECES, runProgram } from "./program.ts";
import { concat } from "./join.ts";
import { permute, reshape, slice } from "./views.ts";

/** The axes of a reduction: one, several, or all. */
export type Axes = number | readonly number[] | undefined;

/** A program that reduces rows, of floats or integers. */
export const rowProgram = (name: string, formula: (x: Expression) => Expression): Program =>
  defineProgram({ name, inputs: ["x"], overIntegers: true }, ({ x }) => [formula(x)]);

const sumProgram = rowProgram("sum", ex.rowSum);
const maxProgram = rowProgram("max", ex.rowMax);
const minProgram = rowProgram("min", ex.rowMin);

const varianceProgram = defineProgram(
  { name: "variance", inputs: ["x"], scalars: ["correction"] },
  ({ x, correction }) => {
    // The distances add up to 0, so no gradient flows through the mean: there it would be ∞ − ∞.
    const squares = ex.square(ex.subtract(x, ex.detach(ex.rowMean(x))));
    return [ex.divide(ex.rowSum(squares), ex.max(0, ex.subtract(ex.rowLength, correction)))];
  },
);

/** This many pieces, over all rows, occupy every core; with fewer, a remainder pays off. */
const MIN_PIECES = 64;

/** The tensor as rows of the elements to reduce: the reduced axes last, merged into one. */
function asRows(x: Tensor, axes: readonly number[]): Tensor {
  if (axes.length === 1 && axes[0] === x.shape.length - 1) return x;
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const rowLength = sizeOf(axes.map((axis) => x.shape[axis]!));
  const ordered = axes.length === 0 ? x : permute(x, [...kept, ...axes]);
  return reshape(ordered, [...kept.map((axis) => x.shape[axis]!), rowLength]);
}

function reducedShape(
  shape: readonly number[],
  axes: readonly number[],
  keepAxes: boolean,
): number[] {
  return shape.flatMap((length, axis) => axes.includes(axis) ? (keepAxes ? [1] : []) : [length]);
}

/** Runs an associative reduction, such as a sum or maximum, in stages. */
function reduceInStages(
  program: Program,
  rows: Tensor,
  dtype: DType = rows.dtype,
): Tensor {
  // Partial results stay in single precision, or integers.
  const between = rows.dtype === "int32" ? "int32" : "float32";
  const reduce = (x: Tensor, dtype: DType) => runProgram(program, [x], [], dtype);
  const length = rows.shape.at(-1)!;
  const rowCount = rows.size / Math.max(1, length);
  const fits = length <= 1 || fitsOneBinding(rows.device, rows.allocation);
  if (fits && isReducedAtOnce(rowCount, length)) return reduce(rows, dtype);
  const divisor = largestDivisor(length, MAX_PIECES);
  const pieces = rowCount * divisor >= MIN_PIECES ? divisor : MAX_PIECES;
  const rest = length % pieces;
  const even = rest === 0 ? rows : slice(rows, -1, 0, length - rest);
  const parts = reshape(even, [...rows.shape.slice(0, -1), pieces, (length - rest) / pieces]);
  const partial = reshape(reduce(parts, between), [...rows.shape.slice(0, -1), pieces]);
  if (rest === 0) return reduce(partial, dtype);
  const last = reduce(slice(rows, -1, length - rest), between);
  return reduce(concat([partial, last], -1), dtype);
}

function largestDivisor(length: number, limit: number): number {
  for (let divisor = limit; divisor > 1; divisor--) if (length % divisor === 0) return divisor;
  return 1;
}

/** Reductions that are not defined for no elements. */
const NOT_OF_NOTHING: ReadonlySet<string> = new Set(["max", "min", "argmax", "argmin"]);

/** Reduces the rows of `x` along some axes by a function, and names the result after it. */
export function reduceAlong(
  name: string,
  x: Tensor,
  axes: Axes,
  keep: boolean,
  reduce: (rows: Tensor) => Tensor,
  option = "keepAxes",
): Tensor {
  const what = name === "sum" ? name : `take the ${name}`;
  checkIsBoolean(what, option, keep);
  const along = normalizeAxes(axes, x.shape, what);
  const rows = asRows(x, along);
  if (NOT_OF_NOTHING.has(name) && rows.shape.at(-1) === 0) {
    throw new RangeError(`Cannot ${what} of nothing: the shape is ${formatShape(x.shape)}`);
  }
  return named(name, reshape(reduce(rows), reducedShape(x.shape, along, keep)));
}

/** The sum along the given axes, or of all elements; integers wrap around. */
export function sum(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("sum", x, axes, keepAxes, (rows) => reduceInStages(sumProgram, rows));
}

/** The mean along the given axes, or of all elements; NaN if there are none. */
export function mean(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("mean", x, axes, keepAxes, (rows) => {
    if (!isFloat(x.dtype)) {
      throw wrongType("take the mean", FLOAT_TYPES, `${x.dtype}. Convert with to("float32").`);
    }
    // In single precision, because the sum of many `float16` may overflow.
    const total = reduceInStages(sumProgram, rows, "float32");
    return multiply(total, 1 / rows.shape.at(-1)!).to(x.dtype);
  });
}

/**
 * The maximum along the given axes, or of all elements; NaN if one of them is. Ties share the
 * gradient, and so do several NaN.
 */
export function max(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("max", x, axes, keepAxes, (rows) => reduceInStages(maxProgram, rows));
}

export function min(x: Tensor, axes?: Axes, keepAxes = false): Tensor {
  return reduceAlong("min", x, axes, keepAxes, (rows) => reduceInStages(minProgram, rows));
}

/**
 * The variance: the sum of squared deviations from the mean, divided by the count minus
 * `correction`.
 */
export function variance(x: Tensor, axes?: Axes, keepAxes = false, correction = 1): Tensor {
  const reduce = (rows: Tensor) => runProgram(varianceProgram, [rows], [correction]);
  return reduceAlong("variance", x, axes, keepAxes, reduce);
}

// NaN is neither equal to nor less than the maximum: in a row with NaN, take the first NaN.
const argmaxProgram = rowProgram("argmax", (x) => {
  const isLargest = ex.equal(x, ex.rowMax(x));
  const isNumber = ex.equal(x, x);
  const candidate = ex.select(isLargest, 1, ex.subtract(1, isNumber));
  return ex.rowMin(ex.select(candidate, ex.columnIndex, ex.rowLength));
});

/** The index of the first maximum along an axis, as `int32`; of the first NaN if there is one. */
export function argmax(x: Tensor, axis = -1, keepAxis = false): Tensor {
  const reduce = (rows: Tensor) => runProgram(argmaxProgram, [rows], [], "int32");
  return reduceAlong("argmax", x, axis, keepAxis, reduce, "keepAxis");
}
