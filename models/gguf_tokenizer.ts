/** The tokenizer in a GGUF file. @module */

import type { Fact, GgufFile } from "../interchange/mod.ts";
import { RangeError } from "../tensor/errors.ts";
import { GPT2_PATTERN, readHuggingFace, Tokenizer, writeHuggingFace } from "../tokenizer/mod.ts";
import { unreadable } from "./weights.ts";

/** What follows the numbers in Llama 3's and Qwen 2's patterns is the same. */
const around = (numbers: string) =>
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|${numbers}|` +
  String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const byteLevel = { type: "ByteLevel", add_prefix_space: false };

const splitBy = (pattern: string) => ({
  type: "Sequence",
  pretokenizers: [
    { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
    { ...byteLevel, use_regex: false },
  ],
});

/** How texts are split, by the name that llama.cpp has for it, as `tokenizer.json` would say it. */
const preTokenizers: Readonly<Record<string, object>> = {
  "gpt-2": { ...byteLevel, use_regex: true },
  "llama-bpe": splitBy(around(String.raw`\p{N}{1,3}`)),
  "qwen2": splitBy(around(String.raw`\p{N}`)),
};

/** llama.cpp's name for a pattern that splits texts. */
const namesOfPatterns: ReadonlyMap<string, string> = new Map([
  [GPT2_PATTERN, "gpt-2"],
  [around(String.raw`\p{N}{1,3}`), "llama-bpe"],
  [around(String.raw`\p{N}`), "qwen2"],
]);

/** Types of tokens: those of texts, those that begin or end something, and ids without a token. */
const [NORMAL, CONTROL, UNUSED] = [1, 3, 5];
/** Types of tokens that stand for themselves: control tokens, and those that a user has added. */
const ADDED_TYPES = [CONTROL, 4];

/**
 * What a GGUF file says of a tokenizer.
 *
 * @param vocabSize The number of ids that the model has, which may be more.
 * @param options.end The token that ends a text, if one is known.
 * @param options.addsStart Whether the token that begins documents is put before every text.
 * @throws {RangeError} If llama.cpp has no name for its split pattern.
 */
export function toGgufTokenizer(
  tokenizer: Tokenizer,
  vocabSize: number,
  { end, addsStart }: { readonly end: string | null; readonly addsStart: boolean },
): Map<string, Fact> {
  const pre = namesOfPatterns.get(tokenizer.pattern);
  if (pre === undefined) {
    throw new RangeError(
      `Cannot write GGUF: wanted a tokenizer whose split pattern has a name there (${
        [...namesOfPatterns.values()].join(", ")
      }), got ${JSON.stringify(tokenizer.pattern.slice(0, 100))}`,
    );
  }
  const { model } = JSON.parse(writeHuggingFace(tokenizer.vocabulary));
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[unused${id}]`);
  const types = new Array<number>(vocabSize).fill(UNUSED);
  for (const [name, id] of Object.entries<number>(model.vocab)) {
    [tokens[id], types[id]] = [name, NORMAL];
  }
  for (const [name, id] of tokenizer.specialTokens) [tokens[id], types[id]] = [name, CONTROL];
  const { documentStart } = tokenizer;
  const merges: string[] = model.merges.map((pair: [string, string]) => pair.join(" "));
  const facts: Record<string, Fact> = {
    model: { type: "string", value: "gpt2" },
    pre: { type: "string", value: pre },
    tokens: { type: "array", of: "string", value: tokens },
    token_type: { type: "array", of: "int32", value: types },
    merges: { type: "array", of: "string", value: merges },
    ...documentStart !== null && { bos_token_id: { type: "uint32", value: documentStart } },
    ...end !== null && { eos_token_id: { type: "uint32", value: tokenizer.special(end) } },
    add_bos_token: { type: "bool", value: addsStart },
  };
  return new Map(Object.entries(facts).map(([name, fact]) => [`tokenizer.ggml.${name}`, fact]));
}

/**
 * Reads the tokenizer of a file.
 *
 * @returns The tokenizer; `null` if there is none.
 * @throws {SyntaxError} If it is of a kind that is not supported.
 */
export function ggufTokenizer(file: string, { facts }: GgufFile): Tokenizer | null {
  const fact = (name: string): unknown => facts.get(`tokenizer.ggml.${name}`)?.value;
  const model = fact("model");
  if (model === undefined) return null;
  if (model !== "gpt2") throw unreadable(file, "a byte-level tokenizer (gpt2)", model);
  const pre = fact("pre") ?? "gpt-2";
  const preTokenizer = Object.hasOwn(preTokenizers, `${pre}`) ? preTokenizers[`${pre}`] : undefined;
  if (preTokenizer === undefined) {
    const wanted = `tokenizer.ggml.pre to be ${Object.keys(preTokenizers).join(", ")}`;
    throw unreadable(file, wanted, pre);
  }
  const [tokens, types, merges] = ["tokens", "token_type", "merges"].map((name) => {
    const value = fact(name);
    if (Array.isArray(value)) return value as unknown[];
    throw unreadable(file, `tokenizer.ggml.${name} as a list`, value);
  }) as [unknown[], unknown[], unknown[]];
  const all = tokens.map((content, id) => ({ content: `${content}`, id }));
  const isAdded = ({ id }: { id: number }) => ADDED_TYPES.includes(Number(types[id]));
  const vocab = all.filter((token) => !isAdded(token) && types[token.id] !== UNUSED)
    .map(({ content, id }) => [content, id]);
  try {
    const vocabulary = readHuggingFace(JSON.stringify({
      added_tokens: all.filter(isAdded).map((token) => ({ ...token, special: true })),
      pre_tokenizer: preTokenizer,
      model: { type: "BPE", vocab: Object.fromEntries(vocab), merges },
    }));
    // Qwen's texts begin with nothing, although its files name a token for it.
    return new Tokenizer(pre === "qwen2" ? { ...vocabulary, documentStart: null } : vocabulary);
  } catch (error) {
    throw unreadable(file, "a tokenizer", (error as Error).message);
  }
}
