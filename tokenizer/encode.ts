/** BPE encoding: from bytes to token ids. @module */
import { ByteTable, hashBytes, HashedEnds } from "./byte_table.ts";
import { withRoom } from "./growable.ts";
import { PairTable } from "./pair_table.ts";
import { makeSplitter, type Splitter } from "./split.ts";
import type { Merge, Vocabulary } from "./vocabulary.ts";

/**
 * Pieces longer than this, in bytes, are encoded in windows of about this length. They rarely
 * recur, so they are not cached.
 */
const WINDOW = 48;

/** Bytes at the end of a window that are encoded again together with what follows. */
const OVERLAP = 8;

/** The cache is cleared when it holds this many pieces (10 to 20 MB). */
const MAX_CACHED_PIECES = 1 << 18;

/**
 * Encodes pieces of text, and caches the short ones.
 *
 * The result equals tiktoken's: a piece that is a token becomes that token; in any other piece, the
 * adjacent pair that merges into the smallest id is merged, leftmost first, until no pair merges.
 */
export class Encoder {
  #splitter: Splitter;
  #tokens: readonly (Uint8Array | undefined)[];
  #lengths: Int32Array;
  #byteIds = new Int32Array(256);
  #pairs: PairTable;
  /** All tokens of the vocabulary, followed by the cached pieces. */
  #pieces = new ByteTable();
  #vocabularyPieces = 0;
  /** The ids of piece `n` are `#ids[#idStarts[n], #idStarts[n + 1])`. */
  #ids = new Int32Array(1 << 10);
  #idStarts = new Int32Array(1 << 10);
  #merger: Merger;

  /** @throws {SyntaxError} If the split pattern is malformed. */
  constructor({ pattern, morePatterns = [], tokens }: Vocabulary) {
    this.#splitter = makeSplitter([pattern, ...morePatterns]);
    this.#tokens = tokens;
    this.#lengths = new Int32Array(tokens.length);
    for (let id = 0; id < tokens.length; id++) this.#lengths[id] = tokens[id]?.length ?? 0;
    this.#forgetPieces();
    for (const token of tokens) {
      if (token?.length === 1) {
        this.#byteIds[token[0]!] = this.#idOf(this.#pieces.find(token, 0, 1));
      }
    }
    this.#pairs = this.#findPairs();
    this.#merger = new Merger(this.#byteIds, this.#pairs);
  }

  /** Appends the ids of `bytes`, which encode `text` if the caller has it, to `ids`. */
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
   * Recovers the merge of each token: the pair that its bytes encode to with only the tokens before
   * it. Single bytes, and tokens that no merge produces, have none.
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

  /** All pairs that merge into a token, ordered by that token. */
  allMerges(): Merge[] {
    const { size, left, right } = this.#pairs;
    const merges = Array.from({ length: size }, (_, i): Merge => [left[i]!, right[i]!]);
    const made = (merge: Merge): number => this.#pairs.find(...merge);
    return merges.sort((a, b) => made(a) - made(b));
  }

  #encodeNew(bytes: Uint8Array, start: number, end: number, ids: number[]): void {
    if (end - start > WINDOW) return this.#encodeLong(bytes, start, end, ids);
    const count = this.#merge(bytes, start, end);
    append(ids, this.#merger.tokens, 0, count);
    if (this.#pieces.size - this.#vocabularyPieces >= MAX_CACHED_PIECES) this.#forgetPieces();
    this.#remember(bytes, start, end, this.#merger.tokens, count);
  }

  /**
   * Encodes a long piece in overlapping windows that fit the L1 cache.
   *
   * A token sequence is the encoding of its bytes exactly if each adjacent pair is the encoding of
   * its joint bytes: the first merge across a boundary would join what those two had become by
   * then, regardless of their surroundings. Within a window this holds, so only the seams need a
   * check. If a seam fails, some tokens are dropped and a larger window is tried.
   */
  #encodeLong(bytes: Uint8Array, start: number, end: number, ids: number[]): void {
    const before = ids.length;
    let from = start;
    let furthest = start; // the furthest seam tried
    let size = WINDOW;
    while (from < end) {
      const to = Math.min(furthest + size, end);
      const seam = ids.length;
      const next = this.#appendPart(bytes, from, to, to === end ? end : to - OVERLAP, ids);
      if (next > furthest && (seam === before || this.#holds(bytes, from, ids, seam))) {
        from = furthest = next;
        size = Math.max(size >> 1, WINDOW);
        continue;
      }
      ids.length = seam;
      size *= 2;
      while (ids.length > before && from > furthest - size) from -= this.#lengths[ids.pop()!]!;
    }
  }

  /** Appends the ids of `bytes[from, to)` that end by `limit`, and returns where the last ends. */
  #appendPart(bytes: Uint8Array, from: number, to: number, limit: number, ids: number[]): number {
    const count = this.#merge(bytes, from, to);
    const { tokens } = this.#merger;
    let end = from;
    for (let i = 0; i < count; i++) {
      const token = tokens[i]!;
      const next = end + this.#lengths[token]!;
      if (next > limit) break;
      ids.push(token);
      end = next;
    }
    return end;
  }

  /** Whether `ids[seam - 1]` and `ids[seam]`, meeting at byte `at`, stay separate as one text. */
  #holds(bytes: Uint8Array, at: number, ids: number[], seam: number): boolean {
    const [left, right] = [ids[seam - 1]!, ids[seam]!];
    const count = this.#merge(bytes, at - this.#lengths[left]!, at + this.#lengths[right]!);
    const { tokens } = this.#merger;
    return count === 2 && tokens[0] === left && tokens[1] === right;
  }

  #merge(bytes: Uint8Array, start: number, end: number, limit = NONE): number {
    return this.#merger.merge(bytes, start, end, limit);
  }

  /**
   * All pairs of tokens that make up a token. What a token begins with is the longest such token, what
   * that one begins with, and so on; likewise at its end. So few strings have to be looked up.
   */
  #findPairs(): PairTable {
    const { pool, starts } = this.#pieces;
    const count = this.#vocabularyPieces;
    const [beginnings, endings] = [new Int32Array(count), new Int32Array(count)];
    const hashes = new HashedEnds();
    let longest = 0;
    for (let piece = 0; piece < count; piece++) {
      const [start, end] = [starts[piece]!, starts[piece + 1]!];
      longest = Math.max(longest, end - start);
      hashes.take(pool, start, end);
      beginnings[piece] = this.#longest(start, end, hashes, true);
      endings[piece] = this.#longest(start, end, hashes, false);
    }
    // Most tokens are made of two or three pairs.
    const pairs = new PairTable(2 * count);
    /** The tokens that one begins with, by their length. */
    const ofLength = new Int32Array(longest + 1).fill(NONE);
    const ids = this.#ids;
    for (let whole = 0; whole < count; whole++) {
      const first = beginnings[whole]!;
      for (let part = first; part !== NONE; part = beginnings[part]!) {
        ofLength[starts[part + 1]! - starts[part]!] = part;
      }
      const length = starts[whole + 1]! - starts[whole]!;
      for (let part = endings[whole]!; part !== NONE; part = endings[part]!) {
        const before = ofLength[length - (starts[part + 1]! - starts[part]!)]!;
        // A piece of the vocabulary has one id.
        if (before !== NONE) pairs.add(ids[before]!, ids[part]!, ids[whole]!);
      }
      for (let part = first; part !== NONE; part = beginnings[part]!) {
        ofLength[starts[part + 1]! - starts[part]!] = NONE;
      }
    }
    return pairs;
  }

  /** The longest token that a longer one begins or ends with; NONE if it is a byte. */
  #longest(start: number, end: number, hashes: HashedEnds, isBeginning: boolean): number {
    const pieces = this.#pieces;
    for (let length = end - start - 1; length > 0; length--) {
      const found = isBeginning
        ? pieces.findHashed(hashes.first(length), pieces.pool, start, start + length)
        : pieces.findHashed(hashes.last(length), pieces.pool, end - length, end);
      if (found >= 0) return found;
    }
    return NONE;
  }

  #idOf(piece: number): number {
    return this.#ids[this.#idStarts[piece]!]!;
  }

  #forgetPieces(): void {
    const tokens = this.#tokens;
    this.#pieces = new ByteTable(tokens.length);
    this.#ids = withRoom(this.#ids, tokens.length, Int32Array);
    this.#idStarts = withRoom(this.#idStarts, tokens.length + 1, Int32Array);
    for (let id = 0; id < tokens.length; id++) {
      const token = tokens[id];
      if (token === undefined) continue;
      const hash = hashBytes(token, 0, token.length);
      if (this.#pieces.findHashed(hash, token, 0, token.length) >= 0) continue;
      // A piece of one id, without what remembering several costs.
      const piece = this.#pieces.addHashed(hash, token, 0, token.length);
      this.#ids[piece] = id;
      this.#idStarts[piece + 1] = piece + 1;
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

/** Bits of a position within a window, packed below the token that a merge there produces. */
const PLACE_BITS = 10;
const BLOCK = 1 << PLACE_BITS;

/** No merge: larger than any packed token and position. */
const NONE = 0x7fffffff;

/**
 * Merges adjacent tokens until no pair merges.
 *
 * The tokens of a piece stay at the index of their first byte, in a linked list. Each round merges
 * the pair with the smallest resulting id, leftmost on ties. For a few dozen bytes, a branch-free
 * scan of all pairs is several times faster than a heap.
 */
class Merger {
  /** The tokens of the piece, compacted to the front. */
  tokens: Int32Array = new Int32Array(WINDOW);
  #before = new Int32Array(WINDOW);
  #after = new Int32Array(WINDOW);
  /** The token that the pair starting here merges into, with the position in the low bits; or NONE. */
  #joined = new Int32Array(WINDOW);
  #byteIds: Int32Array;
  #pairs: PairTable;

  constructor(byteIds: Int32Array, pairs: PairTable) {
    this.#byteIds = byteIds;
    this.#pairs = pairs;
  }

  /**
   * Merges `bytes[start, end)`, leaves the result in `tokens` and returns its length.
   *
   * @param limit Only tokens below this id are produced.
   */
  merge(bytes: Uint8Array, start: number, end: number, limit: number): number {
    const length = end - start;
    const tokens = this.tokens = withRoom(this.tokens, length, Int32Array);
    const before = this.#before = withRoom(this.#before, length, Int32Array);
    const after = this.#after = withRoom(this.#after, length, Int32Array);
    const joined = this.#joined = withRoom(this.#joined, length + 3, Int32Array);
    const byteIds = this.#byteIds;
    const pairs = this.#pairs;
    for (let i = 0; i < length; i++) {
      tokens[i] = byteIds[bytes[start + i]!]!;
      before[i] = i - 1;
      after[i] = i + 1;
      if (i > 0) joined[i - 1] = join(pairs, tokens[i - 1]!, tokens[i]!, limit, i - 1);
    }
    joined.fill(NONE, length - 1, length + 3);
    for (let i = find(joined, length); i >= 0; i = find(joined, length)) {
      const made = joined[i]! >> PLACE_BITS;
      let follows = true;
      while (follows) {
        const second = after[i]!;
        const next = after[second]!;
        const previous = before[i]!;
        tokens[i] = made;
        after[i] = next;
        joined[second] = NONE;
        joined[i] = NONE;
        if (next < length) {
          before[next] = i;
          joined[i] = join(pairs, made, tokens[next]!, limit, i);
        }
        if (previous >= 0) joined[previous] = join(pairs, tokens[previous]!, made, limit, previous);
        // In a run of equal bytes the next position is known, unless a smaller merge became
        // possible.
        follows = joined[next]! >> PLACE_BITS === made && joined[i]! >> PLACE_BITS > made &&
          (previous < 0 || joined[previous]! >> PLACE_BITS > made);
        i = next;
      }
    }
    let count = 0;
    for (let i = 0; i < length; i = after[i]!) tokens[count++] = tokens[i]!;
    return count;
  }
}

function join(
  pairs: PairTable,
  left: number,
  right: number,
  limit: number,
  place: number,
): number {
  const made = pairs.find(left, right);
  return made < 0 || made >= limit ? NONE : made << PLACE_BITS | place & BLOCK - 1;
}

/** The position of the smallest merge, or -1 if there is none. */
function find(joined: Int32Array, length: number): number {
  let [smallest, place] = [NONE, -1];
  for (let block = 0; block < length; block += BLOCK) {
    const found = least(joined, block, Math.min(block + BLOCK, length));
    if (found >> PLACE_BITS >= smallest >> PLACE_BITS) continue;
    smallest = found;
    place = block + (found & BLOCK - 1);
  }
  return place;
}

/** The minimum of `values[start, end)` and of up to three values after it. */
function least(values: Int32Array, start: number, end: number): number {
  let a = NONE;
  let b = NONE;
  let c = NONE;
  let d = NONE;
  for (let i = start; i < end; i += 4) {
    a = smaller(a, values[i]!);
    b = smaller(b, values[i + 1]!);
    c = smaller(c, values[i + 2]!);
    d = smaller(d, values[i + 3]!);
  }
  return smaller(smaller(a, b), smaller(c, d));
}

/** The smaller of two non-negative integers, without a branch. */
function smaller(a: number, b: number): number {
  const difference = b - a | 0;
  return a + (difference & difference >> 31) | 0;
}
