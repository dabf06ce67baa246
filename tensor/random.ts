/**
 * Counter-based random numbers: element i of seed s is a hash of (s, i), so any part of a stream
 * can be generated on its own, and is the same on every device.
 *
 * The hash is Threefry-2x32 with 20 rounds. Source: Salmon et al., "Parallel Random Numbers: As
 * Easy as 1, 2, 3" (2011).
 *
 * @module
 */

import { checkThat, describeValue } from "./checks.ts";
import { wrongValue } from "./errors.ts";

const PARITY = 0x1BD11BDA;
const ROTATIONS = Int32Array.of(13, 15, 26, 6, 17, 29, 16, 24);

/**
 * Hashes two 32-bit words under a key of two 32-bit words.
 *
 * @returns Two uniformly distributed unsigned 32-bit integers.
 *
 * @example The generator's published test vector
 * ```ts
 * import { threefry } from "./random.ts";
 *
 * const [a, b] = threefry(0, 0, 0, 0);
 * if (a !== 0x6b200159 || b !== 0x99ba4efe) throw new Error("not Threefry");
 * ```
 */
export function threefry(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
): [number, number] {
  const words = new Int32Array(2);
  hash(expandKey(key0, key1), counter0, counter1, words);
  return [words[0]! >>> 0, words[1]! >>> 0];
}

function expandKey(key0: number, key1: number): Int32Array {
  return Int32Array.of(key0, key1, PARITY ^ key0 ^ key1);
}

/** Writes the hash of a counter into `words`: streams need no pair per call. */
function hash(keys: Int32Array, counter0: number, counter1: number, words: Int32Array): void {
  let [a, b, c] = [keys[0]!, keys[1]!, keys[2]!];
  let x = (counter0 + a) | 0;
  let y = (counter1 + b) | 0;
  for (let round = 1; round <= 20; round++) {
    const rotation = ROTATIONS[(round - 1) & 7]!;
    x = (x + y) | 0;
    y = ((y << rotation) | (y >>> (32 - rotation))) ^ x;
    if ((round & 3) === 0) {
      [a, b, c] = [b, c, a];
      x = (x + a) | 0;
      y = (y + b + (round >> 2)) | 0;
    }
  }
  words[0] = x;
  words[1] = y;
}

/**
 * Derives a seed for one of several streams.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1.
 *
 * @example
 * ```ts
 * import { deriveSeed } from "./random.ts";
 *
 * if (deriveSeed(42, 0) === deriveSeed(42, 1)) throw new Error("expected different seeds");
 * ```
 */
export function deriveSeed(seed: number, stream: number): number {
  const words = new Int32Array(2);
  hash(seedKey(seed), stream, 0x5EED, words);
  return (words[1]! & 0x1FFFFF) * 2 ** 32 + (words[0]! >>> 0);
}

/** Splits a seed into a key. @throws {RangeError} If it is not an integer from 0 to 2⁵³ − 1. */
function seedKey(seed: number): Int32Array {
  checkThat(Number.isSafeInteger(seed) && seed >= 0, "seed", "an integer from 0 to 2^53 - 1", seed);
  return expandKey(seed, Math.floor(seed / 2 ** 32));
}

const toUnit = (word: number): number => (word >>> 8) * 2 ** -24;

/**
 * Uniform random numbers in [`low`, `high`), in 2²⁴ equal steps.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1, or `low` is not below
 * `high`.
 *
 * @example A part of a stream does not depend on how much of it is generated
 * ```ts
 * import { uniformArray } from "./random.ts";
 *
 * const [three, many] = [uniformArray(42, 3), uniformArray(42, 1000)];
 * if (three.join() !== many.slice(0, 3).join()) throw new Error("expected the same numbers");
 * ```
 */
export function uniformArray(
  seed: number,
  count: number,
  low = 0,
  high = 1,
): Float32Array<ArrayBuffer> {
  // Rounding to float32 may give `high` itself, which is excluded.
  const largest = below(high);
  if (!(Number.isFinite(low) && Number.isFinite(high) && low <= largest)) {
    const got = `low ${describeValue(low)} and high ${describeValue(high)}`;
    throw wrongValue("sample uniform numbers", "low < high", got);
  }
  const [keys, words] = [seedKey(seed), new Int32Array(2)];
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    hash(keys, i / 2, 0, words);
    values[i] = Math.min(low + (high - low) * toUnit(words[0]!), largest);
    // A write beyond the end does nothing.
    values[i + 1] = Math.min(low + (high - low) * toUnit(words[1]!), largest);
  }
  return values;
}

function below(value: number): number {
  const float = Float32Array.of(value);
  if (float[0]! < value) return float[0]!;
  const bits = new Int32Array(float.buffer);
  if (value > 0) bits[0]!--;
  else if (value < 0) bits[0]!++;
  else bits[0] = 0x80000001 | 0;
  return float[0]!;
}

/**
 * Normal random numbers, by the Box–Muller transform (1958). All are within 5.8 standard deviations
 * of the mean.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1.
 *
 * @example
 * ```ts
 * import { normalArray } from "./random.ts";
 *
 * const values = normalArray(42, 10_000, 5, 0.1);
 * const mean = values.reduce((sum, value) => sum + value) / values.length;
 * if (Math.abs(mean - 5) > 0.005) throw new Error(`expected a mean of about 5, got ${mean}`);
 * ```
 */
export function normalArray(
  seed: number,
  count: number,
  mean = 0,
  standardDeviation = 1,
): Float32Array<ArrayBuffer> {
  const what = "sample normal numbers";
  const isPositive = Number.isFinite(standardDeviation) && standardDeviation >= 0;
  checkThat(isPositive, what, "a finite standardDeviation from 0 up", standardDeviation);
  checkThat(Number.isFinite(mean), what, "a finite mean", mean);
  const [keys, words] = [seedKey(seed), new Int32Array(2)];
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 2) {
    hash(keys, i / 2, 0, words);
    const radius = standardDeviation * Math.sqrt(-2 * Math.log(1 - toUnit(words[0]!)));
    const angle = 2 * Math.PI * toUnit(words[1]!);
    values[i] = mean + radius * Math.cos(angle);
    // A write beyond the end does nothing.
    values[i + 1] = mean + radius * Math.sin(angle);
  }
  return values;
}

/**
 * A random permutation of the integers below `count`, by the Fisher–Yates shuffle.
 *
 * @throws {RangeError} If the seed is not an integer from 0 to 2⁵³ − 1.
 *
 * @example
 * ```ts
 * import { permutationArray } from "./random.ts";
 *
 * const order = permutationArray(42, 5);
 * if (order.toSorted().join() !== "0,1,2,3,4") throw new Error("expected each number once");
 * ```
 */
export function permutationArray(seed: number, count: number): Int32Array<ArrayBuffer> {
  const [keys, words] = [seedKey(seed), new Int32Array(2)];
  const values = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    hash(keys, i, 1, words);
    // 53 random bits make the bias of the remainder negligible.
    const j = ((words[1]! & 0x1FFFFF) * 2 ** 32 + (words[0]! >>> 0)) % (i + 1);
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
}
