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

/**
 * The hashes of everything that byte strings begin and end with. They are polynomial, so all of them take
 * linear time: that of an end is that of the whole minus the shifted one of what precedes it.
 */
export class HashedEnds {
  #hashes = new Int32Array(1 << 8);
  /** Powers of the multiplier. */
  #powers = Int32Array.of(1);
  #length = 0;

  /** Takes the string `source[start, end)`. */
  take(source: Uint8Array, start: number, end: number): void {
    const length = this.#length = end - start;
    const hashes = this.#hashes = withRoom(this.#hashes, length + 1, Int32Array);
    for (let i = 0; i < length; i++) {
      hashes[i + 1] = Math.imul(hashes[i]!, MULTIPLIER) + source[start + i]! + 1 | 0;
    }
    if (length < this.#powers.length) return;
    let from = this.#powers.length;
    const powers = this.#powers = withRoom(this.#powers, length + 1, Int32Array);
    for (; from < powers.length; from++) powers[from] = Math.imul(powers[from - 1]!, MULTIPLIER);
  }

  /** The hash of the first bytes, as many as `length`. */
  first(length: number): number {
    return this.#hashes[length]!;
  }

  /** The hash of the last bytes, as many as `length`. */
  last(length: number): number {
    const [whole, before] = [this.#hashes[this.#length]!, this.#hashes[this.#length - length]!];
    return whole - Math.imul(before, this.#powers[length]!) | 0;
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
  #slots: Int32Array;
  /** A Bloom filter as in `PairTable`: most lookups of parts of tokens miss. */
  #seen: Int32Array;
  #shift: number;

  /** @param expected The number of strings that will be added, at least. */
  constructor(expected = 0) {
    const bits = Math.max(9, Math.ceil(Math.log2(2 * expected)));
    this.#slots = new Int32Array(2 << bits);
    this.#seen = new Int32Array(1 << bits - 3);
    this.#shift = 32 - bits;
    this.starts = withRoom(this.starts, expected + 1, Int32Array);
  }

  /** Returns the id of `source[start, end)`, or -1 if absent. */
  find(source: Uint8Array, start: number, end: number): number {
    return this.findHashed(hashBytes(source, start, end), source, start, end);
  }

  findHashed(hash: number, source: Uint8Array, start: number, end: number): number {
    const mixed = Math.imul(hash, SCRAMBLER);
    const bit = mixed >>> this.#shift - 2;
    if ((this.#seen[bit >> 5]! >> (bit & 31) & 1) === 0) return -1;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 2 * (mixed >>> this.#shift);
    for (let entry = slots[slot + 1]!; entry !== 0; entry = slots[slot + 1]!) {
      if (slots[slot] === hash && this.equals(entry - 1, source, start, end)) return entry - 1;
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

  /** Whether the string of an id is `source[start, end)`. */
  equals(number: number, source: Uint8Array, start: number, end: number): boolean {
    const from = this.starts[number]!;
    if (this.starts[number + 1]! - from !== end - start) return false;
    const pool = this.pool;
    for (let i = start, j = from; i < end; i++, j++) {
      if (pool[j] !== source[i]) return false;
    }
    return true;
  }

  #place(hash: number, number: number): void {
    const mixed = Math.imul(hash, SCRAMBLER);
    const bit = mixed >>> this.#shift - 2;
    this.#seen[bit >> 5]! |= 1 << (bit & 31);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 2 * (mixed >>> this.#shift);
    while (slots[slot + 1] !== 0) slot = slot + 2 & mask;
    slots[slot] = hash;
    slots[slot + 1] = number + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.#seen = new Int32Array(2 * this.#seen.length);
    this.#shift--;
    for (let slot = 0; slot < old.length; slot += 2) {
      if (old[slot + 1] !== 0) this.#place(old[slot]!, old[slot + 1]! - 1);
    }
  }
}
