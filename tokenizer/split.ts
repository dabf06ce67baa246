/**
 * Pre-tokenization: splits text into pieces, with the scanner for nanochat's pattern, a regular
 * expression for those of well-known models, and a matcher whose work is bounded for all others.
 *
 * @module
 */
import { wrongType } from "./checks.ts";
import { withRoom } from "./growable.ts";
import {
  DIGIT_PATTERN,
  KNOWN_PATTERNS,
  NUMBER_PATTERN,
  SPLIT_PATTERN,
  toRegExp,
} from "./pattern.ts";
import { type Match, Matcher } from "./regex/matcher.ts";
import { pieceEnd } from "./scan.ts";
import { escapedLength, toEscapedText } from "./utf8.ts";

export interface Splitter {
  /**
   * @param bytes UTF-8.
   * @param text The string that `bytes` encodes, if the caller has it.
   * @returns The end offset of each piece in `bytes`, valid until the next call. Pieces are
   * contiguous and non-empty.
   * @throws {RangeError} If the pattern takes too many steps.
   */
  split(bytes: Uint8Array, text?: string): Int32Array;
}

/**
 * Creates the splitter for patterns, each of which splits the pieces of the one before.
 *
 * Text between two matches is a piece as well, so no text is lost.
 *
 * @throws {SyntaxError} If a pattern is malformed or not supported.
 * @throws {TypeError} If a pattern is not a string.
 */
export function makeSplitter(patterns: readonly string[]): Splitter {
  for (const pattern of patterns) {
    if (typeof pattern !== "string") throw wrongType("use the split pattern", "a string", pattern);
  }
  if (patterns.length === 1 && isScannable(patterns[0]!)) return new ScanSplitter();
  return new PatternSplitter(patterns.map(matchesBy));
}

/** Finds the matches of a pattern in a text, or in a piece of one. */
type FindMatches = (text: string, isPiece: boolean) => Iterable<Match>;

/** Steps that a piece gets besides those for each of its characters: a text may have millions of pieces. */
const EXTRA_STEPS_OF_PIECE = 1000;

function matchesBy(pattern: string): FindMatches {
  if (KNOWN_PATTERNS.has(pattern) || [DIGIT_PATTERN, NUMBER_PATTERN].includes(pattern)) {
    const expression = toRegExp(pattern);
    return (text) => matchesOf(expression, text);
  }
  const matcher = new Matcher(pattern);
  return (text, isPiece) => matcher.matches(text, isPiece ? EXTRA_STEPS_OF_PIECE : undefined);
}

function* matchesOf(expression: RegExp, text: string): Generator<Match> {
  for (const { index, 0: match } of text.matchAll(expression)) {
    yield { start: index, end: index + match.length };
  }
}

/** nanochat's pattern matches the same with and without its possessive quantifiers. */
function isScannable(pattern: string): boolean {
  return withoutPossessives(pattern) === withoutPossessives(SPLIT_PATTERN);
}

function withoutPossessives(pattern: string): string {
  return pattern.replaceAll("?+", "?").replaceAll("++", "+");
}

class Ends {
  #values = new Int32Array(1 << 8);
  #count = 0;

  clear(): void {
    this.#count = 0;
  }

  push(end: number): void {
    if (this.#count === this.#values.length) {
      this.#values = withRoom(this.#values, this.#count + 1, Int32Array);
    }
    this.#values[this.#count++] = end;
  }

  view(): Int32Array {
    return this.#values.subarray(0, this.#count);
  }
}

class ScanSplitter implements Splitter {
  #ends = new Ends();

  split(bytes: Uint8Array): Int32Array {
    const ends = this.#ends;
    ends.clear();
    for (let end = 0; end < bytes.length;) {
      end = pieceEnd(bytes, end);
      ends.push(end);
    }
    return ends.view();
  }
}

class PatternSplitter implements Splitter {
  #finders: readonly FindMatches[];
  #ends = new Ends();

  constructor(finders: readonly FindMatches[]) {
    this.#finders = finders;
  }

  split(bytes: Uint8Array, original?: string): Int32Array {
    const text = original?.toWellFormed() ?? toEscapedText(bytes);
    const ends = this.#ends;
    ends.clear();
    let unit = 0; // start of the next piece in `text`
    let byte = 0; // and in `bytes`
    const cutAt = (end: number): void => {
      if (end === unit) return;
      byte += escapedLength(text, unit, end);
      unit = end;
      ends.push(byte);
    };
    /** Cuts `piece`, which begins at `start` in `text`, by the patterns from `level` on. */
    const cut = (piece: string, start: number, level: number): void => {
      const matches = this.#finders[level]!(piece, level > 0);
      const isLast = level === this.#finders.length - 1;
      const cutPiece = (from: number, to: number): void => {
        if (isLast) cutAt(start + to);
        else if (from < to) cut(piece.slice(from, to), start + from, level + 1);
      };
      let position = 0;
      for (const match of matches) {
        cutPiece(position, match.start);
        cutPiece(match.start, match.end);
        position = match.end;
      }
      cutPiece(position, piece.length);
    };
    cut(text, 0, 0);
    return ends.view();
  }
}
