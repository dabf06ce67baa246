/** Documents as one flat stream of token ids. @module */

import { emptySplit, type Split } from "./source.ts";

/** Token ids: 16-bit if the vocabulary allows it, otherwise 32-bit. */
export type TokenArray = Uint16Array | Int32Array;

/** The part of a tokenizer that this module needs. */
export interface Encoder {
  /** Encodes a text, without special tokens. */
  encode(text: string): ArrayLike<number>;
  /** The id that starts each document; `null` for none. */
  bos: number | null;
  /** Number of ids. If given, every id is checked, and up to 65,536 use 16 bits each. */
  vocabSize?: number;
}

/** Concatenated documents. */
export interface TokenStream {
  /** The ids, `[tokens]`: for each document the BOS id, if there is one, then its text. */
  readonly tokens: TokenArray;
  /** The position where each document starts, ascending; the first is 0. */
  readonly starts: readonly number[];
}

/**
 * Encodes texts to one stream; texts without tokens are dropped.
 *
 * @param where A description of the texts, for messages.
 * @throws {RangeError} If an id is not an integer in the vocabulary.
 *
 * @example
 * ```ts
 * import { encodeTexts } from "./token_stream.ts";
 *
 * const encode = (text: string) => [...new TextEncoder().encode(text)];
 * const stream = encodeTexts(["ab", "c"], { encode, bos: 256, vocabSize: 257 }, "two texts");
 * console.log(stream.tokens, stream.starts); // [256, 97, 98, 256, 99] [0, 3]
 * ```
 */
export function encodeTexts(
  texts: readonly string[],
  encoder: Encoder,
  where: string,
): TokenStream {
  const limit = encoder.vocabSize ?? 2 ** 31;
  const start = encoder.bos === null ? [] : [encoder.bos];
  for (const id of start) checkId(id, limit, "BOS", where);
  const documents: ArrayLike<number>[] = [];
  let total = 0;
  for (const [index, text] of texts.entries()) {
    const ids = encoder.encode(text);
    for (let i = 0; i < ids.length; i++) checkId(ids[i], limit, `document ${index}`, where);
    if (ids.length === 0) continue;
    documents.push(ids);
    total += start.length + ids.length;
  }
  const tokens = limit <= 2 ** 16 ? new Uint16Array(total) : new Int32Array(total);
  const starts: number[] = [];
  let at = 0;
  for (const ids of documents) {
    starts.push(at);
    tokens.set(start, at);
    tokens.set(ids, at + start.length);
    at += start.length + ids.length;
  }
  return { tokens, starts };
}

function checkId(id: number | undefined, limit: number, what: string, where: string): void {
  if (id !== undefined && id >= 0 && id < limit && Number.isInteger(id)) return;
  throw new RangeError(
    `Cannot encode ${what} of ${where}: wanted ids that are whole numbers from 0 to ${
      limit - 1
    }, got ${id}`,
  );
}

/** Options for {@linkcode readTokenStream}. */
export interface ReadTokenStreamOptions {
  /** Stops after this many tokens, even within a document. @default {Infinity} */
  maximumTokens?: number;
}

/**
 * Encodes a whole split, in order, to one stream in memory.
 *
 * @throws {RangeError} If the split has no document with tokens, or an id is outside the
 * vocabulary.
 *
 * @example
 * ```ts
 * import { listSource } from "./list_source.ts";
 * import { readTokenStream } from "./token_stream.ts";
 *
 * const split = await listSource("rhyme", ["one", "two", "three"], 1).open("train");
 * const encode = (text: string) => [...new TextEncoder().encode(text)];
 * const { tokens } = await readTokenStream(split, { encode, bos: 256 });
 * console.log(tokens.length); // 8
 * ```
 */
export async function readTokenStream(
  split: Split,
  encoder: Encoder,
  options: ReadTokenStreamOptions = {},
): Promise<TokenStream> {
  const { maximumTokens = Infinity } = options;
  if (!(maximumTokens >= 1)) {
    throw new RangeError(
      `Cannot read ${split.name}: wanted 1 or more tokens, got ${maximumTokens}`,
    );
  }
  const parts: TokenStream[] = [];
  let total = 0;
  for (let chunk = 0; chunk < split.chunks && total < maximumTokens; chunk++) {
    const part = encodeTexts(await split.read(chunk), encoder, chunkName(split, chunk));
    parts.push(part);
    total += part.tokens.length;
  }
  const first = parts[0];
  if (first === undefined || total === 0) throw emptySplit(split);
  total = Math.min(total, maximumTokens);
  const tokens = first.tokens instanceof Uint16Array
    ? new Uint16Array(total)
    : new Int32Array(total);
  const starts: number[] = [];
  let at = 0;
  for (const part of parts) {
    for (const start of part.starts) if (at + start < total) starts.push(at + start);
    tokens.set(part.tokens.subarray(0, total - at), at);
    at += part.tokens.length;
  }
  return { tokens, starts };
}

export function chunkName(split: Split, chunk: number): string {
  return `chunk ${chunk} of ${split.name}`;
}
