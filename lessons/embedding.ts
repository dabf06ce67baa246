/** From a word to numbers: its row of a table, and how much it looks like the others. @module */

import { fourWords, type Matrix, multiply } from "./attention.ts";

/** A table with a row of numbers for each word. */
export interface EmbeddingTable {
  /** The words. */
  readonly words: readonly string[];
  /** The meaning of each number. In a trained table nobody knows it. */
  readonly features: readonly string[];
  /** `[words, features]` */
  readonly table: Matrix;
}

/** Six words; the first four are those of the example of attention. The numbers are made up. */
export const sixWords: EmbeddingTable = {
  words: [...fourWords.words, "Tina", "saw"],
  features: fourWords.features,
  table: [...fourWords.inputs, [0.9, 0, 0, 0.3], [0, 0, 0.9, 0.1]],
};

/** The course of {@linkcode lookUp}. */
export interface LookUpTrace {
  /** 1 at the word's number, and 0 elsewhere. */
  readonly oneHot: readonly number[];
  /** That times the table: the word's row. */
  readonly row: readonly number[];
  /** The cosine of the angle to each word's row: 1 where both point the same way, 0 across. */
  readonly similarities: readonly number[];
}

/**
 * Looks a word up, and compares it with all others.
 *
 * @param id The number of the word.
 * @throws {RangeError} If there is no such word.
 *
 * @example
 * ```ts
 * import { lookUp } from "./embedding.ts";
 *
 * const { row, similarities } = lookUp(0); // Rex
 * if (row.join() !== "1,0,0,0.2") throw new Error(row.join());
 * if (!(similarities[4]! > 0.9 && similarities[1]! < 0.1)) throw new Error("Tina is like Rex");
 * ```
 */
export function lookUp(id: number, { table }: EmbeddingTable = sixWords): LookUpTrace {
  if (table[id] === undefined) {
    throw new RangeError(
      `Cannot look a word up: wanted a number below ${table.length}, got ${id}`,
    );
  }
  const oneHot = table.map((_, i) => Number(i === id));
  const row = multiply([oneHot], table)[0]!;
  const lengthOf = (of: readonly number[]) => Math.hypot(...of);
  const products = multiply(table, row.map((x) => [x])).flat();
  const similarities = products.map((product, i) =>
    product / (lengthOf(row) * lengthOf(table[i]!))
  );
  return { oneHot, row, similarities };
}
