/**
 * One dial, the depth, from which everything else follows.
 *
 * Depth determines width; the number of parameters, the number of training tokens; tokens, the
 * batch size; and batch size, learning rates and weight decay. All are tuned at depth 12 and scaled
 * from there.
 *
 * Source: nanochat, `scripts/base_train.py`. Batch size scales with tokens to the power of 0.383:
 * Bergsma et al., "Power Lines" (2025). Learning rates scale with the root of the batch size, and
 * weight decay keeps the averaging time of the weights: Wang and Aitchison, "How to set AdamW's
 * weight decay" (2024).
 *
 * @module
 */

import { roundHalfToEven } from "../../optim/rounding.ts";
import { checkConfig, type GPTConfig } from "../model/config.ts";
import { flopsPerToken } from "../model/costs.ts";
import type { LearningRates } from "../model/optimizer_groups.ts";
import { parameterCounts } from "../model/parameters.ts";

/** The user's options, with the names and defaults of nanochat's flags. */
export interface ScalingOptions {
  /** Number of layers. */
  readonly depth: number;
  /** Vocabulary size. */
  readonly vocabSize: number;
  /** Width per layer of depth. @default {64} */
  readonly aspectRatio?: number;
  /** Head size; the width is rounded up to a multiple. @default {128} */
  readonly headDim?: number;
  /** Training length in tokens. @default {2048} */
  readonly maxSeqLen?: number;
  /** Long (L) and short (S) attention windows. @default {"SSSL"} */
  readonly windowPattern?: string;
  /** Number of steps; −1 derives it from `targetFlops`. @default {-1} */
  readonly numIterations?: number;
  /** FLOPs to spend; −1 derives them from `targetParamDataRatio`. @default {-1} */
  readonly targetFlops?: number;
  /**
   * Training tokens per parameter of layers and head. −1 takes the default for the batch size only,
   * if the two above set the length. @default {12}
   */
  readonly targetParamDataRatio?: number;
  /** Sequences per batch. @default {32} */
  readonly deviceBatchSize?: number;
  /** Tokens per step; −1 derives a power of two. @default {-1} */
  readonly totalBatchSize?: number;
  /** Processes that compute batches in parallel. @default {1} */
  readonly ranks?: number;
  /** Learning rate of the embeddings before scaling. @default {0.3} */
  readonly embeddingLr?: number;
  /** Learning rate of the head before scaling. @default {0.008} */
  readonly unembeddingLr?: number;
  /** Learning rate of the matrices before scaling. @default {0.02} */
  readonly matrixLr?: number;
  /** Learning rate of the scalars before scaling. @default {0.5} */
  readonly scalarLr?: number;
  /** Weight decay of the matrices before scaling. @default {0.28} */
  readonly weightDecay?: number;
}

/** Defaults of {@linkcode ScalingOptions}, from nanochat. */
export const scalingDefaults: Required<Omit<ScalingOptions, "depth" | "vocabSize" | "ranks">> = {
  aspectRatio: 64,
  headDim: 128,
  maxSeqLen: 2048,
  windowPattern: "SSSL",
  numIterations: -1,
  targetFlops: -1,
  targetParamDataRatio: 12,
  deviceBatchSize: 32,
  totalBatchSize: -1,
  embeddingLr: 0.3,
  unembeddingLr: 0.008,
  matrixLr: 0.02,
  scalarLr: 0.5,
  weightDecay: 0.28,
};

/** A run, with all derived numbers. */
export interface TrainingPlan {
  /** The model's shape. */
  readonly config: GPTConfig;
  /** Parameters that count for the number of tokens: layers and head. */
  readonly scalingParameters: number;
  /** Training FLOPs per token. */
  readonly flopsPerToken: number;
  /** Tokens that suit a model of this size. */
  readonly targetTokens: number;
  /** Batch size that suits so many tokens, before rounding to a power of two. */
  readonly predictedBatchSize: number;
  /** Tokens per step. */
  readonly totalBatchSize: number;
  /** Factor on learning rates from the batch size. */
  readonly batchLrScale: number;
  /** Scaled learning rates and weight decay. */
  readonly learningRates: Required<LearningRates>;
  /** Number of steps. */
  readonly numIterations: number;
  /** Tokens of the run. */
  readonly totalTokens: number;
  /** Batches per step. */
  readonly gradAccumSteps: number;
  /** Processes that compute batches in parallel. */
  readonly ranks: number;
  /** FLOPs of the run. */
  readonly totalFlops: number;
}

const tunedDepth = 12;

/** The best batch size at that depth, in tokens. */
const tunedBatchSize = 2 ** 19;

/**
 * The shape of a model by depth: the width is depth × aspect ratio, rounded up to a multiple of the
 * head size.
 *
 * @throws {RangeError} If an option is out of range.
 *
 * @example
 * ```ts
 * import { configForDepth } from "./scaling.ts";
 *
 * const config = configForDepth({ depth: 5, vocabSize: 4096 });
 * if (config.nEmbd !== 384 || config.nHead !== 3) throw new Error("expected 3 heads of 128");
 * ```
 */
export function configForDepth(options: ScalingOptions): GPTConfig {
  const { depth, vocabSize, aspectRatio, headDim, maxSeqLen, windowPattern } = {
    ...scalingDefaults,
    ...options,
  };
  checkWhole("depth", depth);
  checkWhole("aspectRatio", aspectRatio);
  checkWhole("headDim", headDim);
  const nHead = Math.ceil(depth * aspectRatio / headDim);
  const config = {
    sequenceLen: maxSeqLen,
    vocabSize,
    nLayer: depth,
    nHead,
    nKvHead: nHead,
    nEmbd: nHead * headDim,
    windowPattern,
  };
  checkConfig(config);
  return config;
}

/**
 * Derives a run from the depth.
 *
 * @throws {RangeError} If an option is out of range, nothing sets the length of the run, the batch
 * is no multiple of a device batch, or the run is shorter than a step.
 *
 * @example
 * ```ts
 * import { planTraining } from "./scaling.ts";
 *
 * const plan = planTraining({ depth: 12, vocabSize: 32768 });
 * if (plan.totalBatchSize !== 2 ** 19) throw new Error(`got ${plan.totalBatchSize}`);
 * if (plan.batchLrScale !== 1) throw new Error("expected the learningRates as they were tuned");
 * ```
 */
export function planTraining(options: ScalingOptions): TrainingPlan {
  const settings = { ranks: 1, ...scalingDefaults, ...options };
  checkSettings(settings);
  const config = configForDepth(settings);
  const tokensPerParameter = settings.targetParamDataRatio === -1
    ? scalingDefaults.targetParamDataRatio
    : settings.targetParamDataRatio;
  const scalingParameters = scalingParametersOf(config);
  const targetTokens = Math.trunc(tokensPerParameter * scalingParameters);
  const tunedTokens = tokensPerParameter *
    scalingParametersOf(configForDepth({ ...settings, depth: tunedDepth }));

  const predictedBatchSize = tunedBatchSize * (targetTokens / tunedTokens) ** 0.383;
  const totalBatchSize = settings.totalBatchSize === -1
    ? 2 ** roundHalfToEven(Math.log2(predictedBatchSize))
    : settings.totalBatchSize;
  const batchLrScale = Math.sqrt(totalBatchSize / tunedBatchSize);

  const flops = flopsPerToken(config);
  const numIterations = settings.numIterations !== -1
    ? settings.numIterations
    : settings.targetFlops !== -1
    ? roundHalfToEven(settings.targetFlops / (flops * totalBatchSize))
    : Math.floor(targetTokens / totalBatchSize);
  if (numIterations < 1) {
    throw refused(`a run of at least one step of ${totalBatchSize} tokens`, "a shorter one");
  }
  if (numIterations > Number.MAX_SAFE_INTEGER) {
    throw refused(`a run of at most ${Number.MAX_SAFE_INTEGER} steps`, `${numIterations}`);
  }

  return {
    config,
    scalingParameters,
    flopsPerToken: flops,
    targetTokens,
    predictedBatchSize,
    totalBatchSize,
    batchLrScale,
    learningRates: {
      unembeddingLr: settings.unembeddingLr * batchLrScale,
      embeddingLr: settings.embeddingLr * batchLrScale,
      matrixLr: settings.matrixLr * batchLrScale,
      scalarLr: settings.scalarLr * batchLrScale,
      weightDecay: settings.weightDecay * batchLrScale * (tunedTokens / targetTokens),
    },
    numIterations,
    totalTokens: totalBatchSize * numIterations,
    ranks: settings.ranks,
    gradAccumSteps: gradAccumStepsOf(totalBatchSize, settings),
    totalFlops: flops * (totalBatchSize * numIterations),
  };
}

function scalingParametersOf(config: GPTConfig): number {
  const { transformerMatrices, lmHead } = parameterCounts(config);
  return transformerMatrices + lmHead;
}

function gradAccumStepsOf(
  totalBatchSize: number,
  { deviceBatchSize, maxSeqLen, ranks }: Required<ScalingOptions>,
): number {
  const atOnce = deviceBatchSize * maxSeqLen * ranks;
  if (totalBatchSize % atOnce !== 0) {
    throw refused(
      `totalBatchSize to be a multiple of deviceBatchSize × maxSeqLen` +
        (ranks === 1 ? " = " : ` × ranks = `) + `${deviceBatchSize} × ${maxSeqLen}` +
        (ranks === 1 ? "" : ` × ${ranks}`) + ` = ${atOnce}`,
      `${totalBatchSize}`,
    );
  }
  return totalBatchSize / atOnce;
}

function checkSettings(settings: Required<ScalingOptions>): void {
  checkWhole("deviceBatchSize", settings.deviceBatchSize);
  if (settings.totalBatchSize !== -1) {
    checkWhole("totalBatchSize", settings.totalBatchSize, "or -1");
  }
  if (settings.numIterations !== -1) checkWhole("numIterations", settings.numIterations, "or -1");
  if (settings.targetFlops !== -1) checkRate("targetFlops", settings.targetFlops, "or -1");
  if (settings.targetParamDataRatio !== -1) {
    checkRate("targetParamDataRatio", settings.targetParamDataRatio, "or -1");
  } else if (settings.numIterations === -1 && settings.targetFlops === -1) {
    throw refused("one of numIterations, targetFlops and targetParamDataRatio", "-1 for all three");
  }
  for (const name of ["embeddingLr", "unembeddingLr", "matrixLr", "scalarLr"] as const) {
    checkRate(name, settings[name]);
  }
  if (!(settings.weightDecay >= 0 && settings.weightDecay < Infinity)) {
    throw refused("weightDecay to be a number from 0", `${settings.weightDecay}`);
  }
}

function checkWhole(name: string, value: number, alternative = ""): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw refused(`${name} to be a whole number of at least 1 ${alternative}`.trim(), `${value}`);
  }
}

function checkRate(name: string, value: number, alternative = ""): void {
  if (!(value > 0 && value < Infinity)) {
    throw refused(`${name} to be a number above 0 ${alternative}`.trim(), `${value}`);
  }
}

function refused(wanted: string, got: string): RangeError {
  return new RangeError(`Cannot plan the training: wanted ${wanted}, got ${got}`);
}
