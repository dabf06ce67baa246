import { assertEquals } from "@std/assert";
import { SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { pieceEnd } from "./scan.ts";
import { addresses, makeRandom, randomText } from "./testing/texts.ts";

const expression = toRegExp(SPLIT_PATTERN);

function scan(text: string): string[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const pieces = [];
  for (let start = 0; start < bytes.length;) {
    const end = pieceEnd(bytes, start);
    pieces.push(decoder.decode(bytes.subarray(start, end)));
    start = end;
  }
  return pieces;
}

function assertSamePieces(text: string): void {
  assertEquals(scan(text), text.match(expression) ?? [], JSON.stringify(text).slice(0, 200));
}

Deno.test("the scanner splits random text like the regular expression", () => {
  const random = makeRandom(1);
  for (let i = 0; i < 3000; i++) assertSamePieces(randomText(random, 1 + random(40)));
});

Deno.test("the scanner knows the kind of every character", () => {
  // Between a letter, a digit, a mark and a space, each kind of character is split off differently.
  for (let point = 0; point <= 0x10ffff; point += 0x100) {
    if (point >= 0xd800 && point < 0xe000) continue; // surrogates are no characters
    if (point >= 0x33000 && point < 0xe0000 || point >= 0xf0000) continue; // unassigned or private use
    let text = "";
    for (let i = 0; i < 256; i++) {
      const character = String.fromCodePoint(point + i);
      text += `a${character}7${character}, ${character} ${character}a`;
    }
    const pieces = scan(text);
    const wanted = text.match(expression) ?? [];
    if (pieces.join("|") !== wanted.join("|")) assertEquals(pieces, wanted);
  }
});

Deno.test("the scanner splits contractions in either case", () => {
  assertEquals(scan("it's HE'LL we'Ve 'tis 'llama x'ſ y'q z'"), [
    ..."it|'s| HE|'LL| we|'Ve| '|tis| '|llama| x|'ſ| y|'q| z|'".split("|"),
  ]);
});

Deno.test("the scanner splits an address like the regular expression", async () => {
  const [first] = await addresses();
  assertSamePieces(first!);
});

Deno.test("an invalid UTF-8 byte counts as punctuation", () => {
  const bytes = Uint8Array.of(0x20, 0xff, 0xc3, 0x61, 0x80);
  assertEquals(pieceEnd(bytes, 0), 3);
  assertEquals(pieceEnd(bytes, 3), 4);
});
