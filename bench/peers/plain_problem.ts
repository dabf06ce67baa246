/**
 * The model that all libraries train: the same sizes, initial values and batches for each.
 *
 * A plain GPT: pre-norm with parameter-free RMSNorm, causal attention, an MLP of four times the width
 * with ReLU², an untied head, no positions, no biases. All libraries support it.
 */

import { deriveSeed, normalArray, permutationArray } from "../../tensor/random.ts";

/** The sizes of `base`. */
export const SIZES = {
  layers: 4,
  width: 256,
  heads: 4,
  vocabSize: 4096,
  batch: 4,
  tokens: 256,
} as const;

/** Options of AdamW: PyTorch's defaults. */
export const ADAMW = { lr: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };

/** Images of the convolutional network, which is that of `bench/convolution.ts`. */
export const IMAGES = 64;

/** The weights of that network in its layout, and as many numbers as its images have. */
export function convolutionValues(): Readonly<
  Record<"conv1" | "conv2" | "fc1" | "fc2" | "images", Float32Array<ArrayBuffer>>
> {
  const values = (seed: number, count: number, deviation: number) =>
    normalArray(deriveSeed(7, seed), count, 0, deviation);
  return {
    conv1: values(1, 32 * 9, 0.3),
    conv2: values(2, 64 * 32 * 9, 0.06),
    fc1: values(3, 128 * 64 * 49, 0.02),
    fc2: values(4, 10 * 128, 0.1),
    images: values(5, IMAGES * 28 * 28, 1),
  };
}

/** Epsilon of RMSNorm: the machine epsilon, as in PyTorch. */
export const NORM_EPSILON = 2 ** -23;

/** A matrix in row-major order. */
export interface Matrix {
  /** For example `layers.0.query`. */
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly data: Float32Array<ArrayBuffer>;
}

/** The matrices of a layer, with their inputs and outputs in units of the width. */
export const LAYER_PARTS = {
  query: [1, 1],
  key: [1, 1],
  value: [1, 1],
  output: [1, 1],
  up: [1, 4],
  down: [4, 1],
} as const;

/**
 * The initial values: `embedding` and `head` with one row for each token, and the matrices of the layers
 * with one row for each output.
 */
export function startingValues(): Matrix[] {
  const { layers, width, vocabSize } = SIZES;
  const matrices: Matrix[] = [];
  const add = (name: string, rows: number, columns: number, deviation: number) => {
    const data = normalArray(deriveSeed(1, matrices.length), rows * columns, 0, deviation);
    matrices.push({ name, shape: [rows, columns], data });
  };
  add("embedding", vocabSize, width, 1);
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, [inputs, outputs]] of Object.entries(LAYER_PARTS)) {
      const columns = inputs * width;
      add(`layers.${layer}.${name}`, outputs * width, columns, 0.5 / Math.sqrt(columns));
    }
  }
  add("head", vocabSize, width, 0.02);
  return matrices;
}

export function transposed({ name, shape: [rows, columns], data }: Matrix): Matrix {
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j]!;
  }
  return { name, shape: [columns, rows], data: result };
}

/** The token ids of a step, `[batch, tokens]`. */
export interface PlainBatch {
  readonly inputs: Int32Array<ArrayBuffer>;
  readonly targets: Int32Array<ArrayBuffer>;
}

const batches: readonly PlainBatch[] = Array.from({ length: 8 }, (_, step) => {
  const ids = (stream: number) =>
    permutationArray(deriveSeed(2, stream), SIZES.vocabSize).slice(0, SIZES.batch * SIZES.tokens);
  return { inputs: ids(2 * step), targets: ids(2 * step + 1) };
});

export function batchOf(step: number): PlainBatch {
  return batches[step % batches.length]!;
}

/** Number of steps whose losses are compared before timing. */
export const CHECKED_STEPS = 3;

/** The operands of a square matmul, the same for every library. */
export function matmulOperands(
  size: number,
): [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>] {
  const values = (seed: number) => normalArray(seed, size * size, 0, 1);
  return [values(3), values(4)];
}

/** Elements spread over a result, to compare with those of other libraries. */
export function someOf(values: ArrayLike<number>): number[] {
  const step = Math.max(1, Math.floor(values.length / 97));
  return Array.from({ length: Math.min(97, values.length) }, (_, i) => values[i * step]!);
}

export const CHAIN_LENGTH = 2 ** 20;

/** Repetitions of the two operations of the chain. */
export const CHAIN_PAIRS = 10;
