/** From logits to probabilities to a loss, number by number: what a language model does at each token. @module */

import { Value } from "../autograd/value.ts";

/** The course of {@linkcode softmaxLoss}. */
export interface SoftmaxTrace {
  /** For each logit z: eᶻ. */
  readonly exponentials: readonly number[];
  /** Their sum. */
  readonly total: number;
  /** Each exponential's share of the sum. */
  readonly probabilities: readonly number[];
  /** −ln of the probability of the right one. */
  readonly loss: number;
  /** How the loss changes with each logit: its probability, less 1 for the right one. */
  readonly gradients: readonly number[];
}

/**
 * The softmax of logits, the cross-entropy of the right one, and the gradient of each logit.
 *
 * @param logits By default 2, 1 and −1.
 * @param right The index of the right one.
 * @throws {RangeError} If there is no such logit.
 *
 * @example
 * ```ts
 * import { softmaxLoss } from "./softmax.ts";
 *
 * const { probabilities, loss } = softmaxLoss([2, 1, -1], 1);
 * const shown = [...probabilities, loss].map((x) => x.toFixed(4)).join();
 * if (shown !== "0.7054,0.2595,0.0351,1.3490") throw new Error(shown);
 * ```
 */
export function softmaxLoss(
  logits: readonly number[] = [2, 1, -1],
  right = 0,
): SoftmaxTrace {
  if (logits[right] === undefined) {
    throw new RangeError(
      `Cannot compute the loss: wanted the index of one of ${logits.length} logits, got ${right}`,
    );
  }
  const values = logits.map((logit) => new Value(logit));
  const exponentials = values.map((value) => value.exp());
  const total = exponentials.reduce((sum, value) => sum.add(value));
  const probabilities = exponentials.map((value) => value.div(total));
  const loss = probabilities[right]!.log().neg();
  loss.backward();
  return {
    exponentials: exponentials.map(({ data }) => data),
    total: total.data,
    probabilities: probabilities.map(({ data }) => data),
    loss: loss.data,
    gradients: values.map(({ grad }) => grad),
  };
}
