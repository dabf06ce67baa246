import { assert, assertEquals, assertThrows } from "@std/assert";
import { SPECIAL_TOKENS } from "./special.ts";
import { makeRandom, randomBytes, randomText } from "./testing/texts.ts";
import { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

const random = makeRandom(3);
const training = [
  "The quick brown fox jumps over the lazy dog. ".repeat(5),
  "naïve café 你好世界 🌍🌍 12345 don't we'll",
  ...Array.from({ length: 20 }, () => randomText(random)),
];
const tokenizer = await Tokenizer.train(training, { vocabSize: 500 });
const custom = await Tokenizer.train(training, { vocabSize: 500, pattern: "\\p{L}+|\\s++" });

Deno.test("decoding restores every text", () => {
  for (let i = 0; i < 500; i++) {
    const text = randomText(random);
    assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    assertEquals(custom.decode(custom.encode(text)), text);
  }
});

Deno.test("decoding restores arbitrary bytes, valid UTF-8 or not", () => {
  for (let i = 0; i < 500; i++) {
    const bytes = randomBytes(random, random(100));
    assertEquals(tokenizer.decodeBytes(tokenizer.encodeBytes(bytes)), bytes);
    assertEquals(custom.decodeBytes(custom.encodeBytes(bytes)), bytes);
  }
});

Deno.test("a text and its bytes have the same ids", () => {
  for (let i = 0; i < 200; i++) {
    const text = randomText(random);
    const bytes = new TextEncoder().encode(text);
    assertEquals(tokenizer.encodeBytes(bytes), tokenizer.encode(text));
    assertEquals(custom.encodeBytes(bytes), custom.encode(text));
  }
});

Deno.test("a lone surrogate is encoded as U+FFFD", () => {
  for (const each of [tokenizer, custom]) {
    assertEquals(each.encode("a\ud83cb"), each.encode("a\ufffdb"));
    assertEquals(each.encode("\udf0d"), each.encode("\ufffd"));
    assertEquals(each.decode(each.encode("\udf0d\ud83c")), "\ufffd\ufffd");
  }
});

Deno.test("a byte order mark survives a round trip", () => {
  assertEquals(tokenizer.decode(tokenizer.encode("\ufeffa")), "\ufeffa");
});

Deno.test("ids that end within a character decode to U+FFFD", () => {
  const ids = tokenizer.encodeBytes(new TextEncoder().encode("𓀀")).slice(0, -1);
  assertEquals(tokenizer.decode(ids), "\ufffd");
});

Deno.test("special tokens in text stay text", () => {
  for (const name of SPECIAL_TOKENS) {
    const ids = tokenizer.encode(`a${name}b`);
    assert(ids.every((id) => id < tokenizer.bos));
    assertEquals(tokenizer.decode(ids), `a${name}b`);
  }
});

Deno.test("special tokens are the last ids, and decode to their names", () => {
  assertEquals(SPECIAL_TOKENS.map((name) => tokenizer.special(name)), [
    ...Array.from({ length: 9 }, (_, i) => 491 + i),
  ]);
  assertEquals(tokenizer.decode([tokenizer.bos, 104, 105]), "<|bos|>hi");
  assertThrows(() => tokenizer.special("<|nope|>"), RangeError, "wanted one of <|bos|>");
});

Deno.test("a token can be prepended and appended, by name or id", () => {
  const ids = tokenizer.encode("hello");
  const { bos } = tokenizer;
  const end = tokenizer.special("<|user_end|>");
  assertEquals(tokenizer.encode("hello", { prepend: "<|bos|>", append: end }), [bos, ...ids, end]);
  assertEquals(tokenizer.encode("", { prepend: bos }), [bos]);
  assertThrows(() => tokenizer.encode("a", { prepend: 500 }), RangeError, "got 500");
  assertThrows(() => tokenizer.encode("a", { append: "<|x|>" }), RangeError, "<|x|>");
});

Deno.test("a batch is encoded string by string", () => {
  const { bos } = tokenizer;
  assertEquals(tokenizer.encodeBatch(["hello", "", "world"], { prepend: bos }), [
    [bos, ...tokenizer.encode("hello")],
    [bos],
    [bos, ...tokenizer.encode("world")],
  ]);
});

Deno.test("an id outside the vocabulary is an error that names it and its position", () => {
  for (const id of [-1, 500, 0.5, NaN, Infinity]) {
    assertThrows(() => tokenizer.decode([1, id]), RangeError, `got ${id} at position 1`);
    assertThrows(() => tokenizer.decodeBytes([id]), RangeError, "vocabulary of 500");
  }
});

Deno.test("only strings are encoded", () => {
  const values: unknown[] = [undefined, null, 1, ["a"]];
  for (const value of values) {
    assertThrows(() => tokenizer.encode(value as string), TypeError, "wanted a string");
  }
});

Deno.test("arguments of the wrong type are refused with what was wanted", () => {
  class Tensor {
    data(): void {}
  }
  const bytes = "Cannot encode bytes: wanted a Uint8Array, got ";
  const ids = "Cannot decode: wanted a list of token ids, got ";
  const id = "Cannot decode: wanted an id of the vocabulary of 500, got ";
  const texts = "Cannot encode: wanted an iterable of texts, got ";
  const options = "Cannot encode: wanted options named prepend, append, special, got ";
  const cases: [(value: never) => unknown, unknown, string][] = [
    [(value) => tokenizer.encodeBytes(value), "abc", `${bytes}"abc"`],
    [(value) => tokenizer.encodeBytes(value), new ArrayBuffer(3), `${bytes}an ArrayBuffer`],
    [(value) => tokenizer.encodeBytes(value), [300], `${bytes}[300]`],
    [(value) => tokenizer.decode(value), 97, `${ids}97`],
    [(value) => tokenizer.decode(value), null, `${ids}null`],
    [(value) => tokenizer.decode(value), "a", `${ids}"a"`],
    [
      (value) => tokenizer.decode(value),
      new Tensor(),
      `${ids}a Tensor. Its ids are read by await tensor.data()`,
    ],
    [(value) => tokenizer.decode(value), [1, [97]], `${id}[97] at position 1`],
    [(value) => tokenizer.decodeBytes(value), ["97"], `${id}"97" at position 0`],
    [(value) => tokenizer.encodeBatch(value), "abc", `${texts}one string`],
    [(value) => tokenizer.encodeBatch(value), 5, `${texts}5`],
    [(value) => tokenizer.encodeBatch(value), undefined, `${texts}undefined`],
    [(value) => tokenizer.encode("a", value), "<|bos|>", `${options}"<|bos|>"`],
    [(value) => tokenizer.encode("a", value), { specials: "recognize" }, `${options}"specials"`],
    [(value) => tokenizer.encodeBatch(["a"], value), { toString: 1 }, `${options}"toString"`],
    [
      (value) => tokenizer.encode("a", { prepend: value }),
      ["97"],
      'Cannot encode: wanted an id of the vocabulary of 500, got ["97"]',
    ],
  ];
  for (const [call, value, message] of cases) {
    assertEquals(assertThrows(() => call(value as never), TypeError).message, message);
  }
});

Deno.test("the byte lengths of tokens add up to the text's, special tokens count 0", () => {
  const lengths = tokenizer.tokenBytes();
  const text = randomText(random, 200);
  const ids = tokenizer.encode(text, { prepend: "<|bos|>" });
  assertEquals(lengths.length, 500);
  assertEquals(
    ids.reduce((sum, id) => sum + lengths[id]!, 0),
    new TextEncoder().encode(text).length,
  );
  assert(SPECIAL_TOKENS.every((name) => lengths[tokenizer.special(name)] === 0));
});

Deno.test("the document-start token may be GPT-2's", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const specialTokens = new Map([["<|endoftext|>", 256]]);
  assertEquals(new Tokenizer({ pattern: ".", tokens, specialTokens }).bos, 256);
  const without = new Tokenizer({ pattern: ".", tokens, specialTokens: new Map() });
  assertThrows(() => without.bos, RangeError, "none at all");
  assertEquals([without.documentStart, without.encode("a", { prepend: null })], [null, [97]]);
});

Deno.test("a tokenizer may say that nothing begins its documents, and its JSON keeps it", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const specialTokens = new Map([["<|endoftext|>", 256]]);
  for (const documentStart of [null, 256]) {
    const tokenizer = new Tokenizer({ pattern: ".", tokens, specialTokens, documentStart });
    const again = Tokenizer.fromJSON(JSON.stringify(tokenizer));
    assertEquals([tokenizer.documentStart, again.documentStart], [documentStart, documentStart]);
  }
  assertThrows(
    () => new Tokenizer({ pattern: ".", tokens, specialTokens, documentStart: 7 }),
    RangeError,
    "as the start of documents, got 7",
  );
});

Deno.test("an invalid vocabulary is refused", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const make = (
    changed: (Uint8Array | undefined)[],
    special: Record<string, number> = {},
  ): Tokenizer =>
    new Tokenizer({
      pattern: ".",
      tokens: changed,
      specialTokens: new Map(Object.entries(special)),
    });
  assertThrows(() => make(tokens.slice(1)), RangeError, "got 255 of them");
  assertThrows(() => make([...tokens, new Uint8Array()]), RangeError, "in token 256");
  assertThrows(() => make(tokens, { x: 255 }), RangeError, "which is an ordinary token");
  assertThrows(() => make(tokens, { x: 256, y: 256 }), RangeError, 'which is "x"');
  assertThrows(() => make(tokens, { x: -1 }), RangeError, "got -1");
  assertThrows(() => make(tokens, { x: 1e9 }), RangeError, "got 1000000000");
});

Deno.test("what is no vocabulary, such as the name of one, is refused", () => {
  for (const [given, shown] of [["gpt2", '"gpt2"'], [undefined, "undefined"], [{}, "{}"]]) {
    assertThrows(
      () => new Tokenizer(given as unknown as Vocabulary),
      TypeError,
      `wanted a vocabulary with a list of tokens, got ${shown}`,
    );
  }
});
