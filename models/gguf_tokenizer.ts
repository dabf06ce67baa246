/** The tokenizer in a GGUF file. @module */

import type { Fact, GgufFile } from "../interchange/mod.ts";
import { RangeError } from "../tensor/errors.ts";
import {
  DIGIT_PATTERN,
  GPT2_PATTERN,
  LLAMA3_PATTERN,
  QWEN2_PATTERN,
  readHuggingFace,
  startOfTexts,
  Tokenizer,
  type Vocabulary,
  writeHuggingFace,
} from "../tokenizer/mod.ts";
import { unreadable } from "./weights.ts";

/** How texts are split and normalized, by llama.cpp's name for it. */
const preTokenizers: Readonly<
  Record<string, Pick<Vocabulary, "pattern" | "morePatterns" | "normalization">>
> = {
  "gpt-2": { pattern: GPT2_PATTERN },
  "llama-bpe": { pattern: LLAMA3_PATTERN },
  // llama.cpp does not normalize texts here; Qwen's own tokenizer does.
  "qwen2": { pattern: QWEN2_PATTERN, normalization: "NFC" },
  "smollm": { pattern: DIGIT_PATTERN, morePatterns: [GPT2_PATTERN] },
};

/**
 * Types of tokens: ordinary, special, added ones that stand for their name, and ids without a
 * token.
 */
const [NORMAL, CONTROL, ADDED, UNUSED] = [1, 3, 4, 5];

/**
 * A GGUF file's metadata of a tokenizer.
 *
 * @param vocabSize The number of ids that the model has, which may be more.
 * @throws {RangeError} If llama.cpp has no name for its split pattern.
 */
export function toGgufTokenizer(
  tokenizer: Tokenizer,
  vocabSize: number,
): Map<string, Fact> {
  const { vocabulary } = tokenizer;
  const { pattern, morePatterns = [], normalization = null } = vocabulary;
  const splits = [pattern, ...morePatterns];
  const pre = Object.entries(preTokenizers).find(([, known]) =>
    [known.pattern, ...known.morePatterns ?? []].join("\n") === splits.join("\n") &&
    (known.normalization ?? null) === normalization
  )?.[0];
  if (pre === undefined) {
    const known = Object.keys(preTokenizers).join(", ");
    const form = normalization === null ? "" : ` after ${normalization}`;
    throw new RangeError(
      `Cannot write GGUF: wanted a tokenizer whose split pattern has a name there (${known}), got ` +
        JSON.stringify(splits.join(", then ").slice(0, 100)) + form,
    );
  }
  const { model } = JSON.parse(writeHuggingFace(tokenizer.vocabulary));
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[unused${id}]`);
  const types = new Array<number>(vocabSize).fill(UNUSED);
  for (const [name, id] of Object.entries<number>(model.vocab)) {
    [tokens[id], types[id]] = [name, NORMAL];
  }
  for (const [name, id] of tokenizer.specialTokens) [tokens[id], types[id]] = [name, CONTROL];
  for (const [name, id] of vocabulary.addedTokens ?? []) [tokens[id], types[id]] = [name, ADDED];
  const { documentStart, ends: [end, ...otherEnds] } = tokenizer;
  const merges: string[] = model.merges.map((pair: [string, string]) => pair.join(" "));
  const facts: Record<string, Fact> = {
    model: { type: "string", value: "gpt2" },
    pre: { type: "string", value: pre },
    tokens: { type: "array", of: "string", value: tokens },
    token_type: { type: "array", of: "int32", value: types },
    merges: { type: "array", of: "string", value: merges },
    ...documentStart !== null && { bos_token_id: { type: "uint32", value: documentStart } },
    ...end !== undefined && { eos_token_id: { type: "uint32", value: end } },
    // The format has room for two.
    ...otherEnds.length > 0 && { eot_token_id: { type: "uint32", value: otherEnds[0]! } },
    add_bos_token: { type: "bool", value: startOfTexts(vocabulary) !== null },
  };
  return new Map(Object.entries(facts).map(([name, fact]) => [`tokenizer.ggml.${name}`, fact]));
}

/**
 * Reads the tokenizer of a file.
 *
 * @returns The tokenizer; `null` if there is none.
 * @throws {SyntaxError} If its kind is not supported.
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
  const ids = ["eos", "eot"].map((name) => fact(`${name}_token_id`));
  const [bos, addsStart] = [fact("bos_token_id"), fact("add_bos_token")];
  const [tokens, types, merges] = ["tokens", "token_type", "merges"].map((name) => {
    const value = fact(name);
    if (Array.isArray(value)) return value as unknown[];
    throw unreadable(file, `tokenizer.ggml.${name} as a list`, value);
  }) as [unknown[], unknown[], unknown[]];
  const all = tokens.map((content, id) => ({ content: `${content}`, id, type: Number(types[id]) }));
  const added = all.filter(({ type }) => type === CONTROL || type === ADDED);
  const vocab = all.filter(({ type }) => type !== CONTROL && type !== ADDED && type !== UNUSED)
    .map(({ content, id }) => [content, id]);
  try {
    const { tokens: bytes, ...vocabulary } = readHuggingFace(JSON.stringify({
      added_tokens: added.map(({ content, id, type }) => ({
        content,
        id,
        special: type === CONTROL,
      })),
      pre_tokenizer: { type: "ByteLevel" },
      model: { type: "BPE", vocab: Object.fromEntries(vocab), merges },
    }));
    const named = new Set(added.map(({ id }) => id));
    const isToken = (id: unknown): id is number =>
      Number.isInteger(id) && (bytes[id as number] !== undefined || named.has(id as number));
    const ends = ids.filter(isToken);
    const isSpecial = added.some(({ id, type }) => id === bos && type === CONTROL);
    return new Tokenizer({
      ...vocabulary,
      ...preTokenizer,
      tokens: bytes,
      size: tokens.length,
      ...ends.length > 0 && { ends: [...new Set(ends)] },
      ...isSpecial && { documentStart: bos as number },
      // Qwen's texts begin without a token, although its files name one.
      ...pre === "qwen2" && { documentStart: null },
      ...typeof addsStart === "boolean" && { addsStart },
    });
  } catch (error) {
    throw unreadable(file, "a tokenizer", (error as Error).message);
  }
}
