/**
 * Pairs of token ids numbered in the order in which they were added.
 *
 * @module
 */
import { withRoom } from "./growable.ts";

/** A set of pairs, each with a number: an open-addressing hash table. */
export class PairTable {
  /** How many pairs are in the table; they are numbered from 0. */
  size = 0;
  /** The first token of each pair. */
  left: Int32Array = new Int32Array(1 << 10);
  /** The second token of each pair. */
  right: Int32Array = new Int32Array(1 << 10);
  /** Number plus one; 0 marks an empty slot. The length is a power of two. */
  #slots: Int32Array = new Int32Array(1 << 11);
  #shift = 32 - 11;

  /** The number of the pair, or -1 where it is not in the table. */
  find(left: number, right: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = slotOf(left, right, this.#shift);
    for (let entry = slots[slot]!; entry !== 0; entry = slots[slot]!) {
      if (this.left[entry - 1] === left && this.right[entry - 1] === right) return entry - 1;
      slot = slot + 1 & mask;
    }
    return -1;
  }

  /** The number of the pair, which is added where it is not in the table. */
  intern(left: number, right: number): number {
    const found = this.find(left, right);
    if (found >= 0) return found;
    const number = this.size++;
    this.left = withRoom(this.left, this.size, Int32Array);
    this.right = withRoom(this.right, this.size, Int32Array);
    this.left[number] = left;
    this.right[number] = right;
    if (2 * this.size > this.#slots.length) this.#rehash();
    else this.#place(number);
    return number;
  }

  #place(number: number): void {
    const mask = this.#slots.length - 1;
    let slot = slotOf(this.left[number]!, this.right[number]!, this.#shift);
    while (this.#slots[slot] !== 0) slot = slot + 1 & mask;
    this.#slots[slot] = number + 1;
  }

  #rehash(): void {
    this.#slots = new Int32Array(2 * this.#slots.length);
    this.#shift--;
    for (let number = 0; number < this.size; number++) this.#place(number);
  }
}

function slotOf(left: number, right: number, shift: number): number {
  const mixed = Math.imul(left, 0x9e3779b1) + right;
  return Math.imul(mixed ^ mixed >>> 15, 0x85ebca6b) >>> shift;
}
