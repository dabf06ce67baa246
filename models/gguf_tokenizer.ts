/** The tokenizer in a GGUF file. @module */

import type { GgufFile } from "../interchange/mod.ts";
import { readHuggingFace, Tokenizer } from "../tokenizer/mod.ts";
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

/** Types of tokens that stand for themselves: control tokens, and those that a user has added. */
const ADDED_TYPES = [3, 4];

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
  const vocab = all.filter((token) => !isAdded(token)).map(({ content, id }) => [content, id]);
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
