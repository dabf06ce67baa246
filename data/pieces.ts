/** Cuts documents to the length of a row. @module */

import type { TokenArray, TokenStream } from "./token_stream.ts";

/** Treatment of a document longer than a row. */
export type LongDocuments = "cut" | "crop";

/** The pieces of a stream: each is the BOS id, or without one the id before, and a range of the stream. */
export interface Pieces {
  readonly count: number;
  /** The length of piece `index`, including the first id. */
  length(index: number): number;
  isFirst(index: number): boolean;
  /** A copy of the ids of piece `index`. */
  copy(index: number): TokenArray;
}

/**
 * Cuts the documents of a stream into pieces of at most `capacity` tokens.
 *
 * A longer document becomes consecutive pieces, each starting with BOS: all but the last fill a
 * row, and each token of the text is a target once. With `"crop"` a document stays whole, as in
 * nanochat, and packing crops what does not fit.
 *
 * Without BOS, a document's first token takes its place, and each further piece starts with the last
 * token of the piece before. So a document of one token, which has nothing to predict, has no piece.
 *
 * @param bos The id that starts each document of the stream; `null` if nothing does.
 * @param capacity Tokens per row, at least 2.
 */
export function cutPieces(
  stream: TokenStream,
  bos: number | null,
  capacity: number,
  long: LongDocuments,
): Pieces {
  const { tokens, starts } = stream;
  const step = long === "cut" ? capacity - 1 : tokens.length;
  /** Start and end of the text of each piece. */
  const bounds: number[] = [];
  const documents = new Set<number>();
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? tokens.length;
    documents.add(bounds.length / 2);
    for (let at = start + 1; at < end; at += step) bounds.push(at, Math.min(at + step, end));
  }
  const from = (index: number): number => bounds[2 * index] ?? 0;
  const to = (index: number): number => bounds[2 * index + 1] ?? 0;
  return {
    count: bounds.length / 2,
    length: (index) => 1 + to(index) - from(index),
    isFirst: (index) => documents.has(index),
    copy(index) {
      const piece = tokens.slice(from(index) - 1, to(index));
      if (bos !== null) piece[0] = bos;
      return piece;
    },
  };
}
