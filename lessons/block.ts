/**
 * A block in numbers: a river of numbers runs past attention and an MLP, and each adds to it.
 *
 * The plain numbers of what `gpt/model/block.ts` computes with tensors, without rotary positions and
 * scales; a test holds each part equal to the library's operation.
 *
 * @module
 */

import { attend, fourWords, type Matrix, multiply, softmax } from "./attention.ts";

/** The parts of a block that can be left out. */
export interface BlockParts {
  /** Whether what attention and the MLP read is brought to one size. */
  readonly norm: boolean;
  /** Whether attention adds to the river. */
  readonly attention: boolean;
  /** Whether the MLP adds to it. */
  readonly mlp: boolean;
  /** Whether the MLP squares: ReLU², and not ReLU alone. */
  readonly square: boolean;
}

/** All parts. */
export const wholeBlock: BlockParts = { norm: true, attention: true, mlp: true, square: true };

/** The weights of a block, and what the words after it look for. */
export interface BlockExample {
  /** The words. */
  readonly words: readonly string[];
  /** The meaning of each number of the river. */
  readonly features: readonly string[];
  /** `[words, features]` */
  readonly inputs: Matrix;
  /** Matrices that are multiplied from the right. */
  readonly weights: {
    readonly query: Matrix;
    readonly key: Matrix;
    readonly value: Matrix;
    /** From what the heads say to the river. */
    readonly projection: Matrix;
    /** Into the MLP, `[features, neurons]` */
    readonly up: Matrix;
    /** And back, `[neurons, features]` */
    readonly down: Matrix;
    /** `[features, next]` */
    readonly next: Matrix;
  };
  /** The features that each neuron of the MLP reads. */
  readonly neurons: readonly string[];
  /** The words that may come next. */
  readonly next: readonly string[];
}

const { query, key, value } = fourWords.weights;
const noRow = [[0, 0, 0, 0]];

/** “Rex ate ferns. He …”, with a fifth number, “full”, that no word has by itself. */
export const ferns: BlockExample = {
  words: fourWords.words,
  features: [...fourWords.features, "full"],
  inputs: fourWords.inputs.map((row) => [...row, 0]),
  weights: {
    query: [...query, ...noRow],
    key: [...key, ...noRow],
    value: [...value, ...noRow],
    projection: [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0]],
    // (animal + deed)² − animal² − deed² is twice animal × deed: together they mean “full”.
    up: [[1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0]],
    down: [[0, 0, 0, 0, 1], [0, 0, 0, 0, -1], [0, 0, 0, 0, -1]],
    next: [
      // “is”, “roars”, “grows”, “sleeps”
      [0, 1.2, 0, 0],
      [0, 0, 2, 0],
      [0, 0, 0, 0],
      [1.2, 0, 0, 0],
      [0, 0, 0, 2],
    ],
  },
  neurons: ["animal and deed", "animal", "deed"],
  next: ["is", "roars", "grows", "sleeps"],
};

/** The course of {@linkcode throughBlock}, for the last word. */
export interface BlockTrace {
  /** The river: at its source, after attention, after the MLP. */
  readonly stream: readonly [number[], number[], number[]];
  /** The additions of attention and of the MLP. */
  readonly added: readonly [number[], number[]];
  /** The inputs of attention and of the MLP: the river, brought to one size. */
  readonly read: readonly [number[], number[]];
  /** The neurons of the MLP: before ReLU², and after. */
  readonly neurons: readonly [number[], number[]];
  /** At each of the three places: the shares of the next words, if the model ended there. */
  readonly next: readonly [number[], number[], number[]];
}

/** Brings a row to a root mean square of 1, so that no sum of many layers gets out of hand. */
export function rmsNorm(row: readonly number[]): number[] {
  const meanSquare = row.reduce((sum, x) => sum + x * x, 0) / row.length;
  return row.map((x) => x / Math.sqrt(meanSquare + 2 ** -23));
}

const addRows = (a: Matrix, b: Matrix) => a.map((row, i) => row.map((x, j) => x + b[i]![j]!));

/**
 * The course of a block: `x = x + attention(norm(x))`, `x = x + mlp(norm(x))`.
 *
 * @param parts Which parts are on; what is off adds nothing.
 *
 * @example
 * ```ts
 * import { ferns, throughBlock, wholeBlock } from "./block.ts";
 *
 * const likeliest = (parts = wholeBlock) => {
 *   const shares = throughBlock(parts).next[2];
 *   return ferns.next[shares.indexOf(Math.max(...shares))];
 * };
 * if (likeliest() !== "sleeps") throw new Error("he ate: he is full");
 * if (likeliest({ ...wholeBlock, mlp: false }) !== "roars") throw new Error("an animal roars");
 * ```
 */
export function throughBlock(
  parts: BlockParts = wholeBlock,
  { inputs, weights }: BlockExample = ferns,
): BlockTrace {
  const norm = (x: Matrix): Matrix => parts.norm ? x.map(rmsNorm) : x;
  const none = inputs.map((row) => row.map(() => 0));
  const activate = (x: number) => parts.square ? Math.max(0, x) ** 2 : Math.max(0, x);

  const first = norm(inputs);
  const read = attend(first, weights, 2).output;
  const attention = parts.attention ? multiply(read, weights.projection) : none;
  const middle = addRows(inputs, attention);

  const second = norm(middle);
  const before = multiply(second, weights.up);
  const after = before.map((row) => row.map(activate));
  const mlp = parts.mlp ? multiply(after, weights.down) : none;
  const end = addRows(middle, mlp);

  const last = (matrix: Matrix) => [...matrix.at(-1)!];
  const nextOf = (stream: Matrix) => [...softmax(multiply(norm(stream), weights.next).at(-1)!)];
  return {
    stream: [last(inputs), last(middle), last(end)],
    added: [last(attention), last(mlp)],
    read: [last(first), last(second)],
    neurons: [last(before), last(after)],
    next: [nextOf(inputs), nextOf(middle), nextOf(end)],
  };
}
