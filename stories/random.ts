/**
 * A small random number generator, so that a seed gives the same stories everywhere.
 *
 * @module
 */

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** mulberry32 by Tommy Ettinger: 32 bits of state, enough for texts. */
export function seededRandom(seed: number): Random {
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

/** An index below a length, at random. */
export type PickIndex = (random: Random, length: number) => number;

/**
 * Picks an index i with a probability proportional to 1 / (i + shift)^exponent. As with the words
 * of a language, a few are common and most are rare. Zipf's law has an exponent and a shift of 1;
 * Mandelbrot's has a larger shift, which makes the first ones about equally frequent.
 */
export function byRank(exponent: number, shift = 1): PickIndex {
  /** Sums of the first weights, by the length of the list. */
  const known: Float64Array[] = [];
  return (random, length) => {
    let sums = known[length];
    if (sums === undefined) {
      sums = new Float64Array(length);
      for (let i = 0, sum = 0; i < length; i++) sums[i] = sum += (i + shift) ** -exponent;
      known[length] = sums;
    }
    const at = random() * sums[length - 1]!;
    let index = 0;
    while (index < length - 1 && at >= sums[index]!) index++;
    return index;
  };
}

/** FNV-1a of a text, mixed, as an unsigned 32-bit integer. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
