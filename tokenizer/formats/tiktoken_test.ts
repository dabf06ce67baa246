import { assertEquals, assertThrows } from "@std/assert";
import { Tiktoken } from "npm:js-tiktoken@1.0.21/lite";
import cl100k from "npm:js-tiktoken@1.0.21/ranks/cl100k_base";
import { GPT2_PATTERN, SPLIT_PATTERN } from "../pattern.ts";
import { addresses, makeRandom, randomText } from "../testing/texts.ts";
import { Tokenizer } from "../tokenizer.ts";
import { readTiktoken, writeTiktoken } from "./tiktoken.ts";

const random = makeRandom(9);
const [address] = await addresses();
const texts = [address!.slice(0, 20_000), ...Array.from({ length: 200 }, () => randomText(random))];

/** Unpacks js-tiktoken's ranks: lines of a first rank and tokens of consecutive ranks. */
function unpack(packed: string): string {
  return packed.split("\n").flatMap((line) => {
    const [, first, ...tokens] = line.split(" ");
    return tokens.map((token, i) => `${token} ${Number(first) + i}`);
  }).join("\n");
}

/** The pattern for js-tiktoken, which does not support possessive quantifiers. */
const PLAIN_PATTERN = SPLIT_PATTERN.replaceAll("?+", "?").replaceAll("++", "+")
  .replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}");

Deno.test("js-tiktoken gives the same ids with the ranks we write", async () => {
  const tokenizer = await Tokenizer.train(texts, { vocabSize: 1000 });
  const lines = writeTiktoken(tokenizer.vocabulary).trim().split("\n");
  const reference = new Tiktoken({
    pat_str: PLAIN_PATTERN,
    special_tokens: Object.fromEntries(tokenizer.specialTokens),
    bpe_ranks: `! 0 ${lines.map((line) => line.split(" ")[0]).join(" ")}`,
  });
  for (const text of texts) {
    assertEquals(tokenizer.encode(text), reference.encode(text, [], []));
  }
});

Deno.test("GPT-4's ranks give js-tiktoken's ids", () => {
  const reference = new Tiktoken(cl100k);
  // GPT-4's pattern, as in tiktoken.
  const pattern = String
    .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`;
  const tokenizer = new Tokenizer(
    readTiktoken(unpack(cl100k.bpe_ranks), { pattern, specialTokens: cl100k.special_tokens }),
  );
  assertEquals(tokenizer.vocabSize, 100_277);
  assertEquals(tokenizer.bos, 100_257);
  // js-tiktoken uses JavaScript's \s and long s, so text with such characters is skipped.
  for (const text of texts.filter((text) => !/[\u0085\ufeffſ]/.test(text))) {
    assertEquals(tokenizer.encode(text), reference.encode(text, [], []), text);
  }
  assertEquals(tokenizer.merges.length, 100_256 - 256);
  assertThrows(() => tokenizer.decode([100_256]), RangeError);
});

Deno.test("a vocabulary survives a round trip through its ranks, pattern and special tokens", async () => {
  const tokenizer = await Tokenizer.train(texts, { vocabSize: 600, pattern: GPT2_PATTERN });
  const text = writeTiktoken(tokenizer.vocabulary);
  for (const specialTokens of [undefined, Object.fromEntries(tokenizer.specialTokens)]) {
    const copy = new Tokenizer(
      readTiktoken(text, {
        pattern: GPT2_PATTERN,
        ...(specialTokens === undefined ? {} : { specialTokens }),
      }),
    );
    assertEquals(copy.toJSON(), tokenizer.toJSON());
  }
});

Deno.test("malformed ranks are an error that names the line", () => {
  const good = Array.from({ length: 256 }, (_, i) => `${btoa(String.fromCharCode(i))} ${i}`);
  const cases: [string[], string][] = [
    [[], "got 0 of them"],
    [good.slice(0, 255), "got 255 of them"],
    [[...good, "YWI="], 'in line 257, got "YWI="'],
    [[...good, "YWI= x"], "in line 257"],
    [[...good, "YWI= 1e9"], "in line 257"],
    [[...good, "YWI= 99999999999"], "in line 257"],
    [[...good, "YWI= -1"], "in line 257"],
    [[...good, "**** 256"], "in line 257"],
    [[...good, " 256"], "in line 257"],
    [[...good, "YWI= 256 7"], "in line 257"],
    [[...good, "YWI= 3"], 'once, got "YWI= 3" in line 257'],
    [[...good, "AA== 256"], "once"],
  ];
  for (const [lines, message] of cases) {
    assertThrows(() => readTiktoken(lines.join("\n")), SyntaxError, message);
  }
  assertThrows(
    () => readTiktoken(good.join("\n"), { specialTokens: { x: 7 } }),
    SyntaxError,
    "ordinary token",
  );
  const options: object = { special_tokens: ["x"] };
  assertThrows(
    () => readTiktoken(good.join("\n"), options),
    TypeError,
    "Cannot read the tiktoken ranks: wanted options named pattern, specialTokens, got " +
      '"special_tokens"',
  );
});

Deno.test("a hostile split pattern for ranks cannot keep the process busy", () => {
  const bytes = Array.from({ length: 256 }, (_, i) => `${btoa(String.fromCharCode(i))} ${i}`);
  const pattern = String.raw`(\w+\s?)+$`;
  const hostile = new Tokenizer(readTiktoken(bytes.join("\n"), { pattern }));
  const text = "a".repeat(28);
  assertEquals(hostile.decode(hostile.encode(text)), text);
  assertThrows(() => hostile.encode(`${text}!`), RangeError, "200 steps per char");
});
