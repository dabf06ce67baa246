/** The formulas of cross-entropy, and its options. @module */

import { describeValue } from "../../checks.ts";
import { wrongType } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import type { Expression } from "../../formula/expression.ts";
import { defineProgram, type Program } from "../../formula/program.ts";
import type { Tensor } from "../../tensor.ts";
import { softcapOf } from "../elementwise.ts";
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
/** From logits and targets to the loss of each row; the second one softcaps the logits first. */
export const crossEntropyPrograms: Readonly<Record<"plain" | "capped", Program>> = {
  plain: defineProgram(
    { name: "crossEntropy", ...definition },
    ({ logits, target }) => [nll(logits, target)],
  ),
  capped: defineProgram(
    { name: "crossEntropy (softcap)", ...definition, scalars: ["cap"] },
    ({ logits, target, cap }) => [nll(softcapOf(logits, cap), target)],
  ),
};

export function rowLosses(logits: Tensor, targets: Tensor, softcap: number | undefined): Tensor {
  const operands = [logits, reshape(targets, [...targets.shape, 1])];
  const losses = softcap === undefined
    ? runProgram(crossEntropyPrograms.plain, operands, [], "float32")
    : runProgram(crossEntropyPrograms.capped, operands, [softcap], "float32");
  return reshape(losses, targets.shape);
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
