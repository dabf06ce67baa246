/** Text shared by this module's tests and benchmarks. */
import { sotuSource } from "../../data/sotu.ts";
import { texts } from "../../data/source.ts";

/** A seeded generator of random integers below a limit. */
export type Random = (limit: number) => number;

export function makeRandom(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed);
    return ((mixed ^ mixed >>> 14) >>> 0) % limit;
  };
}

/** Fragments that split patterns treat differently; random text is composed of these. */
const INGREDIENTS = [
  ..."abzAZsdmtlrve0129'’.,!?<|>_-",
  ...["'s", "'LL", "'ve", "'Re", "'ſ", "'l", "'r", "ll", "  ", "   ", "\n", "\r\n", "\n\n", "\t"],
  ..."\u00a0\u0085\u2028\u3000\u200b\ufeffé\u0301ßſKΑ你好世界١٢½²Ⅻ🌍👩\u200d👧🇫🇷𝔸𝟘𐄇\u{1f1e6}",
  ...["the", " the", " of", "ing ", "\0", "\x7f", " ", " ", " "],
];

/** Text in many scripts, white space and punctuation, long enough for pieces of every kind. */
export function randomText(random: Random, parts = 60): string {
  let text = "";
  for (let i = 0; i < parts; i++) text += INGREDIENTS[random(INGREDIENTS.length)]!;
  return text;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(2) === 0 ? random(128) : random(256));
}

/** The State of the Union addresses: 233 documents, 10.76 MB. */
export async function addresses(): Promise<string[]> {
  const source = sotuSource();
  const splits = [await source.open("train"), await source.open("validation")];
  return (await Promise.all(splits.map((split) => Array.fromAsync(texts(split))))).flat();
}
