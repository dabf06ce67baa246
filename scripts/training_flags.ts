/** The flags of a pretraining run, with nanochat's names and defaults. */

import {
  type Checkpoint,
  type LearningRates,
  planTraining,
  type PretrainPlan,
  type TrainingPlan,
} from "../gpt/mod.ts";
import { scalingDefaults } from "../gpt/internals.ts";
import { MAX_VOCABULARY_SIZE, SPECIAL_TOKENS } from "../tokenizer/mod.ts";
import { bundleFlags } from "./core.ts";
import { deviceFlags, trainingPrecision } from "./device.ts";
import {
  choice,
  decimal,
  type Flag,
  type Flags,
  integer,
  parseFlags,
  runName,
  type Settings,
  text,
  UsageError,
  type Values,
  withUsageErrors,
} from "./flags.ts";
import { kebabCase } from "./words.ts";

/** A vocabulary has at least all bytes and the special tokens. */
export const vocabularySizes = {
  least: 256 + SPECIAL_TOKENS.length,
  most: MAX_VOCABULARY_SIZE - 1,
} as const;

export const corpusFlags = {
  data: text(
    "sotu",
    "The corpus: sotu, stories, wordnet, a file, folder or glob of text or parquet, or what deno " +
      "task data got: climbmix, hf:ORG/NAME, npm:…, https://…",
    "PLACE",
  ),
  textColumn: text(
    "text",
    "The column of parquet files, or the field of JSON Lines, that holds the text",
    "NAME",
  ),
};

/** The flags of a run, with nanochat's names and defaults. */
export const trainingFlags = {
  depth: integer(20, "Number of layers, which determines everything else"),
  architecture: choice(
    ["nanochat", "llama"],
    "nanochat",
    "The model: nanochat's, or a Llama of that size, which other programs run",
  ),
  aspectRatio: integer(scalingDefaults.aspectRatio, "Width per layer of depth"),
  headDim: integer(scalingDefaults.headDim, "Head size"),
  maxSeqLen: integer(scalingDefaults.maxSeqLen, "Training length in tokens", { least: 2 }),
  windowPattern: text(
    scalingDefaults.windowPattern,
    "Long (L) and short (S) attention windows",
    "LS",
  ),
  numIterations: integer(-1, "Number of steps, -1 to derive it", { or: -1 }),
  targetFlops: decimal(-1, "FLOPs to spend, -1 to derive them", { least: 1, or: -1 }),
  targetParamDataRatio: decimal(scalingDefaults.targetParamDataRatio, "Tokens per parameter", {
    or: -1,
  }),
  deviceBatchSize: integer(scalingDefaults.deviceBatchSize, "Sequences per batch"),
  totalBatchSize: integer(-1, "Tokens per step, -1 to derive them", { or: -1 }),
  embeddingLr: decimal(scalingDefaults.embeddingLr, "Learning rate of the embeddings"),
  unembeddingLr: decimal(scalingDefaults.unembeddingLr, "Learning rate of the head"),
  weightDecay: decimal(scalingDefaults.weightDecay, "Weight decay of the matrices"),
  matrixLr: decimal(scalingDefaults.matrixLr, "Learning rate of the matrices"),
  scalarLr: decimal(scalingDefaults.scalarLr, "Learning rate of the scalars"),
  lrScaling: choice(
    ["batch", "none"],
    "batch",
    "Whether to scale learning rates and weight decay to the batch and the run",
  ),
  lengthWarmupSteps: integer(0, "Steps until rows have their full length", { least: 0 }),
  warmupSteps: integer(40, "Steps until the full learning rate", { least: 0 }),
  momentumWarmupSteps: integer(400, "Steps until Muon's full momentum", { least: 0 }),
  warmdownRatio: decimal(0.65, "Fraction of the run in which the learning rate falls", { most: 1 }),
  finalLrFrac: decimal(0.05, "Final fraction of the learning rate", { most: 1 }),
  loader: choice(
    ["packed", "random"],
    "packed",
    "Pack documents into rows, or crop rows at random",
  ),
  bufferSize: integer(1000, "Documents to pick from when packing; with 1 they keep their order"),
  seed: integer(42, "Seed of the initial values and of the order of the data", { least: 0 }),
  evalEvery: integer(250, "Steps between evaluations, -1 for none", { or: -1 }),
  evalTokens: integer(80 * 524_288, "Maximum tokens to predict in an evaluation"),
  coreMetricEvery: integer(2000, "Steps between evaluations of CORE, -1 for none", { or: -1 }),
  coreMetricMaxPerTask: integer(500, "Examples of each CORE task, -1 for all", { or: -1 }),
  ...bundleFlags,
  sampleEvery: integer(2000, "Steps between samples, -1 for none", { or: -1 }),
  saveEvery: integer(
    -1,
    "Steps between checkpoints, -1 for one every ten minutes, of which the last two since the start are kept",
    { or: -1 },
  ),
  modelTag: runName("The name of the run's folder; without one, d and the depth"),
  ...corpusFlags,
  ...deviceFlags,
  ...trainingPrecision,
};

export type TrainingValues = Values<typeof trainingFlags>;

/** The settings that are saved with a run, for resuming it. */
export function settingsOf(values: TrainingValues): Settings {
  const { verbose: _, ...settings } = trainingFlags;
  const names = Object.keys(settings) as (keyof typeof settings)[];
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

export function withFallbacks(fallbacks: Partial<TrainingValues>): typeof trainingFlags {
  const entries = Object.entries(trainingFlags).map(([name, flag]) => {
    const fallback = Reflect.get(fallbacks, name) ?? flag.fallback;
    return [name, { ...flag, fallback } as Flag<unknown>];
  });
  return Object.fromEntries(entries);
}

/** Settings of runs that are no flags: what pins a data set, and flags of earlier versions. */
const otherSettings: ReadonlySet<string> = new Set([
  "dataRevision",
  "dataDigest",
  "dataFiles",
  "noTune",
]);

/**
 * The flags of a run: from the command line, and for a resumed run otherwise its own.
 *
 * @throws {Error} If a saved setting is not a flag: a misspelled one would silently have no effect.
 */
export function runFlags<Given extends Flags>(
  args: readonly string[],
  flags: Given,
  checkpoint: Checkpoint | undefined,
): Values<Given> {
  const settings = checkpoint?.meta.settings ?? {};
  const unknown = Object.keys(settings).find((name) => !(name in flags || otherSettings.has(name)));
  if (checkpoint !== undefined && unknown !== undefined) {
    throw new Error(
      `Cannot resume in ${checkpoint.folder}: wanted the flags of this version as settings of step ` +
        `${checkpoint.meta.state.step}, got "${unknown}"`,
    );
  }
  return parseFlags(args, flags, savedSettings(checkpoint));
}

/**
 * The settings of a resumed run. Those that older versions lacked get the values that were fixed
 * then.
 */
export function savedSettings(checkpoint: Checkpoint | undefined): Settings {
  if (checkpoint === undefined) return {};
  return {
    matmulPrecision: "f32",
    dtype: "f32",
    momentumWarmupSteps: 400,
    lengthWarmupSteps: 0,
    bufferSize: 1000,
    ...checkpoint.meta.settings,
  };
}

/** Default maximum tokens of a row for a model of another program. */
export const MAX_ROW = 512;

/**
 * The fraction of a new model's learning rates for a model of another program, since a trained
 * model should change less.
 *
 * `bench/fine_tuning_rates.ts` trains a small Llama on stories and trains its export further. Bits per byte
 * of held-out text, after 30 and after 120 steps of 1,024 tokens, by fraction:
 *
 * | | 1 | 0.3 | 0.1 | 0.03 |
 * | --- | --- | --- | --- | --- |
 * | `train`, new text | 2.872, 2.467 | 3.081, 2.542 | 3.347, 2.694 | 3.653, 3.135 |
 * | `train`, more stories; 0.967 before | 1.225, 0.747 | 1.068, 0.768 | 0.988, 0.889 | 0.969, 0.947 |
 * | `chat_sft` | 2.035, 1.438 | 2.034, 1.574 | 2.393, 1.750 | 3.306, 2.164 |
 * | `chat_sft --lora-rank 8`, 60 steps | 3.640 | 3.864 | 4.155 | |
 *
 * In a short run, the full rates undo part of what a model knows; a tenth learns less wherever
 * there is something to learn. The measured model is small and far from fully trained; a fully
 * trained one may need less.
 */
export const GENTLE_FRACTION = 0.3;

/** Defaults for a model of another program. */
export const gentleRates = {
  embeddingLr: scalingDefaults.embeddingLr * GENTLE_FRACTION,
  unembeddingLr: scalingDefaults.unembeddingLr * GENTLE_FRACTION,
  matrixLr: scalingDefaults.matrixLr * GENTLE_FRACTION,
  scalarLr: scalingDefaults.scalarLr * GENTLE_FRACTION,
  weightDecay: 0,
};

/**
 * The plan for a model that exists already: learning rates are not scaled, as there is nothing to derive
 * them from.
 *
 * @throws {UsageError} If the length of the run is not given.
 */
export function planForModel(flags: TrainingValues): PretrainPlan {
  const { maxSeqLen: sequenceLen, deviceBatchSize, numIterations } = flags;
  if (numIterations === -1) {
    throw new UsageError("Cannot use --from: wanted --num-iterations, too, got none");
  }
  const rows = sequenceLen * deviceBatchSize;
  const totalBatchSize = flags.totalBatchSize === -1 ? rows : flags.totalBatchSize;
  if (totalBatchSize % rows !== 0) {
    throw new UsageError(
      `Cannot use --total-batch-size: wanted a multiple of ${deviceBatchSize} rows of ${sequenceLen} ` +
        `tokens, got ${totalBatchSize}`,
    );
  }
  checkLengths(flags, sequenceLen);
  return {
    config: { sequenceLen },
    numIterations,
    totalBatchSize,
    gradAccumSteps: totalBatchSize / rows,
    learningRates: { ...learningRatesOf(flags), weightDecay: flags.weightDecay },
  };
}

/** The plan that the flags describe. @throws {UsageError} If they are inconsistent. */
export function planRun(flags: TrainingValues, vocabSize: number, ranks = 1): TrainingPlan {
  const plan = withUsageErrors(() => planTraining({ ...flags, vocabSize, ranks }));
  checkLengths(flags, plan.config.sequenceLen);
  if (flags.lrScaling === "batch") return plan;
  return { ...plan, learningRates: { ...learningRatesOf(flags), weightDecay: flags.weightDecay } };
}

/** @throws {UsageError} If flags do not fit the length of a row. */
function checkLengths(flags: TrainingValues, rowLength: number): void {
  if (flags.evalEvery !== -1) checkEvalTokens("evalTokens", flags, rowLength);
  if (flags.lengthWarmupSteps === 0 || rowLength % 4 === 0) return;
  throw new UsageError(
    `Cannot use --length-warmup-steps: wanted --max-seq-len as a multiple of 4, got ${rowLength}`,
  );
}

/** @throws {UsageError} If a flag leaves less than a row of tokens to evaluate on. */
export function checkEvalTokens<Name extends string>(
  name: Name,
  flags: Readonly<Record<Name, number>>,
  rowLength: number,
): void {
  const flag = `--${kebabCase(name)}`;
  if (flags[name] >= rowLength) return;
  throw new UsageError(
    `Cannot use ${flag} ${
      flags[name]
    }: wanted at least the ${rowLength} tokens of a row, to evaluate on`,
  );
}

type PartRates = Omit<Required<LearningRates>, "weightDecay">;

/** The learning rates among flags. */
export function learningRatesOf(
  { unembeddingLr, embeddingLr, matrixLr, scalarLr }: PartRates,
): PartRates {
  return { unembeddingLr, embeddingLr, matrixLr, scalarLr };
}
