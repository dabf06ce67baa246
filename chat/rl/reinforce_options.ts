/** The settings and the events of reinforcement. @module */

import type { Checkpoint, Device, FolderRunOptions, LearningRates } from "../../gpt/mod.ts";
import type { FloatType } from "../../gpt/internals.ts";
import { type ChatFormat, nanochatFormat } from "../format/format.ts";
import type { GenerativeTask } from "../tasks/task.ts";

/** Options for {@linkcode prepareReinforcement}. */
export interface ReinforceOptions
  extends Pick<FolderRunOptions, "folder" | "settings" | "signal" | "parallel"> {
  /** Where the model is trained. */
  readonly device: Device;
  /** The model to begin with. */
  readonly checkpoint: Checkpoint;
  /** The dtype of activations, and of weights in computations. @default {"float32"} */
  readonly computeDtype?: FloatType | undefined;
  /** How questions become tokens. @default {nanochatFormat(checkpoint.tokenizer)} */
  readonly format?: ChatFormat | undefined;
  /** The questions, asked in order, over and over. */
  readonly task: GenerativeTask;
  /** Questions to measure the model on; without them it is not measured. */
  readonly validation?: GenerativeTask;
  /** The number of steps. */
  readonly numIterations: number;
  /** Questions of a step. @default {16} */
  readonly examplesPerStep?: number;
  /** Answers to each question: a multiple of `deviceBatchSize`. @default {16} */
  readonly numSamples?: number;
  /** Answers of one batch of the gradient; eight times as many are sampled together. @default {8} */
  readonly deviceBatchSize?: number;
  /** Maximum tokens of an answer. @default {256} */
  readonly maxNewTokens?: number;
  /** The temperature of sampling. @default {1} */
  readonly temperature?: number;
  /** Sample from this many of the most likely tokens. @default {50} */
  readonly topK?: number;
  /**
   * Whether the token that ends an answer is reinforced as well; nanochat's is not.
   * @default {true}
   */
  readonly learnsToEnd?: boolean;
  /** The optimizer's learning rates, and the weight decay of matrices, by default 0. */
  readonly learningRates?: LearningRates;
  /** The fraction of these learning rates to begin with. @default {0.05} */
  readonly initialFraction?: number;
  /** Steps from one evaluation to the next; −1 for never. @default {60} */
  readonly evalEvery?: number;
  /** Maximum questions of an evaluation. @default {400} */
  readonly evalExamples?: number;
  /** Steps from one checkpoint to the next, without the optimizer; −1 only after the last. @default {60} */
  readonly saveEvery?: number;
  /** The seed of sampling. @default {42} */
  readonly seed?: number;
}

/** Something that happened in a run. */
export type ReinforceEvent =
  | ReinforceStep
  | {
    /** The model was measured. */
    readonly kind: "evaluation";
    /** The steps done. */
    readonly step: number;
    /** The unbiased estimate of pass@k, for k from 1 on. */
    readonly passAtK: readonly number[];
  }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | {
    /** The run ended. */
    readonly kind: "end";
    /** The steps done. */
    readonly step: number;
    /** Whether all steps are done. */
    readonly finished: boolean;
    /** 0, or the exit code of the signal that stopped the run: the same on every rank. */
    readonly exitCode: number;
  };

/** A step was done. */
export interface ReinforceStep {
  /** Tells the events apart. */
  readonly kind: "step";
  /** The step, from 0. */
  readonly step: number;
  /** The mean reward of all sampled answers. */
  readonly reward: number;
  /** The mean length of a sampled answer, in tokens, its question included. */
  readonly sequenceLength: number;
  /** The fraction of the questions asked whose answers all had the same reward: their gradient is 0. */
  readonly withoutSignal: number;
  /** Multiplier of the learning rates. */
  readonly learningRateMultiplier: number;
  /** The time of the step, in seconds. */
  readonly seconds: number;
}

/** Options with defaults filled in. */
export type ReinforceSettings = ReinforceOptions & typeof defaults & {
  readonly format: ChatFormat;
};

const defaults = {
  examplesPerStep: 16,
  numSamples: 16,
  deviceBatchSize: 8,
  maxNewTokens: 256,
  temperature: 1,
  topK: 50,
  learnsToEnd: true,
  initialFraction: 0.05,
  evalEvery: 60,
  evalExamples: 400,
  saveEvery: 60,
  seed: 42,
};

/** Checks options, and fills in defaults. @throws {RangeError} If a number is out of range. */
export function withDefaults(options: ReinforceOptions): ReinforceSettings {
  const format = options.format ?? nanochatFormat(options.checkpoint.tokenizer);
  const settings = { ...defaults, ...options, format };
  const { numSamples, deviceBatchSize, task, temperature } = settings;
  // At 0 all samples of a question are the same, and there is nothing to prefer.
  if (!(temperature > 0)) {
    throw new RangeError(`Cannot sample answers: wanted a temperature above 0, got ${temperature}`);
  }
  if (numSamples % deviceBatchSize !== 0) {
    throw new RangeError(
      `Cannot sample answers: wanted numSamples as a multiple of deviceBatchSize ` +
        `${deviceBatchSize}, got ${numSamples}`,
    );
  }
  if (task.length === 0) throw new RangeError("Cannot reinforce: wanted questions, got none");
  return settings;
}
