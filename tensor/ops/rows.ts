/**
 * Row operations: formulas that reduce along one axis, each one kernel with a derived gradient.
 * @module
 */

import { named } from "../apply.ts";
import { checkOptions, type OptionNames } from "../checks.ts";
import { wrongValue } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { formatShape, normalizeAxis } from "../layout.ts";
import { checkTensor, type Tensor } from "../tensor.ts";
import { runProgram } from "./program.ts";
import { reshape, transpose } from "./views.ts";

// Subtract the maximum before the exponential, so that it cannot overflow. The result does not
// depend on it, so no gradient needs to flow through it.
const shifted = (x: Expression): Expression => ex.subtract(x, ex.detach(ex.rowMax(x)));

const softmaxProgram = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
  const e = ex.exp(shifted(x));
  // One division per row instead of per element: divisions dominate.
  return [ex.multiply(e, ex.divide(1, ex.rowSum(e)))];
});

const logSoftmaxProgram = defineProgram({ name: "logSoftmax", inputs: ["x"] }, ({ x }) => [
  ex.subtract(shifted(x), ex.log(ex.rowSum(ex.exp(shifted(x))))),
]);

/** The largest finite `float32`. */
export const LARGEST_FLOAT32: number = 2 ** 128 - 2 ** 104;

/** log Σ eˣ along the row, as a formula for programs that contain it. */
export function logSumExpOf(x: Expression): Expression {
  // A finite shift, because ∞ − ∞ is NaN.
  const shift = ex.detach(ex.max(-LARGEST_FLOAT32, ex.min(ex.rowMax(x), LARGEST_FLOAT32)));
  return ex.add(shift, ex.log(ex.rowSum(ex.exp(ex.subtract(x, shift)))));
}
const logSumExpProgram = defineProgram({ name: "logSumExp", inputs: ["x"] }, ({ x }) => [
  logSumExpOf(x),
]);

function along(name: string, program: Program, x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.shape, `compute ${name}`);
  if (at === x.shape.length - 1) return runProgram(program, [x]);
  return named(name, transpose(runProgram(program, [transpose(x, at, -1)]), at, -1));
}

export function softmax(x: Tensor, axis = -1): Tensor {
  return along("softmax", softmaxProgram, x, axis);
}

/** The logarithm of the softmax, computed without underflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along("logSoftmax", logSoftmaxProgram, x, axis);
}

export function logSumExp(x: Tensor, axis = -1, keepAxis = false): Tensor {
  const at = normalizeAxis(axis, x.shape, "compute logSumExp");
  const result = along("logSumExp", logSumExpProgram, x, at);
  return keepAxis ? result : named("logSumExp", reshape(result, x.shape.toSpliced(at, 1)));
}

/** The machine epsilon of float32: PyTorch's default for RMS norm. */
export const FLOAT32_EPSILON: number = 2 ** -23;

const normalized = (x: Expression, epsilon: Expression, scale: ex.Operand): Expression =>
  ex.multiply(x, ex.divide(scale, ex.sqrt(ex.add(ex.rowMean(ex.square(x)), epsilon))));

const rmsNormProgram = defineProgram(
  { name: "rmsNorm", inputs: ["x"], scalars: ["epsilon", "scale"] },
  ({ x, epsilon, scale }) => [normalized(x, epsilon, scale)],
);
const rmsNormWeightProgram = defineProgram(
  { name: "rmsNorm (weight)", inputs: ["x", "weight"], scalars: ["epsilon", "scale"] },
  ({ x, weight, epsilon, scale }) => [ex.multiply(normalized(x, epsilon, scale), weight)],
);

/** Options for {@linkcode rmsNorm}. */
export interface RmsNormOptions {
  /** Scale of the elements of a row, `[length of the last axis]`. */
  readonly weight?: Tensor;
  /** Added to the mean square, so that a row of zeros stays zero. @default {2⁻²³} */
  readonly epsilon?: number;
  /** Scale of everything, as in nanochat's QK norm. @default {1} */
  readonly scale?: number;
}

const RMS_NORM_OPTIONS: OptionNames<RmsNormOptions> = { weight: true, epsilon: true, scale: true };

/**
 * RMS norm: divides each row, along the last axis, by its root mean square. Source: Zhang and
 * Sennrich (2019).
 *
 * @throws {RangeError} If the weight does not have the length of the last axis.
 */
export function rmsNorm(x: Tensor, options: RmsNormOptions = {}): Tensor {
  checkOptions("compute rmsNorm", options, RMS_NORM_OPTIONS);
  const { weight, epsilon = FLOAT32_EPSILON, scale = 1 } = options;
  if (weight === undefined) return runProgram(rmsNormProgram, [x], [epsilon, scale]);
  checkFactor("rmsNorm", "weight", weight, x);
  return runProgram(rmsNormWeightProgram, [x, weight], [epsilon, scale]);
}

/** Checks a scale or bias of the elements of rows. */
export function checkFactor(name: string, what: string, factor: Tensor, x: Tensor): void {
  checkTensor(`compute ${name}`, x);
  checkTensor(`compute ${name}`, factor, `a tensor as the ${what}`);
  if (factor.shape.length !== 1 || factor.shape[0] !== x.shape.at(-1)) {
    throw wrongValue(
      `compute ${name}`,
      `a ${what} of shape ${formatShape([x.shape.at(-1) ?? 1])} for ${formatShape(x.shape)}`,
      formatShape(factor.shape),
    );
  }
}
