/**
 * {@linkcode BestFit} as one would write it first, and as nanochat does: a look at every item. Kept to
 * explain the fast one and to be compared with it.
 *
 * @module
 */

import type { Sized } from "./best_fit.ts";

/**
 * Items in the order in which they came, searched from the front.
 *
 * @example
 * ```ts
 * import { NaiveFit } from "./naive_fit.ts";
 *
 * const waiting = new NaiveFit<string>();
 * for (const word of ["a", "four", "seven"]) waiting.add(word);
 * console.log(waiting.takeLongest(4), waiting.takeShortest(), waiting.size); // four a 1
 * ```
 */
export class NaiveFit<Item extends Sized> {
  #items: Item[] = [];

  /** How many items wait. */
  get size(): number {
    return this.#items.length;
  }

  /** The items that wait, in the order in which they came. */
  items(): Iterable<Item> {
    return this.#items;
  }

  /** Adds an item. */
  add(item: Item): void {
    this.#items.push(item);
  }

  /** Takes out the longest item of at most `room`, if there is one. */
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

  /** Takes out the shortest item, if there is any. */
  takeShortest(): Item | undefined {
    let best = 0;
    for (const [index, { length }] of this.#items.entries()) {
      if (length < (this.#items[best]?.length ?? 0)) best = index;
    }
    return this.#items.splice(best, 1)[0];
  }
}
