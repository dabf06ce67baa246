/**
 * Sampling a token from logits on the host, with separate options for each sequence of a batch.
 *
 * @module
 */

import type { SamplingOptions } from "./sampling.ts";

/**
 * Samples a token.
 *
 * @param given The logits, `[vocabulary]`
 * @param options How to sample.
 * @param uniform A number from 0 up to 1 that decides.
 * @param counts How often each token was sampled before, for the penalties.
 * @returns The token; −1 if a logit is NaN, or the largest is infinite.
 *
 * @example
 * ```ts
 * import { sampleToken } from "./sample_token.ts";
 *
 * const token = sampleToken(Float32Array.of(0, 5, 4), { topK: 2 }, 0.99);
 * if (token !== 2) throw new Error(`wanted the second of two tokens, got ${token}`);
 * ```
 */
export function sampleToken(
  given: Float32Array,
  options: SamplingOptions,
  uniform: number,
  counts: ReadonlyMap<number, number> = new Map(),
): number {
  const { temperature = 1, topK = 0, topP = 1 } = options;
  const logits = withPenalties(given, options, counts);
  const best = likeliestToken(logits);
  if (best === -1 || temperature === 0) return best;
  const largest = logits[best]!;
  const weight = (id: number) => Math.exp((logits[id]! - largest) / temperature);
  const isLimited = topK > 0 && topK < logits.length;
  let ids: Uint32Array | null = isLimited ? largestLogits(logits, topK) : null;
  if (topP < 1) ids = nucleus(logits, ids, weight, topP);
  const count = ids?.length ?? logits.length;
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) sums[i] = sum += weight(ids?.[i] ?? i);
  const target = uniform * sum;
  // The first whose sum exceeds the target has a weight above 0.
  const place = sums.findIndex((value) => value > target);
  const chosen = place === -1 ? 0 : place;
  return ids === null ? (place === -1 ? best : chosen) : ids[chosen]!;
}

/** OpenAI's penalties: tokens that were sampled before get smaller logits. */
function withPenalties(
  logits: Float32Array,
  { frequencyPenalty = 0, presencePenalty = 0 }: SamplingOptions,
  counts: ReadonlyMap<number, number>,
): Float32Array {
  if (counts.size === 0 || frequencyPenalty === 0 && presencePenalty === 0) return logits;
  const lowered = logits.slice();
  for (const [id, count] of counts) lowered[id]! -= count * frequencyPenalty + presencePenalty;
  return lowered;
}

/**
 * The logarithms of the probabilities at temperature 1.
 *
 * @param logits `[vocabulary]`
 * @returns A function that returns that of a token, in nats.
 */
export function logProbabilities(logits: Float32Array): (id: number) => number {
  const largest = logits[Math.max(0, likeliestToken(logits))]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  const normalizer = largest + Math.log(sum);
  return (id) => logits[id]! - normalizer;
}

/**
 * The ids of the largest logits, the largest first; of equals, the smaller id.
 *
 * @param logits `[vocabulary]`
 * @param count How many.
 */
export function largestLogits(logits: Float32Array, count: number): Uint32Array<ArrayBuffer> {
  if (count > logits.length / 16 && count > 64) {
    const all = Uint32Array.from(logits, (_, id) => id);
    return all.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, count);
  }
  const ids = new Uint32Array(Math.min(count, logits.length));
  let found = 0;
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!;
    if (found === ids.length && !(value > logits[ids[found - 1]!]!)) continue;
    let place = found < ids.length ? found++ : found - 1;
    while (place > 0 && logits[ids[place - 1]!]! < value) ids[place] = ids[--place]!;
    ids[place] = id;
  }
  return ids;
}

/** The token with the largest logit, the first of equals; −1 if one is NaN or the largest infinite. */
function likeliestToken(logits: Float32Array): number {
  let [best, largest] = [0, -Infinity];
  for (let i = 0; i < logits.length; i++) {
    // One comparison for most: it is false for NaN, too.
    if (logits[i]! <= largest) continue;
    if (Number.isNaN(logits[i])) return -1;
    [best, largest] = [i, logits[i]!];
  }
  return Number.isFinite(largest) ? best : -1;
}

/** The fewest of the most likely tokens that have a share `topP` of all weights. */
function nucleus(
  logits: Float32Array,
  limited: Uint32Array | null,
  weight: (id: number) => number,
  topP: number,
): Uint32Array {
  let total = 0;
  const size = limited?.length ?? logits.length;
  for (let i = 0; i < size; i++) total += weight(limited?.[i] ?? i);
  for (let count = Math.min(64, size);; count = Math.min(8 * count, size)) {
    const ids = limited ?? largestLogits(logits, count);
    let sum = 0;
    for (let i = 0; i < ids.length; i++) {
      sum += weight(ids[i]!);
      if (sum >= topP * total) return ids.slice(0, i + 1);
    }
    if (ids.length === size) return ids;
  }
}
