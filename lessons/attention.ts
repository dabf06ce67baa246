/**
 * Attention in numbers: a word asks, the words before it answer, and it takes a little of each.
 *
 * The plain numbers of what `tensor/ops/attention/` computes in one kernel; a test holds the two equal.
 *
 * @module
 */

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** The weights of a layer of attention, each `[width, heads · size]`. */
export interface AttentionWeights {
  /** Weights of queries: what a word asks for. */
  readonly query: Matrix;
  /** Weights of keys: what a word answers to. */
  readonly key: Matrix;
  /** Weights of values: what a word gives. */
  readonly value: Matrix;
}

/** The course of one head. */
export interface HeadTrace {
  /** `[words, size]` */
  readonly queries: Matrix;
  /** `[words, size]` */
  readonly keys: Matrix;
  /** `[words, size]` */
  readonly values: Matrix;
  /** q · k of each pair, `[words, words]` */
  readonly scores: Matrix;
  /** The scores divided by √size; −∞ where the key comes after the query. */
  readonly masked: Matrix;
  /** Their softmax: the share that each row reads of each column. */
  readonly pattern: Matrix;
  /** The values, mixed by these shares, `[words, size]` */
  readonly output: Matrix;
}

/** The course of a layer of attention. */
export interface AttentionTrace {
  /** One head after another. */
  readonly heads: readonly HeadTrace[];
  /** The outputs of the heads, side by side, `[words, heads · size]` */
  readonly output: Matrix;
}

/** Four words as rows of numbers, and weights that make them look for each other. */
export interface AttentionExample {
  /** The words. */
  readonly words: readonly string[];
  /** The meaning of each number of a word. */
  readonly features: readonly string[];
  /** One row for each word. */
  readonly inputs: Matrix;
  /** The weights that make queries, keys and values of them. */
  readonly weights: AttentionWeights;
}

/** “Rex ate ferns. He”: whom does “He” mean, and what did he do? The numbers are made up. */
export const fourWords: AttentionExample = {
  words: ["Rex", "ate", "ferns.", "He"],
  features: ["animal", "plant", "deed", "he"],
  inputs: [
    [1, 0, 0, 0.2],
    [0, 0.1, 1, 0],
    [0.1, 1, 0, 0],
    [0.3, 0, 0, 1],
  ],
  weights: {
    // “He” asks for an animal by the first number, and for a deed by the third.
    query: [
      [0, 0, 1, 0],
      [0, 0, 2, 0],
      [2, 0, 0, 0],
      [2, 0, 2, 0],
    ],
    key: [
      [2, 0, 0, 0],
      [0, 2, 0, 0],
      [0, 0, 2, 0],
      [0, 0, 0, 1],
    ],
    value: [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ],
  },
};

const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** The product of two matrices: each cell is a row of the first, times a column of the second. */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const columns = b[0]!.map((_, column) => b.map((row) => row[column]!));
  return a.map((row) => columns.map((column) => dot(row, column)));
}

/** Numbers as shares of 1, the larger the more. */
export function softmax(row: readonly number[]): readonly number[] {
  // Without its largest number, which changes no share, e to a score cannot overflow.
  const most = Math.max(...row);
  const exponentials = row.map((score) => Math.exp(score - most));
  const total = exponentials.reduce((sum, x) => sum + x);
  return exponentials.map((x) => x / total);
}

/** One head: each word scores the words up to it, and mixes their values by the scores' softmax. */
export function attendByHead(queries: Matrix, keys: Matrix, values: Matrix): HeadTrace {
  const size = queries[0]!.length;
  const scores = queries.map((query) => keys.map((key) => dot(query, key)));
  const masked = scores.map((row, i) =>
    row.map((score, j) => j <= i ? score / Math.sqrt(size) : -Infinity)
  );
  const pattern = masked.map(softmax);
  const output = multiply(pattern, values);
  return { queries, keys, values, scores, masked, pattern, output };
}

/** The columns of a matrix that are one head's. */
function headPart(matrix: Matrix, head: number, heads: number): Matrix {
  return matrix.map((row) => {
    const size = row.length / heads;
    return row.slice(head * size, (head + 1) * size);
  });
}

/**
 * A layer of attention: its weights make queries, keys and values of each word; each head gets its part
 * of them.
 *
 * @param inputs A row of numbers for each word, `[words, width]`
 * @param heads How many heads share the numbers of a query. @default {1}
 * @throws {RangeError} If the shapes do not fit.
 *
 * @example
 * ```ts
 * import { attend, fourWords } from "./attention.ts";
 *
 * const { heads: [head] } = attend(fourWords.inputs, fourWords.weights);
 * const shown = head!.pattern[3]!.map((share) => share.toFixed(2)).join();
 * if (shown !== "0.36,0.49,0.06,0.09") throw new Error(shown);
 * ```
 */
export function attend(
  inputs: Matrix,
  { query, key, value }: AttentionWeights,
  heads = 1,
): AttentionTrace {
  const width = inputs[0]?.length ?? 0;
  for (const [name, weights] of Object.entries({ query, key, value })) {
    const columns = weights[0]?.length ?? 0;
    if (weights.length === width && columns > 0 && columns % heads === 0) continue;
    throw new RangeError(
      `Cannot attend: wanted ${name} weights of ${width} rows, and columns for ${heads} heads, got ` +
        `${weights.length} rows and ${columns} columns`,
    );
  }
  const traces = Array.from({ length: heads }, (_, head) => {
    const project = (weights: Matrix) => headPart(multiply(inputs, weights), head, heads);
    return attendByHead(project(query), project(key), project(value));
  });
  return {
    heads: traces,
    output: inputs.map((_, i) => traces.flatMap(({ output }) => output[i]!)),
  };
}
