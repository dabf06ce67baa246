/** A tokenizer's data, and its validation. @module */
import { showValue } from "./show.ts";

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
  /** Patterns that split each piece again, one after the other. @default {[]} */
  readonly morePatterns?: readonly string[];
  /** The form of Unicode that texts are brought into first; `null` leaves them as they are. @default {null} */
  readonly normalization?: NormalizationForm | null;
  /** The bytes of each ordinary token by id; may have holes. */
  readonly tokens: readonly (Uint8Array | undefined)[];
  /** Ids of the special tokens by name. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /**
   * Ids of tokens, by name, that stand for this name wherever a text has it, such as `<think>`. Unlike
   * special tokens they are part of texts.
   */
  readonly addedTokens?: ReadonlyMap<string, number>;
  /** The merges, ordered by the tokens they produce; reconstructed from `tokens` if absent. */
  readonly merges?: readonly Readonly<Merge>[];
  /**
   * The id that starts every document, `null` for none. By default that of the first special token
   * there is of `<|bos|>`, `<|endoftext|>` and `<|begin_of_text|>`.
   */
  readonly documentStart?: number | null;
  /**
   * Whether other programs put `documentStart` before every text: for Llama's tokenizers they do, for
   * GPT-2's they do not. By default unless it is `<|endoftext|>`.
   */
  readonly addsStart?: boolean;
  /**
   * Ids that end a text or a turn, the usual one first. By default those of the special tokens there are of
   * `<|assistant_end|>`, `<|bos|>`, `<|im_end|>`, `<|eot_id|>`, `<|end_of_text|>` and `<|endoftext|>`.
   */
  readonly ends?: readonly number[];
  /**
   * One more than the largest id of the model, if that has more ids than there are tokens. By default one
   * more than the largest id of a token.
   */
  readonly size?: number;
}

/** A form of Unicode in which texts that look alike are alike. */
export type NormalizationForm = "NFC" | "NFD" | "NFKC" | "NFKD";

/** All forms. */
export const NORMALIZATION_FORMS: readonly NormalizationForm[] = ["NFC", "NFD", "NFKC", "NFKD"];

/** Names of the token that starts documents: nanochat's, GPT-2's, Llama 3's. */
const DOCUMENT_STARTS = ["<|bos|>", "<|endoftext|>", "<|begin_of_text|>"];

/** The id that starts every document; `null` for none. */
export function startOfDocuments({ documentStart, specialTokens }: Vocabulary): number | null {
  if (documentStart !== undefined) return documentStart;
  const name = DOCUMENT_STARTS.find((name) => specialTokens.has(name));
  return name === undefined ? null : specialTokens.get(name)!;
}

/** The id that other programs put before every text; `null` for none. */
export function startOfTexts(vocabulary: Vocabulary): number | null {
  const start = startOfDocuments(vocabulary);
  const { addsStart = start !== vocabulary.specialTokens.get("<|endoftext|>") } = vocabulary;
  return addsStart ? start : null;
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
  const { tokens, merges = [], ends = [], documentStart } = vocabulary;
  if (tokens.length > MAX_VOCABULARY_SIZE) {
    return `wanted at most ${MAX_VOCABULARY_SIZE} tokens, got ${tokens.length}`;
  }
  const single = new Set<number>();
  // Not by entries(): vocabularies are large, and models are opened often.
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    if (token?.length === 0) return `wanted at least one byte in token ${id}, got none`;
    if (token?.length === 1) single.add(token[0]!);
  }
  if (single.size < 256) {
    return `wanted a token for each of the 256 bytes, got ${single.size} of them`;
  }
  const taken = new Map<number, string>();
  const problem = problemOfNames(vocabulary, taken);
  if (problem !== null) return problem;
  if (typeof documentStart === "number" && !taken.has(documentStart)) {
    return `wanted the id of a special token as the start of documents, got ${documentStart}`;
  }
  const end = ends.find((id) => !isTokenId(id) || tokens[id] === undefined && !taken.has(id));
  if (end !== undefined) return `wanted ids of tokens as ends, got ${end}`;
  const { size = 0 } = vocabulary;
  if (size !== 0 && !isTokenId(size - 1)) {
    return `wanted a size of at most ${MAX_VOCABULARY_SIZE}, got ${size}`;
  }
  for (let rank = 0; rank < merges.length; rank++) {
    // Not taken apart, which takes longer: there are as many as tokens.
    const merge = merges[rank]!;
    if (tokens[merge[0]] === undefined || tokens[merge[1]] === undefined) {
      return `wanted a pair of tokens in merge ${rank}, got [${merge.join(", ")}]`;
    }
  }
  return null;
}

/** Describes a problem with the named tokens, if there is one; adds them to `taken`. */
function problemOfNames(
  { tokens, specialTokens, addedTokens = new Map() }: Vocabulary,
  taken: Map<number, string>,
): string | null {
  for (const [kind, named] of [["special", specialTokens], ["added", addedTokens]] as const) {
    for (const [name, id] of named) {
      const shown = showValue(name);
      const wanted = `wanted an id of its own for ${kind} token ${shown}, got ${id}, which is `;
      if (name === "") return `wanted a name for ${kind} token ${id}, got an empty one`;
      if (!isTokenId(id)) {
        const most = MAX_VOCABULARY_SIZE - 1;
        return `wanted an id from 0 to ${most} for ${kind} token ${shown}, got ${id}`;
      }
      if (tokens[id] !== undefined) return `${wanted}an ordinary token`;
      const other = taken.get(id);
      if (other !== undefined) return wanted + showValue(other);
      taken.set(id, name);
    }
  }
  return null;
}
