/**
 * numpy's `default_rng(seed).permutation(n)`, to the bit: the order in which data sets of the Hugging
 * Face hub are shuffled.
 *
 * Source: O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
 * Random Number Generation" (2014), and numpy's `SeedSequence`.
 *
 * @module
 */

const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = (2549297995355413924n << 64n) + 4865540595714422341n;

/**
 * A permutation of 0 … n − 1.
 *
 * @param seed An integer from 0 up.
 * @param n The length, less than 2³².
 * @throws {RangeError} If an argument is out of range.
 *
 * @example
 * ```ts
 * import { numpyPermutation } from "./numpy_permutation.ts";
 *
 * const order = numpyPermutation(42, 5);
 * if (order.toSorted().join() !== "0,1,2,3,4") throw new Error(`got ${order}`);
 * ```
 */
export function numpyPermutation(seed: number, n: number): number[] {
  if (!Number.isInteger(n) || n < 0 || n >= 2 ** 32) {
    throw new RangeError(`Cannot permute ${n} numbers: wanted 0 to 2^32 - 1`);
  }
  const next32 = pcg64Words(seed);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const mask = 2 ** (32 - Math.clz32(i)) - 1;
    let j: number;
    do j = (next32() & mask) >>> 0; while (j > i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The 32-bit outputs of PCG64 (XSL-RR): the low half of each 64-bit output, then its high half. */
function pcg64Words(seed: number): () => number {
  const next64 = pcg64(seedSequence(seed));
  let high: number | null = null;
  return () => {
    if (high !== null) {
      const word = high;
      high = null;
      return word;
    }
    const output = next64();
    high = Number(output >> 32n);
    return Number(output & 0xffffffffn);
  };
}

/**
 * The 64-bit outputs of PCG64.
 *
 * @param words Four 64-bit words: the start, high and low, and the sequence, high and low.
 */
export function pcg64([a, b, c, d]: readonly [bigint, bigint, bigint, bigint]): () => bigint {
  const increment = ((((c << 64n) | d) << 1n) | 1n) & MASK_128;
  const step = (state: bigint) => (state * MULTIPLIER + increment) & MASK_128;
  let state = step((step(0n) + ((a << 64n) | b)) & MASK_128);
  return () => {
    state = step(state);
    const folded = (state >> 64n) ^ (state & MASK_64);
    const rotation = state >> 122n;
    return ((folded >> rotation) | (folded << (64n - rotation))) & MASK_64;
  };
}

/**
 * numpy's `SeedSequence(seed).generate_state(4)`: a seed spread over four 64-bit words.
 *
 * @throws {RangeError} If the seed is not an integer from 0 up.
 */
export function seedSequence(seed: number): [bigint, bigint, bigint, bigint] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot seed PCG64: wanted an integer from 0 up, got ${seed}`);
  }
  const pool = mixedPool([seed % 2 ** 32, Math.floor(seed / 2 ** 32)]);
  let constant = 0x8b51f9dd;
  const words = Array.from({ length: 8 }, (_, i) => {
    let word = pool[i % 4]! ^ constant;
    constant = Math.imul(constant, 0x58f38ded);
    word = Math.imul(word, constant);
    return BigInt((word ^ (word >>> 16)) >>> 0);
  });
  const pair = (i: number) => words[2 * i]! | (words[2 * i + 1]! << 32n);
  return [pair(0), pair(1), pair(2), pair(3)];
}

/** Hashes the words of the seed into a pool of four, then mixes each word into every other. */
function mixedPool(entropy: readonly number[]): number[] {
  let constant = 0x43b0d7e5;
  const hash = (value: number): number => {
    let word = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    word = Math.imul(word, constant);
    return word ^ (word >>> 16);
  };
  const pool = Array.from({ length: 4 }, (_, i) => hash(entropy[i] ?? 0));
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (source === target) continue;
      const mixed = Math.imul(pool[target]!, 0xca01f9dd) -
        Math.imul(hash(pool[source]!), 0x4973f715);
      pool[target] = mixed ^ (mixed >>> 16);
    }
  }
  return pool;
}
