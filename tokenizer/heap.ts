/** A priority queue that pops the smallest entry first. @module */
import { withRoom } from "./growable.ts";

/**
 * A binary heap of pairs of numbers, ordered by the first and then by the second.
 *
 * Training stores (-count, pair): the most frequent pair comes first, and the smaller pair on ties.
 */
export class MinHeap {
  size = 0;
  first = 0;
  /** The second number of the last popped entry. */
  second = 0;
  #firsts: Float64Array = new Float64Array(64);
  #seconds: Float64Array = new Float64Array(64);

  push(first: number, second: number): void {
    let hole = this.size++;
    this.#firsts = withRoom(this.#firsts, this.size, Float64Array);
    this.#seconds = withRoom(this.#seconds, this.size, Float64Array);
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    while (hole > 0) {
      const parent = hole - 1 >> 1;
      const above = firsts[parent]!;
      if (above < first || above === first && seconds[parent]! <= second) break;
      firsts[hole] = above;
      seconds[hole] = seconds[parent]!;
      hole = parent;
    }
    firsts[hole] = first;
    seconds[hole] = second;
  }

  /** Pops the smallest entry into `first` and `second`; returns `false` if the heap is empty. */
  pop(): boolean {
    if (this.size === 0) return false;
    const firsts = this.#firsts;
    const seconds = this.#seconds;
    this.first = firsts[0]!;
    this.second = seconds[0]!;
    const last = --this.size;
    const first = firsts[last]!;
    const second = seconds[last]!;
    let hole = 0;
    for (let child = 1; child < last; child = 2 * hole + 1) {
      const sibling = child + 1;
      if (sibling < last && before(firsts, seconds, sibling, child)) child = sibling;
      const below = firsts[child]!;
      if (first < below || first === below && second <= seconds[child]!) break;
      firsts[hole] = below;
      seconds[hole] = seconds[child]!;
      hole = child;
    }
    firsts[hole] = first;
    seconds[hole] = second;
    return true;
  }
}

function before(firsts: Float64Array, seconds: Float64Array, i: number, j: number): boolean {
  const difference = firsts[i]! - firsts[j]!;
  return difference < 0 || difference === 0 && seconds[i]! < seconds[j]!;
}
