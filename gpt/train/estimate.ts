/**
 * What a run will need, before it begins: memory and time.
 *
 * The memory follows from the shapes alone. A training step holds the parameters, what the optimiser
 * remembers, and from the forward pass all that the backward pass needs; the peak is at one of three
 * moments, which {@linkcode estimateMemory} compares.
 *
 * @module
 */

import { polarExpressFlops } from "../../optim/mod.ts";
import type { FloatType } from "../../tensor/mod.ts";
import { rowsAtOnce } from "../../tensor/ops/losses/linear_cross_entropy.ts";
import {
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  smearChannels,
} from "../model/config.ts";
import { optimizerGroups } from "./optimizer_groups.ts";
import { parameterCounts, parameterShapes } from "../model/parameters.ts";
import type { TrainingPlan } from "./scaling.ts";

/** What the memory of a run depends on. */
export interface RunShape {
  /** The shape of the model. */
  readonly config: GPTConfig;
  /** The sequences that are computed at once. */
  readonly deviceBatchSize: number;
  /** The batches in one step; 1 by default. */
  readonly gradAccumSteps?: number;
  /** The processes that share the optimizer's state (default 1). */
  readonly ranks?: number;
  /** The type of activations; `float32` by default. */
  readonly computeDtype?: FloatType;
}

/** The memory of a run on its device, in bytes. */
export interface MemoryEstimate {
  /** The parameters, and the tables of rotary angles. */
  readonly parameters: number;
  /** The gradient of every parameter. */
  readonly gradients: number;
  /** What the optimiser remembers. */
  readonly optimizer: number;
  /** What the forward pass leaves for the backward pass. */
  readonly activations: number;
  /** The most that is in use at one moment. */
  readonly peak: number;
  /**
   * The most that the process takes of the machine where the device's memory is the machine's: also
   * Deno itself, and the copies that are made when a checkpoint is saved.
   */
  readonly process: number;
}

const BYTES = 4;

/** What the process takes beside tensors: 126 to 130 MiB were measured at depths 2 to 8. */
const PROCESS_BYTES = 130 * 2 ** 20;

/**
 * What saving a checkpoint takes beside tensors, as a multiple of the parameters: copies of these and
 * of the optimizer's state, and the files. 4.9 and 5.2 were measured at depths 8 and 4.
 */
const SAVED_COPIES = 5;

/**
 * Estimates the memory that training takes.
 *
 * @param shape The model and the batch.
 *
 * @example
 * ```ts
 * import { estimateMemory } from "./estimate.ts";
 *
 * const config = {
 *   sequenceLen: 256,
 *   vocabSize: 4096,
 *   nLayer: 4,
 *   nHead: 4,
 *   nKvHead: 4,
 *   nEmbd: 256,
 *   windowPattern: "L",
 * };
 * const { peak } = estimateMemory({ config, deviceBatchSize: 8 });
 * if (Math.round(peak / 1e6) !== 255) throw new Error(`expected 255 MB, got ${peak}`);
 * ```
 */
export function estimateMemory(
  { config, deviceBatchSize, gradAccumSteps = 1, computeDtype = "float32", ranks = 1 }: RunShape,
): MemoryEstimate {
  const { sequenceLen, vocabSize, nEmbd } = config;
  const tokens = deviceBatchSize * sequenceLen;
  const { total } = parameterCounts(config);
  const logits = BYTES * vocabSize * rowsAtOnce(tokens, BYTES * vocabSize);
  const active = computeDtype === "float16" ? 2 : BYTES;
  const stream = active * tokens * nEmbd;
  const headGradient = BYTES * paddedVocabSize(config) * nEmbd;

  const parameters = BYTES * (total + rotarySize(config));
  const gradients = BYTES * total;
  const optimizer = BYTES * optimizerSize(config) / ranks;
  const activations = tokens * savedPerToken(config, active) + headGradient +
    (active === BYTES ? 0 : active * layerParameters(config));

  const throughout = parameters + optimizer;
  // With several batches in a step, the gradient of the earlier ones is there from the beginning, and
  // what the head has computed on the way forward goes as soon as it is added.
  const isFirst = gradAccumSteps === 1;
  const duringBatch = throughout + activations + (isFirst ? 0 : gradients);
  const peak = Math.max(
    // In the head: what goes in, the logits of some rows, and two temporaries of the model: the smeared
    // embeddings and the residual stream after the last layer.
    duringBatch + BYTES * tokens * nEmbd + logits + 2 * stream,
    // In the perceptron of the last layer: its gradient inside, on both sides of the activation.
    duringBatch - (isFirst ? 0 : headGradient) + 5 * stream,
    // All gradients, and what makes an update orthogonal.
    throughout + gradients + BYTES * orthogonalizationSize(config),
  );
  const process = PROCESS_BYTES + peak + SAVED_COPIES * parameters;
  return { parameters, gradients, optimizer, activations, peak, process };
}

/**
 * How much of the speed of a large matrix product a whole training step reaches. At depth 4 on two
 * idle cores about 0.8 was measured with a BLAS and 0.95 without. Smaller models reach less.
 */
const EXPECTED_SHARE = 0.8;

/**
 * Estimates the time that the steps of a run take.
 *
 * @param plan The run.
 * @param peakFlops The operations per second in a large matrix product, from `measureMatmulPeak`.
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

/** Cosines and sines for ten times the sequence length, half a head each. */
function rotarySize(config: GPTConfig): number {
  return 10 * config.sequenceLen * headSize(config);
}

/** AdamW remembers two means of each number, Muon one, and one number for each line of a matrix. */
function optimizerSize(config: GPTConfig): number {
  const shapes = parameterShapes(config);
  return optimizerGroups(config).reduce((sum, { kind, names }) => {
    const sizes = names.map((name) => shapes.get(name)!);
    const size = sizes.reduce((sum, shape) => sum + sizeOf(shape), 0);
    const lines = sizes.reduce((sum, shape) => sum + Math.max(...shape), 0);
    return sum + (kind === "muon" ? size + lines : 2 * size);
  }, 0);
}

/** The weights that are converted to what activations are. */
function layerParameters(config: GPTConfig): number {
  return parameterCounts(config).transformerMatrices + smearChannels;
}

/** The bytes that the forward pass leaves for each token, where an activation takes so many. */
function savedPerToken(config: GPTConfig, active: number): number {
  const { nLayer, nHead, nKvHead, nEmbd } = config;
  const keyWidth = nKvHead * headSize(config);
  const ids = 2;
  // The embedding, its norm, what the smear makes of it, the channels that its gate looks at.
  const beginning = 3 * nEmbd + smearChannels + 1;
  const layer =
    // The mixed residual stream and its norm; queries, and the same turned and normalised; what was
    // attended to.
    2 * nEmbd + 2 * nEmbd + nEmbd +
    // Keys, and the same turned and normalised; values; the logarithm of each softmax's sum.
    3 * keyWidth + nHead * BYTES / active +
    // The residual stream and its norm, and the inside of the perceptron: in half precision twice, before
    // the activation, too.
    2 * nEmbd + (active === BYTES ? 4 : 8) * nEmbd;
  const valueLayers = Array.from({ length: nLayer }, (_, i) => i)
    .filter((i) => hasValueEmbedding(i, nLayer)).length;
  // Rows of the table, and the gate before and after its sigmoid and its scale.
  const valueLayer = active * (keyWidth + 3 * nKvHead);
  // What one layer passes to the next; the last one's is not needed, unless it is the middle, too.
  const between = nEmbd * (Math.floor(nLayer / 2) === nLayer - 1 ? nLayer : nLayer - 1);
  // The residual stream before its last norm, and the gradient of what goes into the head: not halved.
  const end = 2 * nEmbd;
  return BYTES * (ids + end) + active * (beginning + nLayer * layer + between) +
    valueLayers * valueLayer;
}

/**
 * What Muon computes with: the largest stack of matrices as gradients, before and after an iteration,
 * and one product of their shorter sides.
 */
function orthogonalizationSize(config: GPTConfig): number {
  return Math.max(
    ...muonStacks(config).map(({ count, rows, columns }) => {
      const gram = Math.min(rows, columns) ** 2;
      return count * (3 * rows * columns + gram);
    }),
  );
}

/** The operations of making one step's updates orthogonal, for all matrices. */
function orthogonalizationFlops(config: GPTConfig): number {
  return muonStacks(config).reduce((sum, { count, rows, columns, iterations }) => {
    return sum + count * polarExpressFlops(rows, columns, iterations);
  }, 0);
}

/** The groups of equal matrices that Muon trains. */
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

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
