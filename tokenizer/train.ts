/**
 * BPE training: learns which pairs of tokens to merge, most frequent first.
 *
 * Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units"
 * (2016), section 3.2, on bytes instead of characters.
 *
 * @module
 */
import { ByteTable } from "./byte_table.ts";
import { withRoom } from "./growable.ts";
import { MinHeap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";
import { SPLIT_PATTERN } from "./pattern.ts";
import { makeSplitter, type Splitter } from "./split.ts";
import type { Merge } from "./vocabulary.ts";

/** Counts the distinct words of a corpus; documents are not kept. */
export class WordCounter {
  readonly words: ByteTable = new ByteTable();
  /** Occurrences of each word, by its id in `words`. */
  counts: Float64Array = new Float64Array(1 << 8);
  #splitter: Splitter;
  #encoder = new TextEncoder();

  /** @throws {SyntaxError} If the pattern is malformed. */
  constructor(pattern: string) {
    this.#splitter = makeSplitter([pattern]);
  }

  add(text: string): void {
    const { words } = this;
    const bytes = this.#encoder.encode(text);
    let start = 0;
    for (const end of this.#splitter.split(bytes, text)) {
      let word = words.find(bytes, start, end);
      if (word < 0) {
        word = words.add(bytes, start, end);
        this.counts = withRoom(this.counts, words.size, Float64Array);
      }
      this.counts[word]! += 1;
      start = end;
    }
  }
}

/** The heap stores a pair as left * PAIR_BASE + right, which preserves the order of pairs. */
const PAIR_BASE = 2 ** 26;

/**
 * Learns the BPE merges one at a time: each is the most frequent pair, the smaller one on ties.
 *
 * All words are stored in one array of positions. Each position links to its neighbors in the word
 * and to the other positions with the same pair, so a merge visits only the occurrences of its pair
 * and updates only the counts of pairs next to them. The heap may hold outdated counts; they are
 * corrected when popped, because a count never grows once all occurrences of a pair are known.
 */
export class MergeLearner {
  readonly #positions: Positions;
  readonly #heap = new MinHeap();
  /** Pairs below this number have been pushed. */
  #queued = 0;
  /** The next token. */
  #token = 256;

  /** @param counts Occurrences of each word, by its id. */
  constructor(words: ByteTable, counts: Float64Array) {
    this.#positions = new Positions(words, counts);
  }

  /** Merges a pair and returns it; `null` if there is none. */
  next(): Merge | null {
    const { pairs, pairCounts } = this.#positions;
    for (; this.#queued < pairs.size; this.#queued++) {
      const count = pairCounts[this.#queued]!;
      if (count === 0) continue;
      const [left, right] = [pairs.left[this.#queued]!, pairs.right[this.#queued]!];
      this.#heap.push(-count, left * PAIR_BASE + right);
    }
    const best = popMostFrequent(this.#heap, this.#positions);
    if (best < 0) return null;
    const merge: Merge = [pairs.left[best]!, pairs.right[best]!];
    this.#positions.merge(best, this.#token++);
    return merge;
  }

  /** The pairs that stand together now, in the order in which they would be merged. */
  pairs(): PairCount[] {
    const { pairs, pairCounts } = this.#positions;
    return Array.from({ length: pairs.size }, (_, i): PairCount => ({
      pair: [pairs.left[i]!, pairs.right[i]!],
      count: pairCounts[i]!,
    })).filter(({ count }) => count > 0).sort((a, b) =>
      b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]
    );
  }
}

/**
 * Learns the merges of words.
 *
 * @returns Fewer than `limit` merges if the pairs run out.
 */
export function learnMerges(words: ByteTable, counts: Float64Array, limit: number): Merge[] {
  const learner = new MergeLearner(words, counts);
  const merges: Merge[] = [];
  while (merges.length < limit) {
    const merge = learner.next();
    if (merge === null) break;
    merges.push(merge);
  }
  return merges;
}

/** Two tokens that stand together, and how often. */
export interface PairCount {
  /** The ids of both. */
  readonly pair: Merge;
  /** Occurrences, in all texts. */
  readonly count: number;
}

/** A step of training. */
export interface MergeStep {
  /** The merges before it, in the order learned. */
  readonly merges: readonly Merge[];
  /** The pairs that can be merged, the most frequent first: that one is merged next. */
  readonly pairs: readonly PairCount[];
}

/**
 * Trains as `Tokenizer.train` does, to be watched: yields the pairs to choose from before each merge, and
 * at the end once more, when no pair is left.
 *
 * @param pattern Split pattern. @default {SPLIT_PATTERN}
 * @throws {SyntaxError} If the pattern is malformed.
 *
 * @example The first merge
 * ```ts
 * import { mergeSteps } from "./train.ts";
 *
 * const [first, second] = mergeSteps(["a rat ate a rat"]);
 * const { pair, count } = first!.pairs[0]!; // “a” and “t”, three times
 * if (String.fromCharCode(...pair) !== "at" || count !== 3) throw new Error(`${pair}`);
 * if (second!.merges.length !== 1) throw new Error("merged, it is a token");
 * ```
 */
export function* mergeSteps(
  texts: Iterable<string>,
  pattern: string = SPLIT_PATTERN,
): Generator<MergeStep> {
  const counter = new WordCounter(pattern);
  for (const text of texts) counter.add(text);
  const learner = new MergeLearner(counter.words, counter.counts);
  const merges: Merge[] = [];
  for (;;) {
    yield { merges: merges.slice(), pairs: learner.pairs() };
    const merge = learner.next();
    if (merge === null) return;
    merges.push(merge);
  }
}

function popMostFrequent(heap: MinHeap, { pairs, pairCounts }: Positions): number {
  while (heap.pop()) {
    const pair = pairs.find(Math.floor(heap.second / PAIR_BASE), heap.second % PAIR_BASE);
    const count = pairCounts[pair]!;
    if (count === -heap.first) return pair;
    if (count > 0) heap.push(-count, heap.second);
  }
  return -1;
}

/** Every token of every distinct word, linked along its word and with equal pairs. */
class Positions {
  readonly pairs = new PairTable();
  pairCounts = new Float64Array(1 << 10);
  #heads = new Int32Array(1 << 10);
  #weights: Float64Array;
  #word: Int32Array;
  #token: Int32Array;
  /** Previous and next position in the same word, or -1. */
  #before: Int32Array;
  #after: Int32Array;
  /** The pair formed by the token here and the one at `after`, or -1. */
  #pair: Int32Array;
  /** The other positions with the same pair: a doubly linked list. */
  #previousEqual: Int32Array;
  #nextEqual: Int32Array;
  #found = new Int32Array(1 << 8);

  constructor(words: ByteTable, counts: Float64Array) {
    const total = words.starts[words.size]!;
    this.#weights = counts;
    this.#word = new Int32Array(total);
    this.#token = new Int32Array(total);
    this.#before = new Int32Array(total);
    this.#after = new Int32Array(total);
    this.#pair = new Int32Array(total).fill(-1);
    this.#previousEqual = new Int32Array(total);
    this.#nextEqual = new Int32Array(total);
    for (let word = 0; word < words.size; word++) {
      const start = words.starts[word]!;
      const end = words.starts[word + 1]!;
      for (let i = start; i < end; i++) {
        this.#word[i] = word;
        this.#token[i] = words.pool[i]!;
        this.#before[i] = i > start ? i - 1 : -1;
        this.#after[i] = i + 1 < end ? i + 1 : -1;
        if (i > start) this.#link(i - 1);
      }
    }
  }

  merge(pair: number, token: number): void {
    for (const position of this.#positionsOf(pair)) {
      if (this.#pair[position] !== pair) continue; // consumed by the merge just before
      const second = this.#after[position]!;
      const before = this.#before[position]!;
      const after = this.#after[second]!;
      this.#unlink(position);
      if (before >= 0) this.#unlink(before);
      if (after >= 0) this.#unlink(second);
      this.#token[position] = token;
      this.#after[position] = after;
      if (after >= 0) {
        this.#before[after] = position;
        this.#link(position);
      }
      if (before >= 0) this.#link(before);
    }
  }

  /** The positions of a pair; from left to right if its occurrences can overlap. */
  #positionsOf(pair: number): Int32Array {
    let count = 0;
    for (let i = this.#heads[pair]!; i >= 0; i = this.#nextEqual[i]!) {
      if (count === this.#found.length) this.#found = withRoom(this.#found, count + 1, Int32Array);
      this.#found[count++] = i;
    }
    const found = this.#found.subarray(0, count);
    return this.pairs.left[pair] === this.pairs.right[pair] ? found.sort() : found;
  }

  #link(position: number): void {
    const left = this.#token[position]!;
    const right = this.#token[this.#after[position]!]!;
    let pair = this.pairs.find(left, right);
    if (pair < 0) {
      pair = this.pairs.size;
      this.pairs.add(left, right, pair);
      this.#heads = withRoom(this.#heads, pair + 1, Int32Array);
      this.pairCounts = withRoom(this.pairCounts, pair + 1, Float64Array);
      this.#heads[pair] = -1;
    }
    const head = this.#heads[pair]!;
    this.#pair[position] = pair;
    this.#previousEqual[position] = -1;
    this.#nextEqual[position] = head;
    if (head >= 0) this.#previousEqual[head] = position;
    this.#heads[pair] = position;
    this.pairCounts[pair]! += this.#weights[this.#word[position]!]!;
  }

  #unlink(position: number): void {
    const pair = this.#pair[position]!;
    const previous = this.#previousEqual[position]!;
    const next = this.#nextEqual[position]!;
    if (previous >= 0) this.#nextEqual[previous] = next;
    else this.#heads[pair] = next;
    if (next >= 0) this.#previousEqual[next] = previous;
    this.#pair[position] = -1;
    this.pairCounts[pair]! -= this.#weights[this.#word[position]!]!;
  }
}
