/** Cross-entropy, also with class weights, label smoothing, and probabilities as targets. @module */

import { named } from "../../apply.ts";
import { checkOptions, describeValue, type OptionNames } from "../../checks.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import type { Expression } from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { FLOAT_TYPES, formatShape, isFloat, shapesEqual } from "../../layout.ts";
import { checkTensor, Tensor } from "../../tensor.ts";
import { softcap } from "../elementwise.ts";
import { runProgram } from "../program.ts";
import { logSumExpOf } from "../rows.ts";
import { reshape, unsqueeze } from "../views.ts";
import {
  checkReduction,
  checkTargets,
  classCrossEntropy,
  type CrossEntropyOptions,
  lossOfTarget,
  meanLossProgram,
} from "./cross_entropy.ts";

/** Options for {@linkcode crossEntropy}. */
export interface WeightedCrossEntropyOptions extends CrossEntropyOptions {
  /** A weight for each class, `[classes]`: a mean over class targets is divided by their weights. */
  readonly weight?: Tensor | undefined;
  /** The share of each target that is spread evenly over all classes. @default {0} */
  readonly labelSmoothing?: number;
}

const OPTIONS: OptionNames<WeightedCrossEntropyOptions> = {
  reduction: true,
  softcap: true,
  weight: true,
  labelSmoothing: true,
};

type Names = Readonly<Record<"logits" | "target" | "weight" | "smoothing", Expression>>;

/** −Σ w q log softmax(logits), where q is the target, a probability for each class, smoothed. */
function weightedLoss({ logits, target, weight, smoothing }: Names): Expression {
  const kept = ex.multiply(target, ex.subtract(1, smoothing));
  const share = ex.multiply(weight, ex.add(kept, ex.divide(smoothing, ex.rowLength)));
  const distance = ex.subtract(logSumExpOf(logits), logits);
  // Where a logit is −∞, a class without a share costs nothing, and shares have no gradient: 0 · ∞.
  const isInfinite = ex.equal(distance, Infinity);
  const infinite = ex.multiply(ex.detach(share), distance);
  const costly = ex.select(ex.equal(share, 0), 0, infinite);
  const finite = ex.multiply(share, ex.select(isInfinite, 0, distance));
  return ex.rowSum(ex.select(isInfinite, costly, finite));
}

const lossOfProbabilities = defineProgram(
  {
    name: "crossEntropy (probabilities)",
    inputs: ["logits", "target", "weight"],
    scalars: ["smoothing"],
  },
  (names) => [weightedLoss(names)],
);

const lossOfClasses = defineProgram(
  {
    name: "crossEntropy (weighted)",
    inputs: ["logits", "target", "weight"],
    perRow: ["target"],
    integers: ["target"],
    scalars: ["smoothing"],
  },
  (names) => {
    const isChosen = ex.equal(ex.columnIndex, names.target);
    return [lossOfTarget(names.target, weightedLoss({ ...names, target: isChosen }))];
  },
);

const weightOfClass = defineProgram(
  {
    name: "weight of the target",
    inputs: ["weight", "target"],
    perRow: ["target"],
    integers: ["target"],
  },
  ({ weight, target }) => [ex.rowSum(ex.select(ex.equal(ex.columnIndex, target), weight, 0))],
);

/**
 * Cross-entropy: the negative log-likelihood of the targets under a softmax of the logits, in nats.
 *
 * As in PyTorch, a mean over classes is divided by the sum of the targets' weights, and one over
 * probabilities by the number of rows. Unlike there, the classes are the last axis, the ignored target is
 * −1, and an infinite logit of a class without a share in the target costs nothing.
 *
 * @param logits `[..., classes]`
 * @param targets `int32 [...]`: the class of each row; −1 to ignore the row. A mean over no rows is
 * NaN, as in PyTorch. Or floats `[..., classes]`: a probability of each class.
 * @returns In `float32`, even for `float16`: a scalar, or with `reduction: "none"` a loss per row,
 * 0 where ignored.
 * @throws {RangeError} If the shapes do not match, a target is not a class, or `labelSmoothing` is not
 * from 0 to 1.
 *
 * @example Two equal logits: the loss is log 2
 * ```ts
 * import { crossEntropy, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const logits = Tensor.from(device, [[3, 3]]);
 * const loss = crossEntropy(logits, Tensor.from(device, [0], { dtype: "int32" }));
 * if (Math.abs(await loss.item() - Math.log(2)) > 1e-6) throw new Error("expected log 2");
 *
 * const weight = Tensor.from(device, [1, 3]);
 * const soft = crossEntropy(logits, Tensor.from(device, [[0.5, 0.5]]), { weight });
 * if (Math.abs(await soft.item() - 2 * Math.log(2)) > 1e-6) throw new Error("expected 2 log 2");
 * await device.close();
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  options: WeightedCrossEntropyOptions = {},
): Tensor {
  const what = "compute crossEntropy";
  checkTensor(what, logits, "a tensor of logits");
  checkTensor(what, targets, "a tensor of targets");
  checkOptions(what, options, OPTIONS);
  const { reduction = "mean", softcap: cap, labelSmoothing = 0 } = options;
  checkReduction(what, reduction);
  const isSoft = isFloat(targets.dtype) && shapesEqual(targets.shape, logits.shape);
  if (!isSoft) checkTargets(what, logits, logits.shape.at(-1) ?? 0, targets);
  const classes = logits.shape.at(-1) ?? 1;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw wrongValue(what, "labelSmoothing from 0 to 1", describeValue(labelSmoothing));
  }
  if (options.weight !== undefined) checkWeight(what, options.weight, classes);
  if (!isSoft && options.weight === undefined && labelSmoothing === 0) {
    return classCrossEntropy(logits, targets, options);
  }
  // The gradient of a mean is a difference of two: both in float32, so that it is rounded once.
  const weight = options.weight?.to("float32") ?? Tensor.ones(logits.device, [classes]);
  const x = cap === undefined ? logits : softcap(logits, cap);
  const rows = isSoft ? targets : unsqueeze(targets, -1);
  const program = isSoft ? lossOfProbabilities : lossOfClasses;
  const perRow = runProgram(program, [x, rows, weight], [labelSmoothing], "float32");
  const losses = reshape(perRow, logits.shape.slice(0, -1));
  if (reduction === "none") return named("crossEntropy", losses);
  if (reduction === "sum" || isSoft) return named("crossEntropy", losses[reduction]());
  const weights = runProgram(weightOfClass, [weight, rows], [], "float32");
  return named("crossEntropy", runProgram(meanLossProgram, [losses.sum(), weights.sum()]));
}

function checkWeight(what: string, weight: Tensor, classes: number): void {
  checkTensor(what, weight, "a tensor as the weight");
  if (!isFloat(weight.dtype)) throw wrongType(what, `weight as ${FLOAT_TYPES}`, weight.dtype);
  if (shapesEqual(weight.shape, [classes])) return;
  throw wrongValue(what, `a weight for each of ${classes} classes`, formatShape(weight.shape));
}
