/**
 * Cross-entropy loss.
 *
 * @module
 */

import { RangeError, TypeError } from "../../errors.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram, type Program } from "../../expression/program.ts";
import { formatShape, shapesEqual } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { softcapOf } from "../elementwise.ts";
import { checkIds } from "../gather/ids.ts";
import { runProgram } from "../program.ts";
import { logSumExpOf } from "../rows.ts";
import { reshape } from "../views.ts";

/** Targets with this value are ignored. */
export const IGNORED_TARGET = -1;

/** How to reduce the losses of the rows, in PyTorch's words. */
export type Reduction = "mean" | "sum" | "none";

/** Refuses what is no {@linkcode Reduction}, for callers without types. */
export function checkReduction(what: string, reduction: Reduction): void {
  if (["mean", "sum", "none"].includes(reduction)) return;
  throw new TypeError(
    `Cannot ${what}: wanted reduction "mean", "sum" or "none", got "${reduction}"`,
  );
}

// The target's logit is selected by comparing column indices, without a one-hot matrix. An invalid
// target selects nothing, which must show as NaN instead of a plausible loss.
const nll = (
  logits: ex.Expression,
  target: ex.Expression,
): ex.Expression => {
  const isChosen = ex.equal(ex.columnIndex, target);
  const chosen = ex.rowSum(ex.select(isChosen, logits, 0));
  const inVocabulary = ex.multiply(ex.lessEqual(0, target), ex.less(target, ex.rowLength));
  const loss = ex.select(inVocabulary, ex.subtract(logSumExpOf(logits), chosen), NaN);
  return ex.select(ex.equal(target, IGNORED_TARGET), 0, loss);
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
const isCounted = defineProgram(
  { name: "count targets", inputs: ["target"], integers: ["target"] },
  ({ target }) => [ex.subtract(1, ex.equal(target, IGNORED_TARGET))],
);

/** From logits and targets to the loss of each row; the second one softcaps the logits first. */
export const crossEntropyPrograms: Readonly<Record<"plain" | "capped", Program>> = {
  plain,
  capped,
};

/** The number of targets that are not ignored: a scalar. */
export function countTargets(targets: Tensor): Tensor {
  return runProgram(isCounted, [targets])[0]!.sum();
}

/** Options for {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /**
   * Whether to return the mean over the targets, their sum, or the loss of each row. @default
   * {"mean"}
   */
  readonly reduction?: Reduction;
  /** Softcaps the logits first, in the same kernel: see `softcap`. */
  readonly softcap?: number;
}

/**
 * Cross-entropy: the negative log-likelihood of the targets under a softmax of the logits, in nats.
 *
 * @param logits `[..., classes]`
 * @param targets `int32 [...]`: the class of each row; −1 to ignore the row. A mean over no rows is
 * NaN, as in PyTorch.
 * @returns In `float32`, even for `float16`: a scalar, or with `reduction: "none"` a loss per row,
 * 0 where ignored.
 * @throws {RangeError} If the shapes do not match, or a target is not a class.
 *
 * @example Two equal logits: the loss is log 2
 * ```ts
 * import { crossEntropy, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const logits = Tensor.from(device, [[3, 3]]);
 * const loss = crossEntropy(logits, Tensor.from(device, [0], { dtype: "int32" }));
 * if (Math.abs(await loss.item() - Math.log(2)) > 1e-6) throw new Error("expected log 2");
 * await device.close();
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { reduction = "mean", softcap } = options;
  checkReduction("crossEntropy", reduction);
  const rowShape = logits.shape.slice(0, -1);
  if (logits.shape.length === 0 || !shapesEqual(rowShape, targets.shape)) {
    throw new RangeError(
      `Cannot crossEntropy: wanted a target for each row of ${formatShape(logits.shape)}, got ` +
        formatShape(targets.shape),
    );
  }
  checkIds("crossEntropy", "target", targets, IGNORED_TARGET, logits.shape.at(-1)!);
  const perRow = reshape(targets, [...targets.shape, 1]);
  const losses = softcap === undefined
    ? runProgram(plain, [logits, perRow], [], "float32")[0]!
    : runProgram(capped, [logits, perRow], [softcap], "float32")[0]!;
  if (reduction === "none") return reshape(losses, rowShape);
  if (reduction === "sum") return losses.sum();
  return losses.sum().div(countTargets(targets));
}
