/** Layer norm. @module */

import { named } from "../apply.ts";
import { checkOptions, type OptionNames } from "../checks.ts";
import { wrongType } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram } from "../formula/program.ts";
import type { Tensor } from "../tensor.ts";
import { runProgram } from "./program.ts";
import { checkFactor } from "./rows.ts";

const standardized = (x: Expression, epsilon: Expression): Expression => {
  const distance = ex.subtract(x, ex.rowMean(x));
  const variance = ex.rowMean(ex.square(distance));
  return ex.multiply(distance, ex.divide(1, ex.sqrt(ex.add(variance, epsilon))));
};
const layerNormProgram = defineProgram(
  { name: "layerNorm", inputs: ["x"], scalars: ["epsilon"] },
  ({ x, epsilon }) => [standardized(x, epsilon)],
);
const layerNormAffineProgram = defineProgram(
  { name: "layerNorm (affine)", inputs: ["x", "weight", "bias"], scalars: ["epsilon"] },
  ({ x, weight, bias, epsilon }) => [ex.add(ex.multiply(standardized(x, epsilon), weight), bias)],
);

/** Options for {@linkcode layerNorm}. */
export interface LayerNormOptions {
  /** Scale of the elements of a row, `[length of the last axis]`. */
  readonly weight?: Tensor;
  /** Added to the elements of a row, `[length of the last axis]`; requires a weight. */
  readonly bias?: Tensor;
  /** Added to the variance. @default {1e-5} */
  readonly epsilon?: number;
}

const LAYER_NORM_OPTIONS: OptionNames<LayerNormOptions> = {
  weight: true,
  bias: true,
  epsilon: true,
};

/**
 * Layer norm: normalizes each row, along the last axis, to mean 0 and variance 1. Source: Ba et al.
 * (2016).
 *
 * @throws {RangeError} If weight or bias do not have the length of the last axis.
 * @throws {TypeError} If a bias is given without a weight.
 */
export function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  checkOptions("compute layerNorm", options, LAYER_NORM_OPTIONS);
  const { weight, bias, epsilon = 1e-5 } = options;
  if (weight === undefined) {
    if (bias !== undefined) throw wrongType("compute layerNorm", "a weight with the bias", "none");
    return runProgram(layerNormProgram, [x], [epsilon]);
  }
  checkFactor("layerNorm", "weight", weight, x);
  if (bias === undefined) {
    return named("layerNorm", runProgram(layerNormProgram, [x], [epsilon]).mul(weight));
  }
  checkFactor("layerNorm", "bias", bias, x);
  return runProgram(layerNormAffineProgram, [x, weight, bias], [epsilon]);
}
