import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { listSource } from "./list_source.ts";
import { encodeTexts, readTokenStream } from "./token_stream.ts";

const encode = (text: string): number[] => [...new TextEncoder().encode(text)];

Deno.test("a stream has BOS before each document and nothing for an empty one", () => {
  const { tokens, starts } = encodeTexts(["ab", "", "c"], { encode, bos: 300 }, "texts");
  assertEquals(tokens, Int32Array.of(300, 97, 98, 300, 99));
  assertEquals(starts, [0, 3]);
});

Deno.test("tokens take 16 bits up to a vocabulary of 65,536 and 32 bits beyond", () => {
  assertInstanceOf(
    encodeTexts(["a"], { encode, bos: 256, vocabSize: 65_536 }, "").tokens,
    Uint16Array,
  );
  assertInstanceOf(
    encodeTexts(["a"], { encode, bos: 256, vocabSize: 65_537 }, "").tokens,
    Int32Array,
  );
});

Deno.test("an id outside the vocabulary is an error that names the document and the id", () => {
  const texts = ["a", "z"];
  assertThrows(
    () => encodeTexts(texts, { encode, bos: 0, vocabSize: 100 }, 'chunk 3 of "x"'),
    RangeError,
    'Cannot encode document 1 of chunk 3 of "x": wanted ids that are whole numbers from 0 to 99, got 122',
  );
  for (const id of [-1, 0.5, NaN, Infinity]) {
    assertThrows(
      () => encodeTexts(["a"], { encode: () => [id], bos: 0 }, "x"),
      RangeError,
      `got ${id}`,
    );
  }
  assertThrows(
    () => encodeTexts(texts, { encode, bos: 100, vocabSize: 100 }, "x"),
    RangeError,
    "BOS",
  );
});

Deno.test("a split is read to one stream, or to its first tokens", async () => {
  const split = await listSource("letters", ["ab", "c", "def", "held out"], 1).open("train");
  const whole = await readTokenStream(split, { encode, bos: 256, vocabSize: 257 });
  assertEquals(whole.tokens, Uint16Array.of(256, 97, 98, 256, 99, 256, 100, 101, 102));
  assertEquals(whole.starts, [0, 3, 5]);
  for (let maximumTokens = 1; maximumTokens <= 9; maximumTokens++) {
    const { tokens, starts } = await readTokenStream(split, { encode, bos: 256, vocabSize: 257 }, {
      maximumTokens,
    });
    assertEquals(tokens, whole.tokens.slice(0, maximumTokens));
    assertEquals(starts, whole.starts.filter((start) => start < maximumTokens));
  }
  await assertRejects(
    () => readTokenStream(split, { encode, bos: 256 }, { maximumTokens: 0 }),
    RangeError,
    "wanted 1 or more tokens, got 0",
  );
});

Deno.test("a split without a single token is an error", async () => {
  const split = await listSource("letters", ["a", "b"], 1).open("train");
  await assertRejects(
    () => readTokenStream(split, { encode: () => [], bos: 256 }),
    RangeError,
    'Cannot read the train split of "letters": wanted at least one document with text, got none',
  );
});

Deno.test("without an id that starts documents there are only those of the texts", () => {
  const encode = (text: string) => [...new TextEncoder().encode(text)];
  const { tokens, starts } = encodeTexts(["ab", "", "c"], { encode, bos: null }, "texts");
  assertEquals([[...tokens], starts], [[97, 98, 99], [0, 2]]);
});
