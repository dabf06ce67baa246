/** Cross-entropy over classes. @module */

import { named } from "../../apply.ts";
import { wrongValue } from "../../errors.ts";
import { formatShape, shapesEqual } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { checkIds } from "../gather/ids.ts";
import { type CrossEntropyOptions, IGNORED_TARGET, reduceSum, rowLosses } from "./formulas.ts";

/** Checks that there is a class, as far as the host knows, for each row of logits. */
export function checkTargets(what: string, logits: Tensor, targets: Tensor): void {
  const classes = logits.shape.at(-1);
  if (classes === undefined || !shapesEqual(logits.shape.slice(0, -1), targets.shape)) {
    const wanted = `a target for each row of ${formatShape(logits.shape)}`;
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
  const losses = rowLosses(logits, targets, softcap);
  return named(
    "crossEntropy",
    reduction === "none" ? losses : reduceSum(losses.sum(), targets, reduction),
  );
}
