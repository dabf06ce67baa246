/** {@linkcode BestFit} as nanochat's linear scan, for tests and benchmarks. @module */

import type { Sized } from "../best_fit.ts";

/** Items in insertion order, searched from the front. */
export class NaiveFit<Item extends Sized> {
  #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  items(): Iterable<Item> {
    return this.#items;
  }

  add(item: Item): void {
    this.#items.push(item);
  }

  takeLongest(room: number): Item | undefined {
    let best = -1;
    let bestLength = 0;
    for (const [index, { length }] of this.#items.entries()) {
      if (length > room || length <= bestLength) continue;
      best = index;
      bestLength = length;
    }
    return best < 0 ? undefined : this.#items.splice(best, 1)[0];
  }

  takeShortest(): Item | undefined {
    let best = 0;
    for (const [index, { length }] of this.#items.entries()) {
      if (length < (this.#items[best]?.length ?? 0)) best = index;
    }
    return this.#items.splice(best, 1)[0];
  }
}
