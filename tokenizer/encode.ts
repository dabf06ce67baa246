/**
 * Encoding: from bytes to token ids.
 *
 * @module
 */
import { ByteTable, hashSplits } from "./byte_table.ts";
import { withRoom } from "./growable.ts";
import { MinHeap } from "./heap.ts";
import { PairTable } from "./pair_table.ts";
import { makeSplitter, type Splitter } from "./split.ts";
import type { Merge, Vocabulary } from "./vocabulary.ts";

/** Longer pieces than this, in bytes, are hardly ever met twice and are not remembered. */
const MAX_REMEMBERED_LENGTH = 64;

/** How many pieces are remembered before the memory is cleared: 10 to 20 MB. */
const MAX_REMEMBERED_PIECES = 1 << 18;

/**
 * Encodes pieces of text, and remembers what became of the short ones.
 *
 * The result is tiktoken's: a piece that is a token is that token; of any other piece, the two
 * neighbours whose joint bytes are the token with the smallest id are joined, the leftmost first,
 * until no two neighbours make a token.
 */
export class Encoder {
  #splitter: Splitter;
  #tokens: readonly (Uint8Array | undefined)[];
  #byteIds = new Int32Array(256);
  #pairs = new PairTable();
  /** The token that each pair makes. */
  #pairIds = new Int32Array(1 << 10);
  /** All tokens of the vocabulary, and after them the pieces that are remembered. */
  #pieces = new ByteTable();
  #vocabularyPieces = 0;
  /** The ids of piece `n` are `#ids[#idStarts[n], #idStarts[n + 1])`. */
  #ids = new Int32Array(1 << 10);
  #idStarts = new Int32Array(1 << 10);
  #merger = new Merger();

  /** @throws {SyntaxError} If the split pattern is malformed. */
  constructor({ pattern, tokens }: Vocabulary) {
    this.#splitter = makeSplitter(pattern);
    this.#tokens = tokens;
    this.#forgetPieces();
    for (const token of tokens) {
      if (token?.length === 1) {
        this.#byteIds[token[0]!] = this.#idOf(this.#pieces.find(token, 0, 1));
      }
    }
    for (const token of tokens) {
      if (token !== undefined) this.#addPairsOf(token);
    }
  }

  /**
   * Appends the ids of `bytes` to `ids`.
   *
   * @param text The string that `bytes` were made of, where the caller has it.
   */
  encode(bytes: Uint8Array, text: string | undefined, ids: number[]): void {
    let start = 0;
    for (const end of this.#splitter.split(bytes, text)) {
      const piece = this.#pieces.find(bytes, start, end);
      if (piece < 0) this.#encodeNew(bytes, start, end, ids);
      else append(ids, this.#ids, this.#idStarts[piece]!, this.#idStarts[piece + 1]!);
      start = end;
    }
  }

  /**
   * Finds for each token the pair that makes it: what its bytes are encoded as by the tokens
   * before it. Single bytes, and tokens that no merge arrives at, have no such pair.
   */
  findMerges(): Merge[] {
    const merges: Merge[] = [];
    for (const [id, token] of this.#tokens.entries()) {
      if (token === undefined) continue;
      const count = this.#merge(token, 0, token.length, id);
      if (count === 2) merges.push([this.#merger.tokens[0]!, this.#merger.tokens[1]!]);
    }
    return merges;
  }

  /** All pairs of tokens that are joined, in the order of the tokens that they make. */
  allMerges(): Merge[] {
    const order = Array.from({ length: this.#pairs.size }, (_, pair) => pair);
    order.sort((a, b) => this.#pairIds[a]! - this.#pairIds[b]! || a - b);
    return order.map((pair) => [this.#pairs.left[pair]!, this.#pairs.right[pair]!]);
  }

  #encodeNew(bytes: Uint8Array, start: number, end: number, ids: number[]): void {
    const count = this.#merge(bytes, start, end);
    append(ids, this.#merger.tokens, 0, count);
    if (end - start > MAX_REMEMBERED_LENGTH) return;
    if (this.#pieces.size - this.#vocabularyPieces >= MAX_REMEMBERED_PIECES) this.#forgetPieces();
    this.#remember(bytes, start, end, this.#merger.tokens, count);
  }

  #merge(bytes: Uint8Array, start: number, end: number, limit = Infinity): number {
    return this.#merger.merge(bytes, start, end, this.#byteIds, (left, right) => {
      const pair = this.#pairs.find(left, right);
      if (pair < 0) return -1;
      const id = this.#pairIds[pair]!;
      return id < limit ? id : -1;
    });
  }

  #addPairsOf(token: Uint8Array): void {
    const pieces = this.#pieces;
    hashSplits(token, (cut, firstHash, secondHash) => {
      const first = pieces.findHashed(firstHash, token, 0, cut);
      if (first < 0) return;
      const second = pieces.findHashed(secondHash, token, cut, token.length);
      if (second < 0) return;
      const known = this.#pairs.size;
      const pair = this.#pairs.intern(this.#idOf(first), this.#idOf(second));
      if (pair < known) return; // a second token of the same bytes
      this.#pairIds = withRoom(this.#pairIds, pair + 1, Int32Array);
      this.#pairIds[pair] = this.#idOf(pieces.find(token, 0, token.length));
    });
  }

  /** The id of a piece that is a token. */
  #idOf(piece: number): number {
    return this.#ids[this.#idStarts[piece]!]!;
  }

  #forgetPieces(): void {
    this.#pieces = new ByteTable();
    for (const [id, token] of this.#tokens.entries()) {
      if (token === undefined || this.#pieces.find(token, 0, token.length) >= 0) continue;
      this.#remember(token, 0, token.length, Int32Array.of(id), 1);
    }
    this.#vocabularyPieces = this.#pieces.size;
  }

  #remember(
    bytes: Uint8Array,
    start: number,
    end: number,
    ids: Int32Array,
    count: number,
  ): void {
    const piece = this.#pieces.add(bytes, start, end);
    const from = this.#idStarts[piece]!;
    this.#ids = withRoom(this.#ids, from + count, Int32Array);
    this.#ids.set(ids.subarray(0, count), from);
    this.#idStarts = withRoom(this.#idStarts, piece + 2, Int32Array);
    this.#idStarts[piece + 1] = from + count;
  }
}

function append(ids: number[], source: Int32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) ids.push(source[i]!);
}

/**
 * Joins neighbours until none can be joined, in time n log n.
 *
 * The parts of the piece are a linked list. Every pair of neighbours that makes a token waits in a
 * heap; when one of the two was joined with another meanwhile, its entry no longer agrees with
 * what stands there and is skipped.
 */
class Merger {
  /** The tokens of the piece, in the first places. */
  tokens: Int32Array = new Int32Array(64);
  #before = new Int32Array(64);
  #after = new Int32Array(64);
  /** The token that the parts here and at `after` make, or -1. */
  #joined = new Int32Array(64);
  #heap = new MinHeap();

  /** Merges `bytes[start, end)`, leaves the result in `tokens` and returns how many there are. */
  merge(
    bytes: Uint8Array,
    start: number,
    end: number,
    byteIds: Int32Array,
    join: (left: number, right: number) => number,
  ): number {
    const length = end - start;
    const tokens = this.tokens = withRoom(this.tokens, length, Int32Array);
    const before = this.#before = withRoom(this.#before, length, Int32Array);
    const after = this.#after = withRoom(this.#after, length, Int32Array);
    const joined = this.#joined = withRoom(this.#joined, length, Int32Array);
    const heap = this.#heap;
    const look = (position: number): void => {
      const next = after[position]!;
      const token = next < length ? join(tokens[position]!, tokens[next]!) : -1;
      joined[position] = token;
      if (token >= 0) heap.push(token, position);
    };
    for (let i = 0; i < length; i++) {
      tokens[i] = byteIds[bytes[start + i]!]!;
      before[i] = i - 1;
      after[i] = i + 1;
    }
    for (let i = 0; i < length; i++) look(i);
    while (heap.pop()) {
      const position = heap.second;
      const token = heap.first;
      if (joined[position] !== token) continue;
      const second = after[position]!;
      const next = after[second]!;
      tokens[position] = token;
      joined[second] = -1;
      after[position] = next;
      if (next < length) before[next] = position;
      look(position);
      if (before[position]! >= 0) look(before[position]!);
    }
    let count = 0;
    for (let i = 0; i < length; i = after[i]!) tokens[count++] = tokens[i]!;
    return count;
  }
}
