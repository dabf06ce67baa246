/**
 * nanochat's split pattern as a hand-written scanner over UTF-8.
 *
 * It returns the same pieces as the regular expression (a test compares them) several times faster,
 * and a long run does not use the stack. Comments quote the alternatives of the pattern in
 * `pattern.ts`.
 *
 * @module
 */
import { decodeAt } from "./utf8.ts";

const OTHER = 0;
const LETTER = 1;
const NUMBER = 2;
const SPACE = 3;
const NEWLINE = 4; // \r and \n, which are also white space

/** The kind of each code point, in pages of 256 that are filled on first use. */
const pages: (Uint8Array | undefined)[] = [];
const ascii = pageOf(0);

const APOSTROPHE = 0x27;
const BLANK = 0x20;

/** The end of the piece that starts at `start`; an invalid byte of UTF-8 counts as punctuation. */
export function pieceEnd(bytes: Uint8Array, start: number): number {
  const first = kindAt(bytes, start);
  const kind = first & 7;
  const next = start + (first >> 3);

  // '(?i:[sdmt]|ll|ve|re)
  if (bytes[start] === APOSTROPHE) {
    const end = contractionEnd(bytes, next);
    if (end > next) return end;
  }

  // [^\r\n\p{L}\p{N}]?\p{L}+
  if (kind === LETTER) return runEnd(bytes, next, LETTER);
  const second = next < bytes.length ? kindAt(bytes, next) : -1;
  const secondKind = second < 0 ? -1 : second & 7;
  if (secondKind === LETTER && kind !== NEWLINE && kind !== NUMBER) {
    return runEnd(bytes, next + (second >> 3), LETTER);
  }

  // \p{N}{1,2}
  if (kind === NUMBER) return secondKind === NUMBER ? next + (second >> 3) : next;

  //  ?[^\s\p{L}\p{N}]+[\r\n]*
  if (kind === OTHER || bytes[start] === BLANK && secondKind === OTHER) {
    return runEnd(bytes, runEnd(bytes, next, OTHER), NEWLINE);
  }

  // \s*[\r\n] | \s+(?!\S) | \s+
  let end = next;
  let last = start; // start of the run's last white space
  let afterNewline = kind === NEWLINE ? next : -1;
  while (end < bytes.length) {
    const read = kindAt(bytes, end);
    if ((read & 7) < SPACE) break;
    last = end;
    end += read >> 3;
    if ((read & 7) === NEWLINE) afterNewline = end;
  }
  if (afterNewline >= 0) return afterNewline;
  return end === bytes.length || last === start ? end : last;
}

/** Kind and width of the character at `i`, packed as `kind + 8 * width`. */
function kindAt(bytes: Uint8Array, i: number): number {
  const byte = bytes[i]!;
  if (byte < 0x80) return ascii[byte]! + 8;
  const read = decodeAt(bytes, i);
  const point = read >> 3;
  const page = pages[point >> 8] ?? pageOf(point >> 8);
  return page[point & 0xff]! + 8 * (read & 7);
}

function runEnd(bytes: Uint8Array, start: number, kind: number): number {
  let end = start;
  while (end < bytes.length) {
    const read = kindAt(bytes, end);
    if ((read & 7) !== kind) break;
    end += read >> 3;
  }
  return end;
}

/** The end of s, d, m, t, ll, ve or re at `i`, in either case; `i` if there is none. */
function contractionEnd(bytes: Uint8Array, i: number): number {
  const first = (bytes[i] ?? 0) | 0x20;
  const second = (bytes[i + 1] ?? 0) | 0x20;
  switch (String.fromCharCode(first)) {
    case "s":
    case "d":
    case "m":
    case "t":
      return i + 1;
    case "l":
      return second === 0x6c ? i + 2 : i;
    case "v":
    case "r":
      return second === 0x65 ? i + 2 : i;
  }
  // ſ, the long s, equals s when case is ignored.
  return bytes[i] === 0xc5 && bytes[i + 1] === 0xbf ? i + 2 : i;
}

function pageOf(number: number): Uint8Array {
  const page = new Uint8Array(256);
  for (let i = 0; i < 256; i++) {
    const character = String.fromCodePoint(number << 8 | i);
    page[i] = /[\r\n]/.test(character)
      ? NEWLINE
      : /\p{White_Space}/u.test(character)
      ? SPACE
      : /\p{L}/u.test(character)
      ? LETTER
      : /\p{N}/u.test(character)
      ? NUMBER
      : OTHER;
  }
  pages[number] = page;
  return page;
}
