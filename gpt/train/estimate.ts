/**
 * Estimates of the memory and time of a run, before it begins.
 *
 * Memory follows from the shapes. A training step holds the parameters, the optimizer state, and
 * activations saved for the backward pass; the peak is at one of three moments, which {@linkcode
 * estimateMemory} compares.
 *
 * @module
 */

import { polarExpressFlops } from "../../optim/mod.ts";
import { matricesOfStack } from "../../optim/muon.ts";
import type { FloatType } from "../../tensor/mod.ts";
import { bytesPerElement, sizeOf } from "../../tensor/layout.ts";
import { rowsAtOnce } from "../../tensor/ops/losses/linear_cross_entropy.ts";
import {
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  smearChannels,
} from "../model/config.ts";
import { optimizerGroups } from "../model/optimizer_groups.ts";
import { parameterCounts, parameterShapes } from "../model/parameters.ts";
import type { TrainingPlan } from "./scaling.ts";

/** The sizes of a run that determine how much memory it takes. */
export interface RunShape {
  /** The model's shape. */
  readonly config: GPTConfig;
  /** Sequences per batch. */
  readonly deviceBatchSize: number;
  /** Batches per step. @default {1} */
  readonly gradAccumSteps?: number;
  /** Processes that share the optimizer state. @default {1} */
  readonly ranks?: number;
  /** The dtype of activations. @default {"float32"} */
  readonly computeDtype?: FloatType;
}

/** Memory of a run, in bytes. */
export interface MemoryEstimate {
  /** Parameters and rotary tables. */
  readonly parameters: number;
  /** Gradients of all parameters. */
  readonly gradients: number;
  /** Optimizer state. */
  readonly optimizer: number;
  /** Activations saved for the backward pass. */
  readonly activations: number;
  /** Peak memory of the device. */
  readonly peak: number;
  /**
   * Peak memory of the process, if the device shares the machine's memory: includes Deno, and
   * copies made when a checkpoint is saved.
   */
  readonly process: number;
}

const BYTES = 4;

/** Memory of the process besides tensors: 126 to 130 MiB measured at depths 2 to 8. */
const PROCESS_BYTES = 130 * 2 ** 20;

/** Memory of the tokenizer for each of its tokens: 2,700 bytes measured for 23,704 of them. */
const TOKENIZER_BYTES = 2700;

/**
 * Memory of saving a checkpoint besides tensors, as a multiple of the parameters and the optimizer
 * state: copies of both, and the files. 1.9 to 2.6 measured at depths 2 to 6, with vocabularies of 512
 * to 32,768 tokens.
 */
const SAVED_COPIES = 2.3;

/**
 * Estimates the memory of training.
 *
 * @example
 * ```ts
 * import { estimateMemory } from "./estimate.ts";
 *
 * const config = {
 *   sequenceLen: 256, vocabSize: 4096, nLayer: 4, nHead: 4, nKvHead: 4, nEmbd: 256,
 *   windowPattern: "L",
 * };
 * const { peak } = estimateMemory({ config, deviceBatchSize: 8 });
 * if (Math.round(peak / 1e6) !== 259) throw new Error(`expected 259 MB, got ${peak}`);
 * ```
 */
export function estimateMemory(
  { config, deviceBatchSize, gradAccumSteps = 1, computeDtype = "float32", ranks = 1 }: RunShape,
): MemoryEstimate {
  const { sequenceLen, vocabSize, nEmbd } = config;
  const tokens = deviceBatchSize * sequenceLen;
  const { total, wte, valueEmbeds } = parameterCounts(config);
  const active = bytesPerElement(computeDtype);
  // The head and Muon multiply in bfloat16, and embeddings are kept in it; but not in float16.
  const isAll = computeDtype === "bfloat16";
  const saved = isAll ? (BYTES - active) * (wte + valueEmbeds) : 0;
  const multiplied = isAll ? active : BYTES;
  const logits = multiplied * vocabSize * rowsAtOnce(tokens, multiplied * vocabSize);
  const converted = isAll ? active * (paddedVocabSize(config) + tokens) * nEmbd : 0;
  const stream = active * tokens * nEmbd;
  const headGradient = BYTES * paddedVocabSize(config) * nEmbd;

  const parameters = BYTES * (total + rotarySize(config)) - saved;
  const gradients = BYTES * total - saved;
  const allOptimizer = BYTES * optimizerSize(config) - 2 * saved;
  const optimizer = allOptimizer / ranks;
  const activations = tokens * savedPerToken(config, computeDtype) + headGradient;
  const layer = active === BYTES
    ? 0
    : active * parameterCounts(config).transformerMatrices / config.nLayer;

  const throughout = parameters + optimizer;
  // With several batches in a step, earlier gradients exist from the beginning, and the head's
  // gradient is freed as soon as it is added.
  const isFirst = gradAccumSteps === 1;
  const duringBatch = throughout + activations + (isFirst ? 0 : gradients);
  const peak = Math.max(
    // In the head: its input, a chunk of logits, weight and input as they are multiplied, and two
    // temporaries: the smeared embeddings and the last residual stream.
    duringBatch + BYTES * tokens * nEmbd + logits + converted + 2 * stream,
    // In the last MLP of the forward pass: its hidden layer before the activation, nine other
    // temporaries of this width, one of which is saved later, and the layer's weights as they are
    // multiplied.
    duringBatch - (isFirst ? 0 : headGradient) + 12 * stream + layer,
    // In the optimizer: all gradients, and the orthogonalization.
    throughout + gradients + multiplied * orthogonalizationSize(config),
  );
  const process = PROCESS_BYTES + TOKENIZER_BYTES * vocabSize + peak +
    SAVED_COPIES * (parameters + allOptimizer);
  return { parameters, gradients, optimizer, activations, peak, process };
}

/**
 * Fraction of the matmul peak that a training step reaches. At depth 4 on two idle cores, about 0.8
 * was measured with BLAS and 0.95 without. Smaller models reach less.
 */
const EXPECTED_SHARE = 0.8;

/**
 * Estimates the duration of a run's steps.
 *
 * @param peakFlops From `measureMatmulPeak`.
 * @returns Seconds, without evaluation and sampling.
 *
 * @example
 * ```ts
 * import { estimateSeconds } from "./estimate.ts";
 * import { planTraining } from "./scaling.ts";
 *
 * const plan = planTraining({ depth: 4, vocabSize: 4096, numIterations: 100 });
 * const [slow, fast] = [50e9, 100e9].map((peak) => estimateSeconds(plan, peak)) as [number, number];
 * if (slow !== 2 * fast) throw new Error("expected half the time at twice the speed");
 * ```
 */
export function estimateSeconds(
  plan: Pick<TrainingPlan, "config" | "totalFlops" | "numIterations">,
  peakFlops: number,
): number {
  const flops = plan.totalFlops + plan.numIterations * orthogonalizationFlops(plan.config);
  return flops / (peakFlops * EXPECTED_SHARE);
}

/** Rotary tables for ten times the training length, half a head each. */
function rotarySize(config: GPTConfig): number {
  return 10 * config.sequenceLen * headSize(config);
}

/** AdamW stores two moments per parameter; Muon one, and one number per row or column. */
function optimizerSize(config: GPTConfig): number {
  const shapes = parameterShapes(config);
  return optimizerGroups(config).reduce((sum, { kind, names }) => {
    const sizes = names.map((name) => shapes.get(name)!);
    const size = sizes.reduce((sum, shape) => sum + sizeOf(shape), 0);
    const lines = sizes.reduce((sum, shape) => sum + Math.max(...shape), 0);
    return sum + (kind === "muon" ? size + lines : 2 * size);
  }, 0);
}

/** Bytes saved for the backward pass per token. */
function savedPerToken(config: GPTConfig, computeDtype: FloatType): number {
  const active = bytesPerElement(computeDtype);
  const { nLayer, nHead, nKvHead, nEmbd } = config;
  const keyWidth = nKvHead * headSize(config);
  const ids = 2;
  // The embedding, its norm, the smeared embedding, the channels that the smear gate reads.
  const beginning = 3 * nEmbd + smearChannels + 1;
  const layer =
    // The residual stream and its norm; queries, and the same rotated and normed; attention output.
    2 * nEmbd + 2 * nEmbd + nEmbd +
    // Keys, and the same rotated and normed; values; the log-sum-exp of each softmax.
    3 * keyWidth + nHead * BYTES / active +
    // The residual stream and its norm, and the MLP's hidden layer: in float16 also before the
    // activation.
    2 * nEmbd + (computeDtype === "float16" ? 8 : 4) * nEmbd;
  const valueLayers = Array.from({ length: nLayer }, (_, i) => i)
    .filter((i) => hasValueEmbedding(i, nLayer)).length;
  // Rows of the table, and the gate before and after its sigmoid and scale.
  const valueLayer = active * (keyWidth + 3 * nKvHead);
  // The output of each layer but the last, unless that is also the middle one.
  const between = nEmbd * (Math.floor(nLayer / 2) === nLayer - 1 ? nLayer : nLayer - 1);
  // The residual stream before its last norm, and the gradient of the head's input, in float32.
  const end = 2 * nEmbd;
  return BYTES * (ids + end) + active * (beginning + nLayer * layer + between) +
    valueLayers * valueLayer;
}

/** Memory of Muon: the largest stack of matrices three times, and one Gram matrix. */
function orthogonalizationSize(config: GPTConfig): number {
  return Math.max(
    ...muonStacks(config).map(({ count, rows, columns }) => {
      const gram = Math.min(rows, columns) ** 2;
      return Math.min(count, matricesOfStack(rows * columns)) * (3 * rows * columns + gram);
    }),
  );
}

function orthogonalizationFlops(config: GPTConfig): number {
  return muonStacks(config).reduce((sum, { count, rows, columns, iterations }) => {
    return sum + count * polarExpressFlops(rows, columns, iterations);
  }, 0);
}

/** Groups of equal matrices that Muon trains. */
function muonStacks(
  config: GPTConfig,
): { count: number; rows: number; columns: number; iterations: number }[] {
  const shapes = parameterShapes(config);
  return optimizerGroups(config).flatMap((group) => {
    if (group.kind !== "muon") return [];
    const [rows, columns] = shapes.get(group.names[0]!) as [number, number];
    return [{
      count: group.names.length,
      rows,
      columns,
      iterations: group.orthogonalizationSteps,
    }];
  });
}
