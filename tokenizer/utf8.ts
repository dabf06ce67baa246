/**
 * UTF-8 decoding that is total: every byte string has a result.
 *
 * An invalid byte becomes the lone surrogate U+DC00 plus the byte, which valid text never contains
 * (Python's "surrogateescape", PEP 383). So arbitrary bytes can be split with a character pattern
 * and restored exactly.
 *
 * @module
 */

const ESCAPE = 0xdc00;

/** {@linkcode decodeAt} packs the width, 1 to 4 bytes, below this factor. */
const WIDTH_STEP = 8;

/** Decodes the character at `bytes[i]`: its code point times 8, plus its width in bytes. */
export function decodeAt(bytes: Uint8Array, i: number): number {
  const lead = bytes[i]!;
  if (lead < 0x80) return lead * WIDTH_STEP + 1;
  const second = (bytes[i + 1] ?? 0) ^ 0x80;
  if (lead >= 0xc2 && second < 0x40) {
    if (lead < 0xe0) return ((lead & 0x1f) << 6 | second) * WIDTH_STEP + 2;
    const third = (bytes[i + 2] ?? 0) ^ 0x80;
    if (third < 0x40) {
      if (lead < 0xf0) {
        const point = (lead & 0x0f) << 12 | second << 6 | third;
        if (point >= 0x800 && point >> 11 !== 0x1b) return point * WIDTH_STEP + 3;
      } else {
        const fourth = (bytes[i + 3] ?? 0) ^ 0x80;
        const point = (lead & 0x07) << 18 | second << 12 | third << 6 | fourth;
        if (lead < 0xf5 && fourth < 0x40 && point >= 0x10000 && point <= 0x10ffff) {
          return point * WIDTH_STEP + 4;
        }
      }
    }
  }
  return (ESCAPE + lead) * WIDTH_STEP + 1;
}

/** Decodes `bytes`, with a lone surrogate for each invalid byte. */
export function toEscapedText(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const read = decodeAt(bytes, i);
    text += String.fromCodePoint(read >> 3);
    i += read & 7;
  }
  return text;
}

/** The bytes that `text[start, end)` was decoded from; a lone surrogate counts one byte. */
export function escapedLength(text: string, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else if (unit < ESCAPE) {
      length += 4;
      i++;
    } else length += 1;
  }
  return length;
}
