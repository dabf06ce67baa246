/** Kullback–Leibler divergence. @module */

import { checkIsBoolean, checkOptions, describeValue, type OptionNames } from "../tensor/checks.ts";
import { wrongType } from "../tensor/errors.ts";
import { defineProgram, expression as ex, type Reduction, type Tensor } from "../tensor/mod.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { lossOf } from "./losses.ts";

/** Options for {@linkcode klDivergence}. */
export interface KLDivergenceOptions {
  /**
   * Whether to return the mean of all terms, their sum, each, or their sum divided by the length of the
   * first axis: with `[batch, classes]` only `"batchmean"` is a mean of divergences. @default {"mean"}
   */
  readonly reduction?: Reduction | "batchmean";
  /** Whether the target has logarithms of probabilities, too. @default {false} */
  readonly logTarget?: boolean;
}

const OPTIONS: OptionNames<KLDivergenceOptions> = { reduction: true, logTarget: true };
const definition = { name: "KL divergence", inputs: ["prediction", "target"] } as const;

const ofProbabilities = /* @__PURE__ */ lossOf(/* @__PURE__ */ defineProgram(
  definition,
  // No probability, no term: 0 · log 0 is NaN.
  ({ prediction: x, target: t }) => [
    ex.select(ex.equal(t, 0), 0, ex.multiply(t, ex.subtract(ex.log(t), x))),
  ],
  ({ prediction: x, target: t }) => ({
    prediction: ex.negate(t),
    target: ex.subtract(ex.add(ex.log(t), 1), x),
  }),
));

const ofLogarithms = /* @__PURE__ */ lossOf(/* @__PURE__ */ defineProgram(
  definition,
  ({ prediction: x, target: t }) => {
    const probability = ex.exp(t);
    const term = ex.multiply(probability, ex.subtract(t, x));
    return [ex.select(ex.equal(probability, 0), 0, term)];
  },
  ({ prediction: x, target: t }) => {
    const probability = ex.exp(t);
    const slope = ex.multiply(probability, ex.add(ex.subtract(t, x), 1));
    return {
      prediction: ex.negate(probability),
      target: ex.select(ex.equal(probability, 0), 0, slope),
    };
  },
));

/**
 * Kullback–Leibler divergence of a prediction from a target, in nats: the terms are
 * t · (log t − prediction), and 0 where t is 0, also if the prediction is −∞ (PyTorch: NaN). As in
 * PyTorch, the prediction has logarithms of probabilities, and the mean is over all terms.
 *
 * @param prediction `[...]`, as `logSoftmax` returns it.
 * @param target `[...]`, of the same shape.
 * @returns A scalar, or `[...]` with `reduction: "none"`.
 * @throws {RangeError} If the shapes differ.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { klDivergence } from "./kl_divergence.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const prediction = Tensor.from(device, [[0.5, 0.5]]).log();
 * const target = Tensor.from(device, [[1, 0]]);
 * const divergence = klDivergence(prediction, target, { reduction: "batchmean" });
 * if (Math.abs(await divergence.item() - Math.log(2)) > 1e-6) throw new Error("expected log 2");
 * await device.close();
 * ```
 */
export function klDivergence(
  prediction: Tensor,
  target: Tensor,
  options: KLDivergenceOptions = {},
): Tensor {
  const what = "compute the KL divergence";
  checkTensor(what, prediction);
  checkOptions(what, options, OPTIONS);
  const { reduction = "mean", logTarget = false } = options;
  checkIsBoolean(what, "logTarget", logTarget);
  if (!["mean", "sum", "none", "batchmean"].includes(reduction)) {
    const wanted = 'reduction "mean", "sum", "none" or "batchmean"';
    throw wrongType(what, wanted, describeValue(reduction));
  }
  const loss = logTarget ? ofLogarithms : ofProbabilities;
  if (reduction !== "batchmean") return loss(prediction, target, { reduction });
  return loss(prediction, target, { reduction: "sum" }).div(prediction.shape[0] ?? 1);
}
