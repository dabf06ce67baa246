/**
 * Python's `random.Random`, to the bit: nanochat's order of mixed tasks and its few-shot examples
 * depend on it.
 *
 * Source: Matsumoto and Nishimura, "Mersenne Twister" (1998), and CPython's `random.py`.
 *
 * @module
 */

/**
 * The random numbers of one of many items, each of which has its own for each seed.
 *
 * @param seed A safe integer.
 * @param index Below 2³².
 */
export function randomOf(seed: number, index: number): PythonRandom {
  return new PythonRandom(BigInt(seed) * 2n ** 32n + BigInt(index));
}

const STATE_WORDS = 624;
const MIDDLE_WORD = 397;

/**
 * A Mersenne Twister (MT19937) with the methods of Python's `random.Random`.
 *
 * @example
 * ```ts
 * import { PythonRandom } from "./python_random.ts";
 *
 * const random = new PythonRandom(42);
 * if (random.randbelow(10) !== 1) throw new Error("expected Python's first number");
 * ```
 */
export class PythonRandom {
  readonly #state = new Uint32Array(STATE_WORDS);
  #next = STATE_WORDS;

  /**
   * Starts the sequence of `random.Random(seed)`.
   *
   * @param seed An integer; its sign does not matter.
   * @throws {RangeError} If the seed is not a safe integer.
   */
  constructor(seed: number | bigint) {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new RangeError(`Cannot seed PythonRandom: wanted an integer, got ${seed}`);
    }
    this.#seedByWords(wordsOf(BigInt(seed)));
  }

  /** `bits` random bits as an integer, for at most 32 bits. */
  getrandbits(bits: number): number {
    if (!Number.isInteger(bits) || bits < 1 || bits > 32) {
      throw new RangeError(`Cannot draw random bits: wanted 1 to 32, got ${bits}`);
    }
    return this.#nextWord() >>> (32 - bits);
  }

  /** A float in [0, 1) with 53 random bits. */
  random(): number {
    const high = this.#nextWord() >>> 5;
    const low = this.#nextWord() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** An integer in [0, n), for n up to 2³². */
  randbelow(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) {
      throw new RangeError(`Cannot draw a number below ${n}: wanted an integer from 1 to 2^32`);
    }
    const bits = n === 2 ** 32 ? 33 : 32 - Math.clz32(n);
    if (bits === 33) return this.#nextWord();
    let value = this.getrandbits(bits);
    while (value >= n) value = this.getrandbits(bits);
    return value;
  }

  /** One of the items. */
  choice<Item>(items: ArrayLike<Item>): Item {
    return items[this.randbelow(items.length)]!;
  }

  /** Shuffles a list in place. */
  shuffle<Item>(items: Item[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.randbelow(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
  }

  /**
   * `count` of the items, without repetition, in random order.
   *
   * @throws {RangeError} If there are fewer items.
   */
  sample<Item>(items: ArrayLike<Item>, count: number): Item[] {
    const n = items.length;
    if (!Number.isInteger(count) || count < 0 || count > n) {
      throw new RangeError(`Cannot sample ${count} items: wanted 0 to ${n}`);
    }
    // Python chooses between two algorithms by their memory; they give different numbers.
    const setSize = count > 5 ? 21 + 4 ** Math.ceil(logBase4(count * 3)) : 21;
    if (n <= setSize) {
      const pool = Array.from(items);
      return Array.from({ length: count }, (_, i) => {
        const j = this.randbelow(n - i);
        const picked = pool[j]!;
        pool[j] = pool[n - i - 1]!;
        return picked;
      });
    }
    const taken = new Set<number>();
    while (taken.size < count) taken.add(this.randbelow(n));
    return [...taken].map((index) => items[index]!);
  }

  #seedByWords(key: readonly number[]): void {
    const state = this.#state;
    state[0] = 19650218;
    for (let i = 1; i < STATE_WORDS; i++) {
      const previous = state[i - 1]!;
      state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
    let i = 1;
    let j = 0;
    for (let round = Math.max(STATE_WORDS, key.length); round > 0; round--) {
      const previous = state[i - 1]!;
      state[i] = (state[i]! ^ Math.imul(previous ^ (previous >>> 30), 1664525)) + key[j]! + j;
      if (++i >= STATE_WORDS) {
        state[0] = state[STATE_WORDS - 1]!;
        i = 1;
      }
      if (++j >= key.length) j = 0;
    }
    for (let round = STATE_WORDS - 1; round > 0; round--) {
      const previous = state[i - 1]!;
      state[i] = (state[i]! ^ Math.imul(previous ^ (previous >>> 30), 1566083941)) - i;
      if (++i >= STATE_WORDS) {
        state[0] = state[STATE_WORDS - 1]!;
        i = 1;
      }
    }
    state[0] = 0x80000000;
  }

  #nextWord(): number {
    if (this.#next >= STATE_WORDS) this.#twist();
    let word = this.#state[this.#next++]!;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < STATE_WORDS; i++) {
      const bits = (state[i]! & 0x80000000) | (state[(i + 1) % STATE_WORDS]! & 0x7fffffff);
      const mixed = state[(i + MIDDLE_WORD) % STATE_WORDS]! ^ (bits >>> 1);
      state[i] = (bits & 1) === 0 ? mixed : mixed ^ 0x9908b0df;
    }
    this.#next = 0;
  }
}

/** The 32-bit words of |seed|, the lowest first: at least one. */
function wordsOf(seed: bigint): number[] {
  const words: number[] = [];
  for (let rest = seed < 0n ? -seed : seed; rest > 0n; rest >>= 32n) {
    words.push(Number(rest & 0xffffffffn));
  }
  return words.length === 0 ? [0] : words;
}

function logBase4(x: number): number {
  return Math.log(x) / Math.log(4);
}
