/** Text for an evaluation in bits per byte, cut into rows like the training text. @module */

import {
  type Encoder,
  PackedLoader,
  readTokenStream,
  type Split,
  type TokenArray,
} from "../../data/mod.ts";

/** How rows are cut from a corpus: packed documents, or crops at random positions. */
export type LoaderKind = "packed" | "random";

/** Options for {@linkcode evaluationRows}. */
export interface EvaluationRowsOptions {
  /** How the training rows are cut. */
  readonly loader: LoaderKind;
  /** Tokens to predict in a row. */
  readonly sequenceLength: number;
  /** Maximum tokens to predict. */
  readonly maximumTokens: number;
}

/** Rows, as options of `SequentialLoader`. */
export interface EvaluationRows {
  /** The ids of all rows. */
  readonly tokens: TokenArray;
  /** Tokens from the beginning of a row to that of the next. */
  readonly stride: number;
  /** Tokens to predict in a row. */
  readonly sequenceLength: number;
}

/**
 * Reads a split, or its beginning, for an evaluation.
 *
 * Rows that training packs begin with BOS, and so do these, as in nanochat: each document is read
 * once, and cropped where it does not fit. A model that never saw a row without BOS has learned to
 * attend to it, and is far worse without it: 2.55 instead of 1.98 bits per byte (depth 2, width 32,
 * 9,026 steps). Rows that training crops at random begin anywhere; here, each begins where the last
 * one ends.
 *
 * @throws {RangeError} If the split has no document with tokens, or too few for a row.
 *
 * @example
 * ```ts
 * import { listSource, SequentialLoader } from "../../data/mod.ts";
 * import { evaluationRows } from "./evaluation_rows.ts";
 *
 * const split = await listSource("rhyme", ["one", "two", "three"], 1).open("validation");
 * const encoder = { encode: (text: string) => [...new TextEncoder().encode(text)], bos: 256 };
 * const size = { sequenceLength: 3, maximumTokens: 100 };
 * const rows = await evaluationRows(split, encoder, { loader: "packed", ...size });
 * const { inputs } = await new SequentialLoader({ ...rows, batchSize: 1 }).take();
 * if (inputs[0] !== 256) throw new Error("expected a row that begins with BOS");
 * ```
 */
export async function evaluationRows(
  split: Split,
  encoder: Encoder,
  { loader, sequenceLength, maximumTokens }: EvaluationRowsOptions,
): Promise<EvaluationRows> {
  if (loader === "random") {
    // The first token is not predicted.
    const { tokens } = await readTokenStream(split, encoder, { maximumTokens: maximumTokens + 1 });
    return { tokens, stride: sequenceLength, sequenceLength };
  }
  const stride = sequenceLength + 1;
  const Ids = (encoder.vocabSize ?? Infinity) <= 2 ** 16 ? Uint16Array : Int32Array;
  const packed = await PackedLoader.open({
    split,
    encoder,
    epochs: 1,
    batchSize: 1,
    sequenceLength,
  });
  const rows: TokenArray[] = [];
  const row = new Int32Array(stride);
  const limit = Math.floor(maximumTokens / sequenceLength);
  while (rows.length < limit && await packed.fillRow(row)) rows.push(Ids.from(row));
  const tokens = new Ids(rows.length * stride);
  for (const [i, ids] of rows.entries()) tokens.set(ids, i * stride);
  return { tokens, stride, sequenceLength };
}
