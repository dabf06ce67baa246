/** Damage to files and texts, as disks, transfers and people do it. @module */

import type { Random } from "./random.ts";

/** Numbers that lengths and counts in a file are replaced by. */
const INTEGERS = [0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** Numbers and words that a number or a word in a text is replaced by. */
const WORDS = [
  "-1",
  "0",
  "1e999",
  "-0",
  "1e-400",
  "0.1",
  "9007199254740993",
  "NaN",
  "null",
  "true",
  '""',
  "[]",
  "{}",
  '"__proto__"',
  "\\ud800",
  "\u0000",
  "\ufeff",
  "\u2028",
  "é",
  "𝄞",
];

type Change = (bytes: Uint8Array<ArrayBuffer>, random: Random) => Uint8Array<ArrayBuffer>;

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}

/** A part of the bytes, at most 64 of them. */
function somewhere(
  bytes: Uint8Array,
  random: Random,
): { readonly from: number; readonly to: number } {
  const from = random.below(bytes.length + 1);
  return { from, to: Math.min(bytes.length, from + 1 + random.below(64)) };
}

/** Puts other bytes in the place of a part. */
const replaced =
  (with_: (part: Uint8Array, random: Random) => Uint8Array): Change => (bytes, random) => {
    const { from, to } = somewhere(bytes, random);
    return joined(
      bytes.subarray(0, from),
      with_(bytes.slice(from, to), random),
      bytes.subarray(to),
    );
  };

const changes: readonly Change[] = [
  // One bit, the most likely and the hardest to notice.
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  // A length or a count.
  (bytes, random) => {
    const at = random.below(Math.max(1, bytes.length - 4));
    if (bytes.length >= 4) new DataView(bytes.buffer).setUint32(at, random.pick(INTEGERS), true);
    return bytes;
  },
  // Cut off, or begun late.
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => bytes.slice(random.below(bytes.length + 1)),
  replaced(() => new Uint8Array()),
  replaced((part) => joined(part, part)),
  replaced((part) => part.fill(0)),
  replaced((part, random) => random.bytes(part.length)),
  replaced((_, random) => new TextEncoder().encode(random.pick(WORDS))),
  (bytes, random) => joined(bytes, random.bytes(1 + random.below(16))),
];

/** A copy with one to three changes. The first change alone is made half of the time. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let damaged = Uint8Array.from(bytes);
  const count = random.chance(0.5) ? 1 : 1 + random.below(3);
  for (let i = 0; i < count; i++) {
    const change = random.chance(0.3) ? changes[0]! : random.pick(changes);
    damaged = change(damaged, random);
  }
  return damaged;
}

/** The same of a text; what is not UTF-8 any more becomes U+FFFD. */
export function damageText(text: string, random: Random): string {
  return new TextDecoder().decode(damage(new TextEncoder().encode(text), random));
}

/** A text of any characters: words, white space, combining marks, emoji, controls, lone surrogates. */
export function randomText(random: Random, maxLength = 200): string {
  const ranges: readonly (readonly [from: number, to: number])[] = [
    ...[[0x20, 0x7e], [0x61, 0x7a], [0x61, 0x7a], [0x30, 0x39], [0, 0x1f], [0xa0, 0x24f]] as const,
    ...[[0x300, 0x36f], [0x2000, 0x206f], [0x3040, 0x30ff], [0xd800, 0xdfff]] as const,
    ...[[0xfe00, 0xfe0f], [0x1f300, 0x1f6ff], [0x10000, 0x10ffff]] as const,
  ];
  let text = "";
  const length = random.below(maxLength);
  while (text.length < length) {
    const [from, to] = random.pick(ranges);
    const repeats = random.chance(0.1) ? 30 : 1 + random.below(6);
    for (let i = 0; i < repeats; i++) {
      text += String.fromCodePoint(from + random.below(to - from + 1));
    }
  }
  return text;
}
