/** Best-fit search, the inner loop of packing: the longest item that still fits. @module */

export interface Sized {
  /** A positive integer. */
  readonly length: number;
}

/**
 * Items in one FIFO queue per length, so that ties resolve as in a linear scan. A bitmap marks the
 * non-empty queues, so a search tests 32 lengths at a time instead of every item.
 */
export class BestFit<Item extends Sized> {
  #queues: Queue<Item>[] = [];
  #occupied = new Int32Array(64);
  #arrivals = new Set<Item>();

  get size(): number {
    return this.#arrivals.size;
  }

  items(): Iterable<Item> {
    return this.#arrivals.values();
  }

  /** Adds an item, which must not be present. */
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

  /** Removes and returns the longest item of at most `room`, if any. */
  takeLongest(room: number): Item | undefined {
    let word = Math.min(room >>> 5, this.#occupied.length - 1);
    // Mask off the lengths above `room` in its word.
    const mask = room >>> 5 === word ? -1 >>> (31 - (room & 31)) : -1;
    let bits = (this.#occupied[word] ?? 0) & mask;
    while (bits === 0 && word > 0) bits = this.#occupied[--word] ?? 0;
    return bits === 0 ? undefined : this.#take((word << 5) + 31 - Math.clz32(bits));
  }

  /** Removes and returns the shortest item, if any. */
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

/** A FIFO queue that compacts its array once half of it has been consumed. */
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
