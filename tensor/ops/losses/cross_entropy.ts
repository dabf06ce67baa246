/** Cross-entropy over classes: its formulas and its options. @module */

import { named } from "../../apply.ts";
import { checkThat, describeValue } from "../../checks.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import type { Expression } from "../../formula/expression.ts";
import { defineProgram, type Program } from "../../formula/program.ts";
import { formatShape, shapesEqual } from "../../layout.ts";
import type { Tensor } from "../../tensor.ts";
import { softcapOf } from "../elementwise.ts";
import { checkIds } from "../gather/gather.ts";
import { runProgram } from "../program.ts";
import { logSumExpOf } from "../rows.ts";
import { reshape } from "../views.ts";

/** Targets with this value are ignored. */
export const IGNORED_TARGET = -1;

/** How to reduce the losses of the rows, in PyTorch's words. */
export type Reduction = "mean" | "sum" | "none";

export function checkReduction(what: string, reduction: Reduction): void {
  if (["mean", "sum", "none"].includes(reduction)) return;
  throw wrongType(what, 'reduction "mean", "sum" or "none"', describeValue(reduction));
}

/** The loss of a row with this target: 0 if it is ignored, and NaN, not a plausible loss, if invalid. */
export function lossOfTarget(target: Expression, loss: Expression): Expression {
  const inVocabulary = ex.multiply(ex.lessEqual(0, target), ex.less(target, ex.rowLength));
  return ex.select(ex.equal(target, IGNORED_TARGET), 0, ex.select(inVocabulary, loss, NaN));
}

// The target's logit is selected by comparing column indices, without a one-hot matrix.
const nll = (logits: Expression, target: Expression): Expression => {
  const isChosen = ex.equal(ex.columnIndex, target);
  const chosen = ex.rowSum(ex.select(isChosen, logits, 0));
  return lossOfTarget(target, ex.subtract(logSumExpOf(logits), chosen));
};

const definition = {
  inputs: ["logits", "target"],
  perRow: ["target"],
  integers: ["target"],
} as const;
const plain = defineProgram(
  { name: "crossEntropy", ...definition },
  ({ logits, target }) => [nll(logits, target)],
);
const capped = defineProgram(
  { name: "crossEntropy (softcap)", ...definition, scalars: ["cap"] },
  ({ logits, target, cap }) => [nll(softcapOf(logits, cap), target)],
);

/** From logits, softcapped first if there is a cap, and targets to the loss of each row. */
export function lossOf(softcap: number | undefined): [program: Program, scalars: number[]] {
  if (softcap === undefined) return [plain, []];
  checkThat(softcap > 0, "compute cross-entropy", "a softcap above 0", softcap);
  return [capped, [softcap]];
}

/** Checks that there is a class, as far as the host knows, for each row of logits or hidden states. */
export function checkTargets(what: string, rows: Tensor, classes: number, targets: Tensor): void {
  if (rows.shape.length === 0 || !shapesEqual(rows.shape.slice(0, -1), targets.shape)) {
    const wanted = `a target for each row of ${formatShape(rows.shape)}`;
    throw wrongValue(what, wanted, formatShape(targets.shape));
  }
  checkIds(what, "target", targets, IGNORED_TARGET, classes);
}

/** The cross-entropy of logits and targets that were checked; see `weighted_cross_entropy.ts`. */
export function classCrossEntropy(
  logits: Tensor,
  targets: Tensor,
  { reduction = "mean", softcap }: CrossEntropyOptions,
): Tensor {
  const operands = [logits, reshape(targets, [...targets.shape, 1])];
  const [program, scalars] = lossOf(softcap);
  const losses = reshape(runProgram(program, operands, scalars, "float32"), targets.shape);
  return named(
    "crossEntropy",
    reduction === "none" ? losses : reduceSum(losses.sum(), targets, reduction),
  );
}

const isCounted = defineProgram(
  { name: "count targets", inputs: ["target"], integers: ["target"] },
  ({ target }) => [ex.subtract(1, ex.equal(target, IGNORED_TARGET))],
);

/** A mean over no targets has no gradient, although the loss is NaN. */
export const meanLossProgram: Program = defineProgram(
  { name: "mean loss", inputs: ["sum", "count"] },
  ({ sum, count }) => [ex.select(count, ex.divide(sum, ex.select(count, count, 1)), NaN)],
);

/** Reduces the sum of the losses of these targets. */
export function reduceSum(sum: Tensor, targets: Tensor, reduction: "mean" | "sum"): Tensor {
  if (reduction === "sum") return sum;
  return runProgram(meanLossProgram, [sum, runProgram(isCounted, [targets]).sum()]);
}

/** Options for {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /** Whether to return the mean, the sum, or the loss of each row. @default {"mean"} */
  readonly reduction?: Reduction;
  /** Softcaps the logits first, in the same kernel: see `softcap`. */
  readonly softcap?: number | undefined;
}
