/** A hash table keyed by pairs of token ids. @module */
import { withRoom } from "./growable.ts";

/** A map from pairs to non-negative integers, with open addressing. */
export class PairTable {
  /** Number of pairs, which are kept in insertion order. */
  size = 0;
  left: Int32Array = new Int32Array(1 << 10);
  right: Int32Array = new Int32Array(1 << 10);
  /**
   * Each slot holds left + 1, right, value and padding, so a lookup touches one cache line. An
   * empty slot starts with 0. The number of slots is a power of two.
   */
  #slots: Int32Array;
  /**
   * A one-hash Bloom filter, indexed by two bits more of the hash than a slot is. Most lookups
   * miss; the filter, 1/32 of the table's size, stays in a nearer cache and rejects seven of eight
   * misses.
   */
  #seen: Int32Array;
  #shift: number;

  /** @param expected The number of pairs that will be added, at least. */
  constructor(expected = 0) {
    const bits = Math.max(11, Math.ceil(Math.log2(1.5 * expected)));
    this.#slots = new Int32Array(4 << bits);
    this.#seen = new Int32Array(1 << bits - 3);
    this.#shift = 32 - bits;
    this.left = withRoom(this.left, expected, Int32Array);
    this.right = withRoom(this.right, expected, Int32Array);
  }

  /** Returns the value of the pair, or -1 if absent. */
  find(left: number, right: number): number {
    const hash = hashOf(left, right);
    const bit = hash >>> this.#shift - 2;
    if ((this.#seen[bit >> 5]! >> (bit & 31) & 1) === 0) return -1;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 4 * (hash >>> this.#shift);
    for (let first = slots[slot]!; first !== 0; first = slots[slot]!) {
      if (first === left + 1 && slots[slot + 1] === right) return slots[slot + 2]!;
      slot = slot + 4 & mask;
    }
    return -1;
  }

  /** Adds a pair, which must be absent. */
  add(left: number, right: number, value: number): void {
    this.size++;
    this.left = withRoom(this.left, this.size, Int32Array);
    this.right = withRoom(this.right, this.size, Int32Array);
    this.left[this.size - 1] = left;
    this.right[this.size - 1] = right;
    if (6 * this.size > this.#slots.length) this.#grow();
    this.#place(left, right, value);
  }

  #place(left: number, right: number, value: number): void {
    const hash = hashOf(left, right);
    const bit = hash >>> this.#shift - 2;
    this.#seen[bit >> 5]! |= 1 << (bit & 31);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = 4 * (hash >>> this.#shift);
    while (slots[slot] !== 0) slot = slot + 4 & mask;
    slots[slot] = left + 1;
    slots[slot + 1] = right;
    slots[slot + 2] = value;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.#seen = new Int32Array(2 * this.#seen.length);
    this.#shift--;
    for (let slot = 0; slot < old.length; slot += 4) {
      if (old[slot] !== 0) this.#place(old[slot]! - 1, old[slot + 1]!, old[slot + 2]!);
    }
  }
}

function hashOf(left: number, right: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) + right;
  return Math.imul(mixed ^ mixed >>> 15, 0x85ebca6b);
}
