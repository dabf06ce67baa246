/** Random choices by a seed, so that a trial can be repeated. @module */

import { randomBits } from "../../data/shuffle.ts";

export class Random {
  readonly #seed: number;
  #count = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A number from 0, and below 1. */
  next(): number {
    return randomBits(this.#seed, this.#count++) / 2 ** 32;
  }

  /** An integer from 0, and below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** Whether something happens that has this probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError("Cannot pick: wanted one item or more, got none");
    return items[this.below(items.length)]!;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}
