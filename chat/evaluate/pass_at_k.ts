/** Pass@k: how often at least one of several answers is right. @module */

/**
 * The unbiased estimate of pass@k: the probability that at least one of k answers is right, from n
 * answers of which c are.
 *
 * Source: Chen et al., "Evaluating Large Language Models Trained on Code" (2021).
 *
 * @param n The number of answers.
 * @param c How many of them are right.
 * @param k The number of samples: at most n.
 * @throws {RangeError} If not 0 ≤ c ≤ n and 1 ≤ k ≤ n.
 *
 * @example
 * ```ts
 * import { passAtK } from "./pass_at_k.ts";
 *
 * if (passAtK(4, 1, 2) !== 0.5) throw new Error("expected one half");
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  if (!(c >= 0 && c <= n && k >= 1 && k <= n && [n, c, k].every(Number.isInteger))) {
    throw new RangeError(
      `Cannot estimate pass@${k}: wanted 0 <= c <= n and k <= n, got ${c} of ${n}`,
    );
  }
  // 1 − C(n−c, k) / C(n, k), as a product in which nothing overflows.
  let noneRight = 1;
  for (let i = n - c + 1; i <= n; i++) noneRight *= Math.max(0, 1 - k / i);
  return 1 - noneRight;
}
