/** A tokenizer's data, and its validation. @module */
import { show } from "./show.ts";

/** A pair of token ids that encoding joins into one. */
export type Merge = [left: number, right: number];

/**
 * The data of a byte-level tokenizer, as the file formats read and write it.
 *
 * The id of an ordinary token is its rank: of two possible merges, the one with the smaller id
 * comes first.
 */
export interface Vocabulary {
  /** Split pattern, in the dialect of Python and Rust; see {@linkcode toRegExp}. */
  readonly pattern: string;
  /** The bytes of each ordinary token by id; may have holes. */
  readonly tokens: readonly (Uint8Array | undefined)[];
  /** Ids of the special tokens by name. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The merges, ordered by the tokens they produce; reconstructed from `tokens` if absent. */
  readonly merges?: readonly Readonly<Merge>[];
  /**
   * The id that starts every document, `null` for none. By default that of the first special token
   * there is of `<|bos|>`, `<|endoftext|>` and `<|begin_of_text|>`.
   */
  readonly documentStart?: number | null;
}

/**
 * Ids are below this: 10 times what large models use, and a limit that keeps a tiny malformed file
 * from allocating gigabytes.
 */
export const MAX_VOCABULARY_SIZE: number = 1 << 21;

export function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < MAX_VOCABULARY_SIZE;
}

/** Describes what is wrong with a vocabulary, as "wanted …, got …"; `null` if it is valid. */
export function findProblem(vocabulary: Vocabulary): string | null {
  const { tokens, specialTokens, merges = [] } = vocabulary;
  if (tokens.length > MAX_VOCABULARY_SIZE) {
    return `wanted at most ${MAX_VOCABULARY_SIZE} tokens, got ${tokens.length}`;
  }
  const single = new Set<number>();
  for (const [id, token] of tokens.entries()) {
    if (token?.length === 0) return `wanted at least one byte in token ${id}, got none`;
    if (token?.length === 1) single.add(token[0]!);
  }
  if (single.size < 256) {
    return `wanted a token for each of the 256 bytes, got ${single.size} of them`;
  }
  const taken = new Map<number, string>();
  for (const [name, id] of specialTokens) {
    const shown = show(name);
    if (name === "") return `wanted a name for special token ${id}, got an empty one`;
    if (!isTokenId(id)) {
      return `wanted an id from 0 to ${
        MAX_VOCABULARY_SIZE - 1
      } for special token ${shown}, got ${id}`;
    }
    if (tokens[id] !== undefined) {
      return `wanted an id of its own for special token ${shown}, got ${id}, which is an ordinary token`;
    }
    const other = taken.get(id);
    if (other !== undefined) {
      return `wanted an id of its own for special token ${shown}, got ${id}, which is ${
        show(other)
      }`;
    }
    taken.set(id, name);
  }
  const { documentStart } = vocabulary;
  if (typeof documentStart === "number" && !taken.has(documentStart)) {
    return `wanted the id of a special token as the start of documents, got ${documentStart}`;
  }
  for (const [rank, pair] of merges.entries()) {
    if (!pair.every((id) => tokens[id] !== undefined)) {
      return `wanted a pair of tokens in merge ${rank}, got [${pair.join(", ")}]`;
    }
  }
  return null;
}
