import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tokenizer as Reference } from "npm:@huggingface/tokenizers@0.2.0";
import { Tiktoken } from "npm:js-tiktoken@1.0.21/lite";
import gpt2 from "npm:js-tiktoken@1.0.21/ranks/gpt2";
import { GPT2_PATTERN, SPLIT_PATTERN } from "../pattern.ts";
import { addresses, makeRandom, randomText } from "../testing/texts.ts";
import { Tokenizer } from "../tokenizer.ts";
import { readHuggingFace, writeHuggingFace } from "./hugging_face.ts";
import { readTiktoken } from "./tiktoken.ts";

const random = makeRandom(13);
const [address] = await addresses();
const texts = [address!.slice(0, 20_000), ...Array.from({ length: 200 }, () => randomText(random))];
const tokenizer = await Tokenizer.train(texts, { vocabSize: 1000 });
const written = writeHuggingFace(tokenizer.vocabulary);

Deno.test("Hugging Face's library gives the same ids with the file we write", () => {
  const reference = new Reference(JSON.parse(written), {});
  for (const text of texts) {
    assertEquals(tokenizer.encode(text), reference.encode(text).ids, JSON.stringify(text));
  }
  assertEquals(reference.token_to_id("<|bos|>"), tokenizer.bos);
});

Deno.test("a vocabulary survives a round trip through the file", () => {
  const copy = new Tokenizer(readHuggingFace(written));
  assertEquals(copy.toJSON(), { ...tokenizer.toJSON(), merges: copy.merges });
  assertEquals(copy.merges.length, tokenizer.merges.length);
  for (const text of texts) assertEquals(copy.encode(text), tokenizer.encode(text));
});

Deno.test("names of JavaScript's built-in properties are tokens like any others", async () => {
  const words = ["constructor", "__proto__", "toString"];
  const small = await Tokenizer.train(words, { vocabSize: 300, pattern: "\\w+" });
  const copy = new Tokenizer(readHuggingFace(writeHuggingFace(small.vocabulary)));
  for (const word of words) {
    assertEquals(small.encode(word).length, 1, word);
    assertEquals(copy.encode(word), small.encode(word));
  }
});

Deno.test("GPT-2's vocabulary gives the same ids through both formats and both libraries", () => {
  const lines = gpt2.bpe_ranks.split("\n").flatMap((line) => {
    const [, first, ...tokens] = line.split(" ");
    return tokens.map((token, i) => `${token} ${Number(first) + i}`);
  });
  const vocabulary = readTiktoken(lines.join("\n"), {
    pattern: GPT2_PATTERN,
    specialTokens: gpt2.special_tokens,
  });
  const ours = new Tokenizer(vocabulary);
  const file = JSON.parse(writeHuggingFace(vocabulary));
  const theirs = new Reference(file, {});
  const tiktoken = new Tiktoken(gpt2);
  for (const text of texts.filter((text) => !/[\u0085\ufeff]/.test(text)).slice(0, 80)) {
    const ids = ours.encode(text);
    assertEquals(ids, tiktoken.encode(text, [], []));
    assertEquals(ids, theirs.encode(text).ids);
  }
  // Files from GPT-2's time denote the pattern by "use_regex", and write merges as strings.
  file.pre_tokenizer = { type: "ByteLevel", add_prefix_space: false, use_regex: true };
  file.model.merges = ours.merges.map(([left, right]) =>
    [left, right].map((id) => theirs.id_to_token(id)).join(" ")
  );
  const old = new Tokenizer(readHuggingFace(JSON.stringify(file)));
  assertEquals(old.pattern, GPT2_PATTERN);
  assertEquals(old.merges, ours.merges);
  assertEquals(old.encode(texts[0]!), ours.encode(texts[0]!));
});

Deno.test("a truncated file, or one of another kind of tokenizer, is a one-line error", () => {
  for (let i = 0; i < 100; i++) {
    const cut = written.slice(0, random(written.length));
    const { message } = assertThrows(() => readHuggingFace(cut), SyntaxError, "Cannot read");
    assert(!message.includes("\n"), message);
  }
  const file = JSON.parse(written);
  const model = (change: Record<string, unknown>): unknown => ({
    ...file,
    model: { ...file.model, ...change },
  });
  const cases: [unknown, string][] = [
    [[], "wanted an object, got []"],
    [{}, 'wanted a model of type "BPE", got undefined'],
    [model({ type: "Unigram" }), 'got "Unigram"'],
    [{ ...file, normalizer: { type: "Lowercase" } }, 'NFKD, got {"type":"Lowercase"}'],
    [{ ...file, pre_tokenizer: null }, "wanted a pre_tokenizer"],
    [{ ...file, pre_tokenizer: { type: "Whitespace" } }, 'got {"type":"Whitespace"}'],
    [{ ...file, added_tokens: 5 }, "wanted a list of added tokens, got 5"],
    [{ ...file, added_tokens: [{ content: "x" }] }, "wanted an added token"],
    [{ ...file, added_tokens: [{ content: "x", id: 65 }] }, "which is an ordinary token"],
    [model({ vocab: null }), "wanted a vocab, got null"],
    [model({ vocab: { a: 1 } }), "wanted a merge of tokens into a token"],
    [model({ vocab: { a: 1 }, merges: [] }), "got 1 of them"],
    [model({ vocab: { a: 1, b: 1 } }), "got 1 twice"],
    [model({ vocab: { a: -1 } }), 'the id of token "a", got -1'],
    [model({ vocab: { "日": 1 } }), "wanted byte-level characters"],
    [model({ merges: {} }), "wanted merges, got {}"],
    [model({ merges: ["a"] }), 'wanted a merge of two tokens, got "a"'],
    [model({ merges: ["a b c"] }), 'got "a b c"'],
    [model({ merges: [["zq", "zq"]] }), "wanted a merge of tokens into a token"],
    [model({ merges: file.model.merges.toReversed() }), "in the order of their ids"],
  ];
  for (const [data, message] of cases) {
    assertThrows(() => readHuggingFace(JSON.stringify(data)), SyntaxError, message);
  }
  assertEquals(readHuggingFace(written).pattern, SPLIT_PATTERN);
});

Deno.test("a hostile split pattern from a file cannot keep the process busy", () => {
  const pattern = String.raw`(\w+\s?)+$`;
  const hostile = new Tokenizer(
    readHuggingFace(writeHuggingFace({ ...tokenizer.vocabulary, pattern })),
  );
  assertEquals(hostile.pattern, pattern);
  const text = "a".repeat(28);
  assertEquals(hostile.decode(hostile.encode(text)), text);
  assertThrows(() => hostile.encode(`${text}!`), RangeError, "200 steps per char");
});
