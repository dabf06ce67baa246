import { assert, assertEquals } from "@std/assert";
import { SPLIT_PATTERN, toRegExp } from "./pattern.ts";
import { addresses, makeRandom, randomText } from "./testing/texts.ts";
import { Tokenizer } from "./tokenizer.ts";

/** Reference BPE encoding: rescans all adjacent pairs after every merge. */
function encodeByDefinition(tokenizer: Tokenizer, text: string): number[] {
  const ranks = new Map<string, number>();
  for (const [id, token] of tokenizer.vocabulary.tokens.entries()) {
    const key = String(token);
    if (token !== undefined && !ranks.has(key)) ranks.set(key, id);
  }
  const rankOf = (parts: number[][]): number => ranks.get(String(parts.flat())) ?? Infinity;
  return (text.match(toRegExp(SPLIT_PATTERN)) ?? []).flatMap((piece) => {
    let parts = [...new TextEncoder().encode(piece)].map((byte) => [byte]);
    if (rankOf(parts) < Infinity) return [rankOf(parts)];
    while (true) {
      let best = Infinity;
      let place = 0;
      for (let i = 1; i < parts.length; i++) {
        const rank = rankOf(parts.slice(i - 1, i + 1));
        if (rank < best) [best, place] = [rank, i];
      }
      if (best === Infinity) return parts.map((part) => rankOf([part]));
      parts = [
        ...parts.slice(0, place - 1),
        parts.slice(place - 1, place + 1).flat(),
        ...parts.slice(place + 1),
      ];
    }
  });
}

const random = makeRandom(11);

Deno.test("encoding equals the reference on random text", async () => {
  for (let round = 0; round < 6; round++) {
    const texts = Array.from({ length: 10 }, () => randomText(random));
    const tokenizer = await Tokenizer.train(texts, { vocabSize: 265 + 150 });
    for (let i = 0; i < 15; i++) {
      const text = randomText(random, 40);
      assertEquals(tokenizer.encode(text), encodeByDefinition(tokenizer, text), text);
      assertEquals(tokenizer.encode(text), tokenizer.encode(text), "remembered pieces");
    }
  }
});

Deno.test("encoding equals the reference where tokens overlap", async () => {
  for (let round = 0; round < 60; round++) {
    const word = (length: number): string =>
      Array.from({ length }, () => "aabc"[random(4)]).join("");
    const texts = Array.from({ length: 4 }, () => word(40));
    const tokenizer = await Tokenizer.train(texts, { vocabSize: 265 + 40 });
    for (let i = 0; i < 10; i++) {
      const text = word(1 + random(80));
      assertEquals(tokenizer.encode(text), encodeByDefinition(tokenizer, text), text);
    }
  }
});

/** A tokenizer of all bytes and of `words`, with consecutive ids in that order. */
function tokenizerOf(words: string[]): Tokenizer {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const tokens = [...bytes, ...words.map((word) => new TextEncoder().encode(word))];
  return new Tokenizer({ pattern: SPLIT_PATTERN, tokens, specialTokens: new Map() });
}

Deno.test("long pieces encoded in windows equal the reference", () => {
  for (let round = 0; round < 40; round++) {
    const letters = "abcde".slice(0, 1 + random(5));
    const word = (length: number): string =>
      Array.from({ length }, () => letters[random(letters.length)]).join("");
    // In random order: a token may have a smaller id than the tokens it is merged from.
    const words = new Set(Array.from({ length: 60 }, () => word(2 + random(round % 8 + 2))));
    const tokenizer = tokenizerOf([...words]);
    for (let i = 0; i < 4; i++) {
      const text = word(50 + random(250));
      assertEquals(tokenizer.encode(text), encodeByDefinition(tokenizer, text), text);
    }
  }
});

Deno.test("distant context changes the encoding where it must", () => {
  // Each pair merges before the one to its left, so the last letter decides the first token. The
  // path visits each pair of 47 letters once: 47 steps of 1, 47 of 2, ...
  const path = [0];
  for (let step = 1; step < 47; step++) {
    for (let i = 0; i < 47; i++) path.push((path.at(-1)! + step) % 47);
  }
  const text = path.map((i) => String.fromCharCode(i < 26 ? 97 + i : 39 + i)).join("");
  const pairs = Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2));
  const tokenizer = tokenizerOf(pairs.reverse());
  for (const length of [1200, 1201, text.length]) {
    const part = text.slice(0, length);
    const ids = tokenizer.encode(part);
    assertEquals(ids.length, Math.ceil(length / 2));
    assertEquals(ids[0]! < 256, length % 2 === 1, "the leftover is the first letter");
    assertEquals(tokenizer.decode(ids), part);
  }
});

Deno.test("tokens of thousands of bytes are found", () => {
  const words = ["aa", "aaaa"];
  while (words.at(-1)!.length < 4000) words.push(words.at(-1)!.repeat(2));
  const tokenizer = tokenizerOf(words);
  const longest = words.at(-1)!;
  const ids = tokenizer.encode(longest.repeat(3) + "aaaab");
  assertEquals(ids, [...Array(3).fill(255 + words.length), 257, 98]);
});

Deno.test("a megabyte without spaces encodes like its parts", async () => {
  const [text] = await addresses();
  const tokenizer = await Tokenizer.train([text!], { vocabSize: 1000 });
  const letters = Array.from({ length: 1 << 20 }, () => "etaoinshr"[random(9)]).join("");
  const ids = tokenizer.encode(letters);
  assertEquals(tokenizer.decode(ids), letters);
  // Distant context has no influence: the beginning encodes as if alone.
  const part = tokenizer.encode(letters.slice(0, 2000)).slice(0, 500);
  assertEquals(ids.slice(0, 500), part);
  for (const unit of [" ", "\n", "7", "!", "é", "你", "🌍"]) {
    const run = unit.repeat((1 << 20) / unit.length);
    assert(tokenizer.decode(tokenizer.encode(run)) === run, unit);
  }
});

Deno.test("more distinct words than the cache holds change nothing", async () => {
  const tokenizer = await Tokenizer.train(["the cat sat on the mat"], { vocabSize: 275 });
  const word = tokenizer.encode(" the cat");
  let text = "";
  for (let i = 0; i < 300_000; i++) {
    text += " ";
    for (let rest = i; rest > 0; rest = Math.floor(rest / 26)) {
      text += String.fromCharCode(97 + rest % 26);
    }
  }
  assert(tokenizer.decode(tokenizer.encode(text)) === text);
  assertEquals(tokenizer.encode(" the cat"), word);
});

Deno.test("reconstructed merges are those that were learned", async () => {
  const { vocabulary, merges } = await Tokenizer.train((await addresses()).slice(0, 3), {
    vocabSize: 1500,
  });
  const { pattern, tokens, specialTokens } = vocabulary;
  assertEquals(new Tokenizer({ pattern, tokens, specialTokens }).merges, merges);
});
