/** Options of fine-tuning, and checks that they are consistent. @module */

import type {
  Checkpoint,
  Device,
  FolderRunOptions,
  LearningRates,
  TrainableModel,
} from "../../gpt/mod.ts";
import type { FloatType, Measurement, Periodic } from "../../gpt/internals.ts";
import type { Tokenizer } from "../../tokenizer/mod.ts";
import type { ChatFormat } from "../format/format.ts";
import type { OwnDocument } from "../tasks/documents.ts";
import type { Task } from "../tasks/task.ts";
import type { FineTuningScheduleOptions } from "./schedule.ts";

/** A model from elsewhere, without a checkpoint. */
export interface LoadedModel {
  /** The model, on the device where it is trained. */
  readonly model: TrainableModel;
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
}

/** Options for {@linkcode prepareFineTuning}. */
export interface FineTuneOptions
  extends
    Pick<FolderRunOptions, "folder" | "lock" | "saveEvery" | "settings" | "signal" | "parallel"> {
  /** Where the model is trained. */
  readonly device: Device;
  /**
   * The base model: a checkpoint, or a model that is on the device, with its tokenizer. With `resume` the
   * checkpoint of a fine-tuning to resume.
   */
  readonly checkpoint: Checkpoint | LoadedModel;
  /** How conversations become tokens; stays the caller's. @default {nanochatFormat(tokenizer)} */
  readonly format?: ChatFormat | undefined;
  /**
   * The dtype of activations, and of weights in computations, for a model from a checkpoint.
   *
   * @default {"float32"}
   */
  readonly computeDtype?: FloatType | undefined;
  /** The chat template of that format, which checkpoints keep. */
  readonly chatTemplate?: string | undefined;
  /** Whether the checkpoint is one of this run. @default {false} */
  readonly resume?: boolean;
  /** The conversations to learn from. */
  readonly task: Task;
  /** Documents to continue pretraining on before the first conversation, and how often each is seen. */
  readonly documents?:
    | { readonly texts: readonly OwnDocument[]; readonly epochs: number }
    | undefined;
  /** Conversations to measure the model on; without them it is not measured. */
  readonly validation?: Task;
  /** Tokens of a row. */
  readonly sequenceLength: number;
  /** Rows of a micro-batch. */
  readonly deviceBatchSize: number;
  /** Tokens of a step: a multiple of those of a micro-batch. */
  readonly totalBatchSize: number;
  /** How often every conversation is seen, unless `numIterations` is given. @default {1} */
  readonly epochs?: number;
  /** The number of steps with conversations; −1 derives it from `epochs`. @default {-1} */
  readonly numIterations?: number;
  /** The optimizer's learning rates; the weight decay of matrices is 0. */
  readonly learningRates: LearningRates;
  /** The learning-rate multiplier over the run. */
  readonly schedule?: FineTuningScheduleOptions;
  /**
   * The rank of adapters on the matrices of attention and of the MLPs, which alone are trained then; 0
   * trains all parameters. Checkpoints hold the merged model, and cannot be resumed. @default {0}
   */
  readonly loraRank?: number;
  /** The learning rate of adapters. @default {0.005} */
  readonly loraLr?: number;
  /** Whether the optimizer begins with the state of the base model's. @default {true} */
  readonly loadOptimizer?: boolean;
  /** Steps from one evaluation to the next; −1 for never. */
  readonly evalEvery: number;
  /** Maximum tokens of an evaluation, which has at least a batch; 0 for none. */
  readonly evalTokens: number;
  /** The seed of the order of the conversations. */
  readonly seed: number;
  /**
   * Whether every epoch keeps the order of the task, as nanochat does; otherwise each is shuffled
   * by the seed. @default {false}
   */
  readonly keepsOrder?: boolean;
  /** Another measurement, repeated at intervals and after the last step. */
  readonly measure?: Periodic<(model: TrainableModel) => Promise<Measurement>> | undefined;
}

/**
 * The micro-batches that every rank computes in a step.
 *
 * @throws {RangeError} If the options are inconsistent.
 */
export function checkedGradAccumSteps(options: FineTuneOptions): number {
  const { folder, resume = false, loraRank = 0, parallel } = options;
  const { sequenceLength, deviceBatchSize, totalBatchSize } = options;
  const ranks = parallel?.ranks ?? 1;
  if (loraRank > 0 && resume) {
    throw new RangeError(
      `Cannot resume ${folder}: wanted a run that trains all parameters, got one with adapters, ` +
        "whose checkpoints hold the merged model",
    );
  }
  if ("model" in options.checkpoint && (resume || parallel !== undefined)) {
    throw new RangeError(
      "Cannot fine-tune: wanted a checkpoint to resume or to train on several ranks, got a model",
    );
  }
  if (loraRank > 0 && parallel !== undefined) {
    throw new RangeError(`Cannot train adapters on several ranks: wanted one, got ${ranks}`);
  }
  const gradAccumSteps = totalBatchSize / (deviceBatchSize * sequenceLength * ranks);
  if (!Number.isInteger(gradAccumSteps) || gradAccumSteps < 1) {
    throw new RangeError(
      `Cannot fine-tune: wanted a totalBatchSize that is a multiple of ${deviceBatchSize} rows of ` +
        `${sequenceLength} tokens${ranks === 1 ? "" : ` on ${ranks} ranks`}, got ${totalBatchSize}`,
    );
  }
  return gradAccumSteps;
}
