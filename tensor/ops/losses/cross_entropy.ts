/** Cross-entropy loss. @module */

import { named } from "../../apply.ts";
import { checkOptions, type OptionNames } from "../../checks.ts";
import { wrongValue } from "../../errors.ts";
import { formatShape, shapesEqual } from "../../shape.ts";
import { checkTensor, type Tensor } from "../../tensor.ts";
import { checkIds } from "../gather/ids.ts";
import {
  checkReduction,
  type CrossEntropyOptions,
  IGNORED_TARGET,
  reduceSum,
  rowLosses,
} from "./formulas.ts";

const OPTIONS: OptionNames<CrossEntropyOptions> = { reduction: true, softcap: true };

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
  const what = "compute crossEntropy";
  checkTensor(what, logits, "a tensor of logits");
  checkTensor(what, targets, "a tensor of targets");
  checkOptions(what, options, OPTIONS);
  const { reduction = "mean", softcap } = options;
  checkReduction(what, reduction);
  const classes = logits.shape.at(-1);
  if (classes === undefined || !shapesEqual(logits.shape.slice(0, -1), targets.shape)) {
    const wanted = `a target for each row of ${formatShape(logits.shape)}`;
    throw wrongValue(what, wanted, formatShape(targets.shape));
  }
  checkIds(what, "target", targets, IGNORED_TARGET, classes);
  const losses = rowLosses(logits, targets, softcap);
  return named(
    "crossEntropy",
    reduction === "none" ? losses : reduceSum(losses.sum(), targets, reduction),
  );
}
