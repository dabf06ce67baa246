/**
 * An induction head: two heads, one after the other, that continue a text by what came next the last
 * time. Their weights are not trained but given, so that one sees why they work.
 *
 * Source: Olsson et al., “In-context learning and induction heads” (2022).
 *
 * @module
 */

import { attend, type AttentionTrace, type Matrix } from "./attention.ts";

/** The mark of the beginning, so that the first letter has something before it. */
const START = "•";

/** Scores after the division by √size: shares go like e to them. */
const MATCH = 20, NOTHING_FOUND = 14, EACH_PLACE = 1.5;

/** The course of {@linkcode inductionHead}. */
export interface InductionTrace {
  /** The letters, with the mark of the beginning before them. */
  readonly letters: readonly string[];
  /** The letters that occur, the mark first. */
  readonly alphabet: readonly string[];
  /** The input of the first head: a row for each letter, in three parts. */
  readonly stream: Matrix;
  /** The first head: each letter reads the one before it. */
  readonly previous: AttentionTrace;
  /** The input of the second head: the same rows, with what the first head wrote. */
  readonly written: Matrix;
  /** The second head: each letter reads what came after the last letter like it. */
  readonly induction: AttentionTrace;
}

/** A matrix whose cells are computed from their row and column. */
function matrix(rows: number, columns: number, cell: (row: number, column: number) => number) {
  return Array.from(
    { length: rows },
    (_, row) => Array.from({ length: columns }, (_, column) => cell(row, column)),
  );
}

/**
 * Reads a text by two heads with given weights. The output of the second head has, for each letter, the
 * share of every letter of the alphabet that it copies.
 *
 * A row of the stream says three things: this letter, this place, and the letter before. The first head
 * looks one place back, and writes the letter that stands there into the third part. The second head
 * looks for a row whose letter before is the one that it has now: what stands there came next, the last
 * time. A later place counts more. Where nothing is found, it rests on the mark of the beginning.
 *
 * @throws {RangeError} If there is no letter.
 *
 * @example
 * ```ts
 * import { inductionHead } from "./induction.ts";
 *
 * const { alphabet, induction } = inductionHead("dinodi");
 * const share = induction.output.at(-1)![alphabet.indexOf("n")]!;
 * if (share < 0.95) throw new Error(`${share}`);
 * ```
 */
export function inductionHead(text: string): InductionTrace {
  if (text === "") throw new RangeError("Cannot continue a text: wanted a letter, got none");
  const letters = [START, ...text];
  const alphabet = [...new Set(letters)];
  const [kinds, places] = [alphabet.length, letters.length];
  // Where the parts of a row begin, and its end.
  const place = kinds, before = kinds + places, width = before + kinds;
  const stream = matrix(
    places,
    width,
    (i, j) => Number(j === alphabet.indexOf(letters[i]!) || j === place + i),
  );
  const previous = attend(stream, {
    // The row of place i asks for place i − 1.
    query: matrix(width, places, (row, i) => row === place + i + 1 ? MATCH * Math.sqrt(places) : 0),
    key: matrix(width, places, (row, i) => Number(row === place + i)),
    value: matrix(width, kinds, (row, i) => Number(row === i)),
  });
  const written = stream.map((row, i) => [...row.slice(0, before), ...previous.output[i]!]);
  const size = kinds + 1, scale = Math.sqrt(size);
  const induction = attend(written, {
    // Each letter asks for itself; the last number asks how late a place is.
    query: matrix(
      width,
      size,
      (row, i) => row >= kinds ? 0 : i === kinds ? scale : Number(row === i),
    ),
    key: matrix(width, size, (row, i) => {
      if (i < kinds) return row === before + i ? MATCH * scale : 0;
      if (row === 0) return NOTHING_FOUND;
      return row >= place && row < before ? EACH_PLACE * (row - place) : 0;
    }),
    value: matrix(width, kinds, (row, i) => Number(row === i)),
  });
  return { letters, alphabet, stream, previous, written, induction };
}
