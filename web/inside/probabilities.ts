/**
 * The probabilities that a token is sampled with.
 *
 * @param logits The largest logits in descending order.
 * @param temperature 0 leaves the likeliest token alone.
 * @param topK The number of tokens to sample from.
 *
 * @example
 * ```ts
 * import { sampledWith } from "./probabilities.ts";
 *
 * const [first, second] = sampledWith([Math.log(3), 0, -9], 1, 2);
 * if (Math.abs(first! - 0.75) > 1e-9 || Math.abs(second! - 0.25) > 1e-9) throw new Error(`${first}`);
 * if (sampledWith([1, 1], 0, 2).join() !== "1") throw new Error("wanted one token");
 * ```
 *
 * @module
 */
export function sampledWith(
  logits: ArrayLike<number>,
  temperature: number,
  topK: number,
): number[] {
  if (temperature === 0) return [1];
  const kept = Array.from(logits).slice(0, topK);
  const weights = kept.map((logit) => Math.exp((logit - kept[0]!) / temperature));
  const sum = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / sum);
}
