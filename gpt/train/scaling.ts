/**
 * One dial, the depth: what it derives, so that a model of any size is trained well.
 *
 * Width follows from the depth; the number of training tokens from the number of parameters; the
 * batch size from the number of tokens; learning rates and weight decay from the batch size. All
 * are tuned at a depth of 12 and scaled from there.
 *
 * Source: nanochat, `scripts/base_train.py`. The batch grows with the tokens to the power of 0.383:
 * Bergsma et al., "Power Lines" (2025). The rates grow with the root of the batch, and the weight
 * decay keeps the averaging time of the weights: Wang and Aitchison, "How to set AdamW's weight
 * decay" (2024).
 *
 * @module
 */

import { roundHalfToEven } from "../../optim/rounding.ts";
import { checkConfig, type GPTConfig } from "../model/config.ts";
import { flopsPerToken } from "./costs.ts";
import type { LearningRates } from "./optimizer_groups.ts";
import { parameterCounts } from "../model/parameters.ts";

/** What the user may set, under the names and with the defaults of nanochat's flags. */
export interface ScalingOptions {
  /** The number of layers. */
  readonly depth: number;
  /** The number of tokens in the vocabulary. */
  readonly vocabSize: number;
  /** The width for each layer of depth; 64 by default. */
  readonly aspectRatio?: number;
  /** The channels of an attention head; the width is rounded up to a multiple. 128 by default. */
  readonly headDim?: number;
  /** The length of a training sequence in tokens; 2048 by default. */
  readonly maxSeqLen?: number;
  /** The long (L) and short (S) attention windows; `"SSSL"` by default. */
  readonly windowPattern?: string;
  /** The number of steps; -1, the default, derives it from `targetFlops`. */
  readonly numIterations?: number;
  /** The operations to spend; -1, the default, derives them from `targetParamDataRatio`. */
  readonly targetFlops?: number;
  /**
   * The training tokens for each parameter of the layers and the head; 12 by default. -1 takes the
   * default for the batch size, and leaves the length of the run to the two above.
   */
  readonly targetParamDataRatio?: number;
  /** The sequences that are computed at once; 32 by default. */
  readonly deviceBatchSize?: number;
  /** The tokens of one step; -1, the default, derives a power of two. */
  readonly totalBatchSize?: number;
  /** The processes that compute sequences at once, each `deviceBatchSize`; 1 by default. */
  readonly ranks?: number;
  /** The learning rate of the embeddings before scaling; 0.3 by default. */
  readonly embeddingLr?: number;
  /** The learning rate of the head before scaling; 0.008 by default. */
  readonly unembeddingLr?: number;
  /** The learning rate of the matrices before scaling; 0.02 by default. */
  readonly matrixLr?: number;
  /** The learning rate of the scalars before scaling; 0.5 by default. */
  readonly scalarLr?: number;
  /** The weight decay of the matrices before scaling; 0.28 by default. */
  readonly weightDecay?: number;
}

/** The defaults of {@linkcode ScalingOptions}, as nanochat's flags have them. */
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

/** A run, with every number that the depth and the options derive. */
export interface TrainingPlan {
  /** The shape of the model. */
  readonly config: GPTConfig;
  /** The parameters that the number of tokens is derived from: the layers and the head. */
  readonly scalingParameters: number;
  /** The operations of training on one token. */
  readonly flopsPerToken: number;
  /** The tokens that suit a model of this size. */
  readonly targetTokens: number;
  /** The batch size that suits so many tokens, before it is rounded to a power of two. */
  readonly predictedBatchSize: number;
  /** The tokens of one step. */
  readonly totalBatchSize: number;
  /** The factor on the learning rates that goes with the batch size. */
  readonly batchLrScale: number;
  /** The scaled learning rates and weight decay. */
  readonly learningRates: Required<LearningRates>;
  /** The number of steps. */
  readonly numIterations: number;
  /** The tokens of the whole run. */
  readonly totalTokens: number;
  /** The batches whose gradients are added up in one step. */
  readonly gradAccumSteps: number;
  /** The processes that compute batches at once. */
  readonly ranks: number;
  /** The operations of the whole run. */
  readonly totalFlops: number;
}

/** The depth at which everything was tuned. */
const tunedDepth = 12;

/** The batch size, in tokens, that was found best at that depth. */
const tunedBatchSize = 2 ** 19;

/**
 * The shape of a model of the given depth.
 *
 * The width is depth × aspect ratio, rounded up to a multiple of the head size.
 *
 * @param options The depth, and what differs from the defaults.
 * @throws {RangeError} If a number is out of range or no model can be built from it.
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
 * Derives a whole run from the depth.
 *
 * @param options The depth, and what differs from the defaults.
 * @returns Every number that the run needs.
 * @throws {RangeError} If a number is out of range, nothing sets the length of the run, the batch is
 * not a multiple of what is computed at once, or the run would be shorter than a step.
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
