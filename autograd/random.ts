/**
 * Counter-based random numbers: number `index` of stream `seed` is a pure function of the two.
 *
 * There is no generator state and no order, so the initial weights of a neuron do not depend on how
 * many other neurons there are.
 *
 * Source of the mixing steps: Appleby, MurmurHash3 (2011), the 32-bit finalizer.
 */

/** A 32-bit finalizer: each bit of `x` affects all bits of the result. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * The seed of child stream `index`, a 32-bit integer.
 *
 * @param seed An integer; its lowest 32 bits count.
 * @throws {RangeError} If the seed is not an integer.
 */
export function childSeed(seed: number, index: number): number {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot make a random number: wanted an integer as the seed, got ${seed}`);
  }
  // An odd constant keeps seed 0 from being the fixed point of `mix` at 0.
  return mix(mix((seed + 0x9e3779b9) | 0) + Math.imul(index + 1, 0x9e3779b1));
}

/** Number `index` of the stream `seed`, uniform in [0, 1). */
export function randomUniform(seed: number, index: number): number {
  return childSeed(seed, index) / 2 ** 32;
}
