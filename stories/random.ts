/**
 * A small random number generator, so that a seed gives the same stories everywhere.
 *
 * @module
 */

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** mulberry32 by Tommy Ettinger: 32 bits of state, enough for texts. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of several, each with the same probability. */
export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

/** Sums of the weights 1, 1/2, 1/3, … of a list, by its length. */
const sums = new Map<number, Float64Array>();

function sumsOf(length: number): Float64Array {
  let known = sums.get(length);
  if (known === undefined) {
    known = new Float64Array(length);
    for (let i = 0, sum = 0; i < length; i++) known[i] = sum += 1 / (i + 1);
    sums.set(length, known);
  }
  return known;
}

/**
 * An index below `length`, i with a probability in proportion to 1 / (i + 1): as words of a language
 * are, some are common and most are rare (Zipf's law).
 */
export function pickRank(random: Random, length: number): number {
  const known = sumsOf(length);
  const at = random() * (known[length - 1] ?? 0);
  const index = known.findIndex((sum) => at < sum);
  return index < 0 ? length - 1 : index;
}

/** FNV-1a of a text, mixed, as an unsigned 32-bit integer. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
