/**
 * Loss functions, each one formula and one kernel. Cross-entropy over classes is in `tensor`.
 * @module
 */

import { named } from "../tensor/apply.ts";
import { checkOptions, type OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import {
  defineProgram,
  expression as ex,
  type Program,
  type Reduction,
  runProgram,
  type Tensor,
} from "../tensor/mod.ts";
import { formatShape } from "../tensor/layout.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { checkReduction } from "../tensor/ops/losses/cross_entropy.ts";

/** Options of every loss. */
export interface LossOptions {
  /** Whether to return the mean of the losses, their sum, or each. @default {"mean"} */
  readonly reduction?: Reduction;
}

/** A loss of a prediction: a scalar, or `[...]` with `reduction: "none"`. */
export type Loss = (prediction: Tensor, target: Tensor, options?: LossOptions) => Tensor;

const OPTIONS: OptionNames<LossOptions> = { reduction: true };
const HUBER_OPTIONS = { ...OPTIONS, delta: true };

/** The loss of a program, whose scalars come last. */
export function lossOf(
  program: Program,
): (...of: [...Parameters<Loss>, scalars?: readonly number[]]) => Tensor {
  const what = `compute the ${program.name}`;
  return (prediction, target, options = {}, scalars = []) => {
    checkTensor(what, prediction);
    checkTensor(what, target, "a tensor of targets");
    checkOptions(what, options, OPTIONS);
    const { reduction = "mean" } = options;
    checkReduction(what, reduction);
    const [wanted, got] = [formatShape(prediction.shape), formatShape(target.shape)];
    if (wanted !== got) throw wrongValue(what, `targets of shape ${wanted}`, got);
    const losses = runProgram(program, [prediction, target], scalars);
    return named(program.name, reduction === "none" ? losses : losses[reduction]());
  };
}

/**
 * Mean squared error (MSE, L2 loss): a scalar, or `[...]` with `reduction: "none"`.
 *
 * @param prediction `[...]`
 * @param target `[...]`, of the same shape: broadcasting in a loss hides mistakes.
 * @throws {RangeError} If the shapes differ.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { meanSquaredError } from "./losses.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const loss = meanSquaredError(Tensor.from(device, [1, 5]), Tensor.from(device, [1, 3]));
 * if (await loss.item() !== 2) throw new Error("expected the mean of 0 and 4");
 * await device.close();
 * ```
 */
export const meanSquaredError: Loss = /* @__PURE__ */ lossOf(/* @__PURE__ */ defineProgram(
  { name: "squared error", inputs: ["prediction", "target"] },
  ({ prediction, target }) => [ex.square(ex.subtract(prediction, target))],
));

/**
 * Mean absolute error (L1 loss), less sensitive to outliers than MSE. The gradient at 0 is 0, and at
 * NaN, unlike in PyTorch, NaN.
 * Arguments and result are as for {@linkcode meanSquaredError}.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { meanAbsoluteError } from "./losses.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const loss = meanAbsoluteError(Tensor.from(device, [1, 5]), Tensor.from(device, [1, 3]));
 * if (await loss.item() !== 1) throw new Error("expected the mean of 0 and 2");
 * await device.close();
 * ```
 */
export const meanAbsoluteError: Loss = /* @__PURE__ */ lossOf(/* @__PURE__ */ defineProgram(
  { name: "absolute error", inputs: ["prediction", "target"] },
  ({ prediction, target }) => [ex.abs(ex.subtract(prediction, target))],
));

const huberError = /* @__PURE__ */ lossOf(/* @__PURE__ */ defineProgram(
  { name: "huber", inputs: ["prediction", "target"], scalars: ["delta"] },
  ({ prediction, target, delta }) => {
    const distance = ex.abs(ex.subtract(prediction, target));
    const straight = ex.multiply(delta, ex.subtract(distance, ex.multiply(0.5, delta)));
    return [ex.select(ex.less(distance, delta), ex.multiply(0.5, ex.square(distance)), straight)];
  },
  // The formula's own derivative is 0 · ∞ at an infinite distance.
  ({ prediction, target, delta }) => {
    const slope = ex.min(ex.max(ex.subtract(prediction, target), ex.negate(delta)), delta);
    return { prediction: slope, target: ex.negate(slope) };
  },
));

/**
 * Huber loss: half the squared error below `delta`, 1 by default, and linear above. Arguments and
 * result are as for {@linkcode meanSquaredError}. Source: Huber, "Robust Estimation of a Location
 * Parameter" (1964).
 *
 * @throws {RangeError} If the shapes differ, or delta is not above 0.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { huberLoss } from "./losses.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const loss = huberLoss(Tensor.from(device, [0.5, 3]), Tensor.from(device, [0, 0]));
 * if (await loss.item() !== (0.125 + 2.5) / 2) throw new Error("expected 0.125 and 2.5");
 * await device.close();
 * ```
 */
export function huberLoss(
  prediction: Tensor,
  target: Tensor,
  options: LossOptions & { readonly delta?: number } = {},
): Tensor {
  checkOptions("compute the huber loss", options, HUBER_OPTIONS);
  const { delta = 1, ...others } = options;
  if (!(delta > 0)) throw wrongValue("compute the huber loss", "delta above 0", delta);
  return huberError(prediction, target, others, [delta]);
}

/**
 * Binary cross-entropy on logits, in nats; includes the sigmoid. A scalar, or `[...]` with
 * `reduction: "none"`. An infinite logit costs 0 or ∞ where PyTorch gives NaN.
 *
 * @param logits `[...]`; 0 means probability ½.
 * @param target `[...]`, of the same shape: the label 0 or 1, or a probability.
 * @throws {RangeError} If the shapes differ.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { binaryCrossEntropyWithLogits } from "./losses.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const loss = binaryCrossEntropyWithLogits(Tensor.from(device, [0]), Tensor.from(device, [1]));
 * if (Math.abs(await loss.item() - Math.log(2)) > 1e-6) throw new Error("expected log 2");
 * await device.close();
 * ```
 */
export const binaryCrossEntropyWithLogits: Loss = /* @__PURE__ */ lossOf(
  /* @__PURE__ */ defineProgram(
    { name: "binary cross-entropy", inputs: ["logits", "target"] },
    // log(1 + eˣ) − x·t as |x| · (t or 1 − t) + log(1 + e^−|x|), which cannot overflow.
    ({ logits: x, target: t }) => {
      const wrong = ex.select(ex.less(0, x), ex.subtract(1, t), t);
      const magnitude = ex.abs(x);
      return [ex.add(
        ex.select(ex.equal(wrong, 0), 0, ex.multiply(wrong, magnitude)),
        ex.log(ex.add(1, ex.exp(ex.negate(magnitude)))),
      )];
    },
    ({ logits: x, target: t }) => ({
      logits: ex.subtract(ex.sigmoid(x), t),
      target: ex.negate(x),
    }),
  ),
);
