/**
 * Interned byte strings, numbered in insertion order.
 *
 * Training counts words with it, and encoding caches whole pieces. Unlike a `Map` keyed by strings,
 * it allocates nothing on lookup and does not keep alive the document that a word was cut from.
 *
 * @module
 */
import { withRoom } from "./growable.ts";

const MULTIPLIER = 0x01000193;
const SCRAMBLER = 0x9e3779b1;

/** Polynomial hash of `source[start, end)`, modulo 2³². */
export function hashBytes(source: Uint8Array, start: number, end: number): number {
  let hash = 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash, MULTIPLIER) + source[i]! + 1 | 0;
  return hash;
}

/** Hashes of second halves: a buffer for all tokens, as making one for each takes longer. */
let secondHashes = new Int32Array(1 << 8);

/**
 * Calls `visit` with the hashes of both halves, for every way to split `source[start, end)` in two.
 *
 * The hash is polynomial, so all splits together take linear time: the hash of the second half is
 * the hash of the whole minus the shifted hash of the first half.
 */
export function hashSplits(
  source: Uint8Array,
  start: number,
  end: number,
  visit: (cut: number, first: number, second: number) => void,
): void {
  const seconds = secondHashes = withRoom(secondHashes, end - start + 1, Int32Array);
  seconds[end - start] = 0;
  let power = 1;
  for (let i = end - start - 1; i > 0; i--) {
    seconds[i] = seconds[i + 1]! + Math.imul(source[start + i]! + 1, power) | 0;
    power = Math.imul(power, MULTIPLIER);
  }
  let first = 0;
  for (let cut = start + 1; cut < end; cut++) {
    first = Math.imul(first, MULTIPLIER) + source[cut - 1]! + 1 | 0;
    visit(cut, first, seconds[cut - start]!);
  }
}

/** A set of byte strings with ids: an open-addressing hash table over one byte pool. */
export class ByteTable {
  /** Number of byte strings; ids run from 0. */
  size = 0;
  pool: Uint8Array = new Uint8Array(1 << 12);
  /** Start offset of each string in {@linkcode pool}; a string ends where the next one starts. */
  starts: Int32Array = new Int32Array(1 << 8);
  /**
   * Each slot holds a hash and, next to it, so that a lookup touches one cache line, the id plus
   * one; 0 marks an empty slot. The number of slots is a power of two.
   */
  #slots: Int32Array = new Int32Array(2 << 9);
  #shift = 32 - 9;

  /** @param expected The number of strings that will be added, at least. */
  constructor(expected = 0) {
    while (4 * expected > this.#slots.length) this.#grow();
  }

  /** Returns the id of `source[start, end)`, or -1 if absent. */
  find(source: Uint8Array, start: number, end: number): number {
    return this.findHashed(hashBytes(source, start, end), source, start, end);
  }

  findHashed(hash: number, source: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 2 * (Math.imul(hash, SCRAMBLER) >>> this.#shift);
    for (let entry = slots[slot + 1]!; entry !== 0; entry = slots[slot + 1]!) {
      if (slots[slot] === hash && this.#equals(entry - 1, source, start, end)) return entry - 1;
      slot = slot + 2 & mask;
    }
    return -1;
  }

  /** Adds `source[start, end)`, which must be absent, and returns its id. */
  add(source: Uint8Array, start: number, end: number): number {
    return this.addHashed(hashBytes(source, start, end), source, start, end);
  }

  addHashed(hash: number, source: Uint8Array, start: number, end: number): number {
    const number = this.size++;
    const from = this.starts[number]!;
    const to = from + end - start;
    this.pool = withRoom(this.pool, to, Uint8Array);
    for (let i = start; i < end; i++) this.pool[from + i - start] = source[i]!;
    this.starts = withRoom(this.starts, number + 2, Int32Array);
    this.starts[number + 1] = to;
    if (4 * this.size > this.#slots.length) this.#grow();
    this.#place(hash, number);
    return number;
  }

  #equals(number: number, source: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[number]!;
    if (this.starts[number + 1]! - from !== end - start) return false;
    const pool = this.pool;
    for (let i = start, j = from; i < end; i++, j++) {
      if (pool[j] !== source[i]) return false;
    }
    return true;
  }

  #place(hash: number, number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 2 * (Math.imul(hash, SCRAMBLER) >>> this.#shift);
    while (slots[slot + 1] !== 0) slot = slot + 2 & mask;
    slots[slot] = hash;
    slots[slot + 1] = number + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.#shift--;
    for (let slot = 0; slot < old.length; slot += 2) {
      if (old[slot + 1] !== 0) this.#place(old[slot]!, old[slot + 1]! - 1);
    }
  }
}
