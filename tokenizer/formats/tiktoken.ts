/**
 * tiktoken's rank files: one line per token, with its bytes as base64 and its id. The split pattern
 * and the special tokens are not in it; the reader must supply them.
 *
 * @module
 */
import { checkOptions } from "../checks.ts";
import { SPLIT_PATTERN } from "../pattern.ts";
import { showValue } from "../show.ts";
import { SPECIAL_TOKENS } from "../special.ts";
import { isTokenId, MAX_VOCABULARY_SIZE, type Vocabulary } from "../vocabulary.ts";
import { checked, fromBase64, malformed, toBase64 } from "./parse.ts";

const KIND = "the tiktoken ranks";

/** Data that a rank file lacks. */
export interface TiktokenOptions {
  /** Split pattern. @default {SPLIT_PATTERN} */
  pattern?: string;
  /**
   * Special tokens: ids by name, or names alone, whose ids then follow the largest rank. @default
   * {SPECIAL_TOKENS}
   */
  specialTokens?: Readonly<Record<string, number>> | readonly string[];
}

/**
 * Parses a vocabulary from tiktoken's ranks.
 *
 * @throws {SyntaxError} If a line is malformed, a rank occurs twice or a byte has no token.
 * @throws {TypeError} If an option is unknown.
 *
 * @example A vocabulary of the 256 bytes
 * ```ts
 * import { Tokenizer } from "../tokenizer.ts";
 * import { readTiktoken } from "./tiktoken.ts";
 *
 * const lines = Array.from({ length: 256 }, (_, i) => `${btoa(String.fromCharCode(i))} ${i}`);
 * const tokenizer = new Tokenizer(readTiktoken(lines.join("\n")));
 * console.log(tokenizer.encode("hi")); // [ 104, 105 ]
 * ```
 */
export function readTiktoken(text: string, options: TiktokenOptions = {}): Vocabulary {
  checkOptions(`read ${KIND}`, options, { pattern: true, specialTokens: true });
  const { pattern = SPLIT_PATTERN, specialTokens = SPECIAL_TOKENS } = options;
  const tokens: (Uint8Array | undefined)[] = [];
  const ranks = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const [token = "", rank = "", ...rest] = line.trim().split(" ");
    const bytes = fromBase64(token);
    const id = /^\d+$/.test(rank) ? Number(rank) : -1;
    if (bytes === null || bytes.length === 0 || !isTokenId(id) || rest.length > 0) {
      malformed(
        KIND,
        `wanted base64, a space and a rank below ${MAX_VOCABULARY_SIZE} in line ${index + 1}, got ${
          showValue(line)
        }`,
      );
    }
    if (tokens[id] !== undefined || ranks.has(token)) {
      malformed(
        KIND,
        `wanted each token and rank once, got ${showValue(line)} in line ${index + 1}`,
      );
    }
    tokens[id] = bytes;
    ranks.add(token);
  }
  const special = Array.isArray(specialTokens)
    ? specialTokens.map((name, i) => [name, tokens.length + i] as const)
    : Object.entries(specialTokens);
  return checked({ pattern, tokens, specialTokens: new Map(special) }, KIND);
}

/**
 * Serializes the ordinary tokens of a vocabulary as tiktoken's ranks. Of tokens with equal bytes
 * only the first is written, because encoding uses only that one.
 *
 * @example
 * ```ts
 * import { Tokenizer } from "../tokenizer.ts";
 * import { writeTiktoken } from "./tiktoken.ts";
 *
 * const tokenizer = await Tokenizer.train(["abab"], { vocabSize: 266 });
 * console.log(writeTiktoken(tokenizer.vocabulary).split("\n")[256]); // YWI= 256
 * ```
 */
export function writeTiktoken(vocabulary: Vocabulary): string {
  const ranks = new Map<string, number>();
  for (const [id, token] of vocabulary.tokens.entries()) {
    if (token === undefined) continue;
    const text = toBase64(token);
    if (!ranks.has(text)) ranks.set(text, id);
  }
  return Array.from(ranks, ([text, id]) => `${text} ${id}\n`).join("");
}
