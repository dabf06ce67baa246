/** Random numbers by seed and counter, without a state to save with a loader. @module */

/**
 * 32 random bits for a seed and counters.
 *
 * @param seed Any safe integer.
 * @param counters Integers that identify the draw; only their low 32 bits matter.
 * @returns An integer from 0 to 2³² − 1.
 *
 * Source: the finalizer of MurmurHash3 (Austin Appleby), chained.
 */
export function randomBits(seed: number, ...counters: number[]): number {
  let bits = mix(seed | 0);
  bits = mix(bits ^ Math.floor(seed / 2 ** 32));
  for (const counter of counters) bits = mix(bits ^ counter);
  return bits >>> 0;
}

function mix(bits: number): number {
  bits = (bits + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

/**
 * A random permutation of 0 to `length` − 1.
 *
 * Source: the Fisher–Yates shuffle, in Durstenfeld's form.
 */
export function permutation(length: number, seed: number, ...counters: number[]): Int32Array {
  const order = Int32Array.from({ length }, (_, i) => i);
  for (let last = length - 1; last > 0; last--) {
    const chosen = Math.floor(randomBits(seed, ...counters, last) / 2 ** 32 * (last + 1));
    const value = order[last] ?? 0;
    order[last] = order[chosen] ?? 0;
    order[chosen] = value;
  }
  return order;
}
