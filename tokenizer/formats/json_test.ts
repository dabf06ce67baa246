import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { makeRandom, randomText } from "../testing/texts.ts";
import { Tokenizer } from "../tokenizer.ts";
import type { TokenizerJson } from "./json.ts";

const random = makeRandom(5);
const tokenizer = await Tokenizer.train(
  Array.from({ length: 20 }, () => randomText(random)),
  { vocabSize: 400, pattern: "\\s?\\p{L}++|[^]" },
);
const json: TokenizerJson = tokenizer.toJSON();

Deno.test("a tokenizer survives a round trip through JSON, as text and as an object", () => {
  for (const copy of [Tokenizer.fromJSON(JSON.stringify(tokenizer)), Tokenizer.fromJSON(json)]) {
    assertEquals(copy.merges, tokenizer.merges);
    assertEquals(copy.pattern, tokenizer.pattern);
    assertEquals(copy.specialTokens, tokenizer.specialTokens);
    assertEquals(copy.vocabulary.tokens, tokenizer.vocabulary.tokens);
    const text = randomText(random);
    assertEquals(copy.encode(text), tokenizer.encode(text));
  }
});

Deno.test("a file truncated anywhere is a one-line error", () => {
  const text = JSON.stringify(json, null, 1);
  for (let i = 0; i < 200; i++) {
    const cut = text.slice(0, random(text.length));
    const { message } = assertThrows(() => Tokenizer.fromJSON(cut), SyntaxError, "Cannot read");
    assert(!message.includes("\n"), message);
  }
});

Deno.test("a file of another kind is an error that says what was wanted", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ format: "x" }, 'wanted the format "nanodino-tokenizer", got "x"'],
    [{ version: 3 }, "wanted version 1 or 2, got 3"],
    [{ pattern: null }, "wanted a pattern, got null"],
    [{ specialTokens: [] }, "wanted special tokens, got []"],
    [{ specialTokens: { a: "1" } }, 'the id of special token "a", got "1"'],
    [{ specialTokens: { a: 2 ** 40 } }, "got 1099511627776"],
    [{ specialTokens: { a: 0 } }, "which is an ordinary token"],
    [{ tokens: {} }, "wanted a list of tokens"],
    [{ tokens: ["AA=="] }, "got 1 of them"],
    [{ tokens: json.tokens.with(300, "*") }, 'wanted token 300 as base64, got "*"'],
    [{ tokens: json.tokens.with(300, "") }, "at least one byte in token 300"],
    [{ tokens: json.tokens.with(65, null) }, "got 255 of them"],
    [{ merges: undefined }, "wanted a list of merges, got undefined"],
    [{ merges: [[1]] }, "wanted a pair of ids as merge 0, got [1]"],
    [{ merges: [[1, -2]] }, "got [1,-2]"],
    [{ merges: [[1, 5000]] }, "wanted a pair of tokens in merge 0, got [1, 5000]"],
  ];
  for (const [change, message] of cases) {
    const text = JSON.stringify({ ...json, ...change });
    assertThrows(() => Tokenizer.fromJSON(text), SyntaxError, message);
  }
  for (const text of ["", "null", "[]", "5", '"x"', "{}"]) {
    assertThrows(() => Tokenizer.fromJSON(text), SyntaxError, "Cannot read the tokenizer");
  }
  assertThrows(
    () => Tokenizer.fromJSON({ ...json, pattern: "(" }),
    SyntaxError,
    "split pattern",
  );
});

Deno.test("a split pattern from a file cannot keep the process busy, whatever the text", async () => {
  const hostile = Tokenizer.fromJSON({ ...json, pattern: String.raw`(\w+\s?)+$` });
  const text = "a".repeat(28);
  assertEquals(hostile.decode(hostile.encode(text)), text);
  for (
    const use of [
      () => hostile.encode(`${text}!`),
      () => hostile.encodeBatch([`${text}!`]),
      () => hostile.encodeBytes(new TextEncoder().encode(`${text}!`)),
    ]
  ) {
    assertThrows(use, RangeError, 'got more from "(\\\\w+\\\\s?)+$"');
  }
  // Earlier text does not count.
  assertEquals(hostile.decode(hostile.encode(text)), text);

  const pattern = "(a+)+b|[^]";
  await assertRejects(
    () => Tokenizer.train([`${"a".repeat(28)}`], { vocabSize: 300, pattern }),
    RangeError,
    "Cannot split the text",
  );
});
