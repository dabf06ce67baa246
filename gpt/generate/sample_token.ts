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
  const ids = topK > 0 && topK < logits.length ? largestLogits(logits, topK) : null;
  const weights = weightsOf(ids === null ? logits : pick(logits, ids), logits[best]!, temperature);
  let likely: Candidates = { ids, weights };
  if (topP < 1) {
    likely = ids === null
      ? nucleus(logits, weights, topP)
      : prefix(ids, weights, topP * sumOf(weights));
  }
  const place = findByShare(uniform, likely.weights);
  if (likely.ids !== null) return likely.ids[Math.max(0, place)]!;
  return place === -1 ? best : place;
}

/** Tokens to sample from. */
interface Candidates {
  /** Their ids; `null` for all, in order. */
  readonly ids: Uint32Array | null;
  /** The weight of each. */
  readonly weights: Float64Array;
}

function pick(logits: Float32Array, ids: Uint32Array): Float32Array {
  const picked = new Float32Array(ids.length);
  for (let i = 0; i < ids.length; i++) picked[i] = logits[ids[i]!]!;
  return picked;
}

/** The unnormalized probabilities of tokens with these logits. */
function weightsOf(logits: Float32Array, largest: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length);
  for (let i = 0; i < weights.length; i++) {
    weights[i] = Math.exp((logits[i]! - largest) / temperature);
  }
  return weights;
}

/** The first place up to which the sum of weights exceeds a share of the whole; −1 if there is none. */
function findByShare(share: number, weights: Float64Array): number {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sums[i] = sum += weights[i]!;
  // Sums never fall, and the first that exceeds the target has a weight above 0.
  const target = share * sum;
  let [low, high] = [0, sums.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > target) high = middle;
    else low = middle + 1;
  }
  return low === sums.length ? -1 : low;
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
function nucleus(logits: Float32Array, weights: Float64Array, topP: number): Candidates {
  const wanted = topP * sumOf(weights);
  const ids = new Uint32Array(weights.length);
  // Sorting a vocabulary takes longer than a step of a small model: only tokens down to some weight,
  // relative to the largest one, are sorted, and less likely ones if these are too few.
  for (let least = 1e-2;; least = least > 1e-8 ? least ** 2 : 0) {
    let [count, sum] = [0, 0];
    for (let id = 0; id < weights.length; id++) {
      if (weights[id]! < least) continue;
      ids[count++] = id;
      sum += weights[id]!;
    }
    // In another order the sum may be rounded to a little less.
    if (least > 0 && sum < wanted * (1 + 1e-9)) continue;
    const likely = sortByLogits(logits, ids.subarray(0, count));
    const sorted = new Float64Array(count);
    for (let i = 0; i < count; i++) sorted[i] = weights[likely[i]!]!;
    return prefix(likely, sorted, wanted);
  }
}

/** The first tokens whose weights add up to a sum; all of them if rounding leaves less. */
function prefix(ids: Uint32Array, weights: Float64Array, wanted: number): Candidates {
  let sum = 0;
  let count = 0;
  while (count < weights.length && (sum < wanted || count === 0)) sum += weights[count++]!;
  return { ids: ids.subarray(0, count), weights: weights.subarray(0, count) };
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  return sum;
}

/** Ids by their logits, the largest first; of equals, the smaller id. No logit is NaN. */
function sortByLogits(logits: Float32Array, ids: Uint32Array): Uint32Array<ArrayBuffer> {
  // Numbers without a function to compare them are sorted ten times as fast. The upper half of a key
  // falls where the logit rises, as the bits of floats do but for their signs; the lower half is the id.
  const keys = new BigUint64Array(ids.length);
  const halves = new Uint32Array(keys.buffer);
  const value = new Float32Array(1);
  const bits = new Int32Array(value.buffer);
  for (let i = 0; i < ids.length; i++) {
    // Zeros of both signs are equal.
    value[0] = logits[ids[i]!]! + 0;
    halves[2 * i] = ids[i]!;
    halves[2 * i + 1] = bits[0]! < 0 ? bits[0]! : bits[0]! ^ 0x7fffffff;
  }
  keys.sort();
  const sorted = new Uint32Array(ids.length);
  for (let i = 0; i < sorted.length; i++) sorted[i] = halves[2 * i]!;
  return sorted;
}
