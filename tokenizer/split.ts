/**
 * Pre-tokenization: splits text into pieces, with the scanner for nanochat's pattern and a regular
 * expression for all others.
 *
 * @module
 */
import { withRoom } from "./growable.ts";
import { SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { pieceEnd } from "./scan.ts";
import { escapedLength, toEscapedText } from "./utf8.ts";

export interface Splitter {
  /**
   * @param bytes UTF-8.
   * @param text The string that `bytes` encodes, if the caller has it.
   * @returns The end offset of each piece in `bytes`, valid until the next call. Pieces are
   * contiguous and non-empty.
   */
  split(bytes: Uint8Array, text?: string): Int32Array;
}

/**
 * Creates the splitter for a pattern.
 *
 * Text between two matches is a piece as well, so no text is lost.
 *
 * @throws {SyntaxError} If the pattern is malformed.
 */
export function makeSplitter(pattern: string): Splitter {
  return isScannable(pattern) ? new ScanSplitter() : new RegExpSplitter(toRegExp(pattern));
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

class RegExpSplitter implements Splitter {
  #expression: RegExp;
  #ends = new Ends();

  constructor(expression: RegExp) {
    this.#expression = expression;
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
    for (const match of text.matchAll(this.#expression)) {
      cutAt(match.index);
      cutAt(match.index + match[0].length);
    }
    cutAt(text.length);
    return ends.view();
  }
}
