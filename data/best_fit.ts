/**
 * The question that packing asks over and over: which is the longest item that still fits?
 *
 * @module
 */

/** Something with a length. */
export interface Sized {
  /** A whole number of at least 1. */
  readonly length: number;
}

/**
 * Items by length, each length a queue: of equal items the one that came first goes first, just as
 * if all had been looked at in order. A bit for each length says whether its queue holds anything, so
 * a search looks at 32 lengths at a time instead of at every item.
 *
 * @example
 * ```ts
 * import { BestFit } from "./best_fit.ts";
 *
 * const waiting = new BestFit<string>();
 * for (const word of ["a", "four", "seven"]) waiting.add(word);
 * console.log(waiting.takeLongest(4), waiting.takeShortest(), waiting.size); // four a 1
 * ```
 */
export class BestFit<Item extends Sized> {
  #queues: Queue<Item>[] = [];
  #occupied = new Int32Array(64);
  #arrivals = new Set<Item>();

  /** How many items wait. */
  get size(): number {
    return this.#arrivals.size;
  }

  /** The items that wait, in the order in which they came. */
  items(): Iterable<Item> {
    return this.#arrivals.values();
  }

  /** Adds an item, which must not be waiting already. */
  add(item: Item): void {
    const { length } = item;
    while (this.#queues.length <= length) this.#queues.push(new Queue());
    const word = length >>> 5;
    if (word >= this.#occupied.length) {
      const wider = new Int32Array(2 * word);
      wider.set(this.#occupied);
      this.#occupied = wider;
    }
    this.#queues[length]?.push(item);
    this.#occupied[word] = (this.#occupied[word] ?? 0) | (1 << (length & 31));
    this.#arrivals.add(item);
  }

  /** Takes out the longest item of at most `room`, if there is one. */
  takeLongest(room: number): Item | undefined {
    let word = Math.min(room >>> 5, this.#occupied.length - 1);
    // The lengths above `room` that share its word do not fit.
    const mask = room >>> 5 === word ? -1 >>> (31 - (room & 31)) : -1;
    let bits = (this.#occupied[word] ?? 0) & mask;
    while (bits === 0 && word > 0) bits = this.#occupied[--word] ?? 0;
    return bits === 0 ? undefined : this.#take((word << 5) + 31 - Math.clz32(bits));
  }

  /** Takes out the shortest item, if there is any. */
  takeShortest(): Item | undefined {
    for (let word = 0; word < this.#occupied.length; word++) {
      const bits = this.#occupied[word] ?? 0;
      if (bits !== 0) return this.#take((word << 5) + 31 - Math.clz32(bits & -bits));
    }
    return undefined;
  }

  #take(length: number): Item | undefined {
    const queue = this.#queues[length];
    const item = queue?.shift();
    if (queue === undefined || item === undefined) return undefined;
    if (queue.isEmpty) {
      const word = length >>> 5;
      this.#occupied[word] = (this.#occupied[word] ?? 0) & ~(1 << (length & 31));
    }
    this.#arrivals.delete(item);
    return item;
  }
}

/** First in, first out; the front is cleared away only once it is half of the array. */
class Queue<Item> {
  #items: Item[] = [];
  #front = 0;

  get isEmpty(): boolean {
    return this.#front === this.#items.length;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.isEmpty) return undefined;
    const item = this.#items[this.#front++];
    if (2 * this.#front >= this.#items.length) {
      this.#items = this.#items.slice(this.#front);
      this.#front = 0;
    }
    return item;
  }
}
