/**
 * Supervised fine-tuning: from a base model to one that talks.
 *
 * Source: nanochat, `scripts/chat_sft.py`.
 *
 * @module
 */

import { type Batch, SharedLoader } from "../../data/mod.ts";
import {
  adaptModel,
  type Checkpoint,
  type Device,
  ensureRunFolder,
  evaluateBitsPerByte,
  type FolderRunOptions,
  type LearningRates,
  loadModel,
  loadOptimizer,
  type TrainableModel,
  trainInFolder,
  type TrainingEvent,
  untrained,
} from "../../gpt/mod.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import type { OwnDocument } from "../tasks/documents.ts";
import type { Task } from "../tasks/task.ts";
import {
  ConversationLoader,
  type ConversationLoaderOptions,
  type ConversationLoaderState,
} from "./conversation_loader.ts";
import { DocumentsFirst, type DocumentsFirstState, tokensOf } from "./documents_first.ts";
import { fineTuningSchedule, type FineTuningScheduleOptions } from "./schedule.ts";

/** Options for {@linkcode prepareFineTuning}. */
export interface FineTuneOptions
  extends
    Pick<FolderRunOptions, "folder" | "lock" | "saveEvery" | "settings" | "signal" | "parallel"> {
  /** Where the model is trained. */
  readonly device: Device;
  /** The base model; or with `resume` the checkpoint of a fine-tuning to go on with. */
  readonly checkpoint: Checkpoint;
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
  /** The most tokens of an evaluation. */
  readonly evalTokens: number;
  /** The seed of the order of the conversations. */
  readonly seed: number;
}

/** A fine-tuning that can begin. */
export interface FineTuning {
  /** The model. */
  readonly model: TrainableModel;
  /** The step at which the run begins. */
  readonly firstStep: number;
  /** The length of the run, in steps. */
  readonly numIterations: number;
  /** How many of these steps, the first ones, are with documents. */
  readonly documentSteps: number;
  /** The conversations, with counts of those that were too long so far. */
  readonly loader: ConversationLoader;
  /** Trains to the end, or until the signal; metrics and checkpoints are written on the way. */
  run(): AsyncGenerator<TrainingEvent, void, void>;
}

/**
 * Builds everything that a run needs, so that what is wrong shows before it begins.
 *
 * @throws {RangeError} If the sizes do not go together, or no conversation fits into a row.
 * @throws {Error} If the folder cannot be written to, or a checkpoint cannot be read.
 *
 * @example
 * ```ts
 * import { GPT, openCheckpoint, openDevice, saveCheckpoint, untrained } from "../../gpt/mod.ts";
 * import { Tokenizer } from "../../tokenizer/mod.ts";
 * import { listTask } from "../tasks/task.ts";
 * import { prepareFineTuning } from "./fine_tune.ts";
 *
 * const tokenizer = await Tokenizer.train(["hello hello"], { vocabSize: 266 });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 32, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 266, windowPattern: "L" }, device);
 * const base = await Deno.makeTempDir();
 * await saveCheckpoint(base, { model, tokenizer, state: untrained, settings: {} });
 *
 * const task = listTask("greetings", [{
 *   messages: [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello!" }],
 * }]);
 * const tuning = await prepareFineTuning({
 *   ...{ device, checkpoint: await openCheckpoint(base), folder: await Deno.makeTempDir(), task },
 *   ...{ sequenceLength: 32, deviceBatchSize: 1, totalBatchSize: 32, numIterations: 2 },
 *   ...{ learningRates: {}, loadOptimizer: false, evalEvery: -1, evalTokens: 0, saveEvery: -1, seed: 1 },
 * });
 * for await (const event of tuning.run()) {
 *   if (event.kind === "step") console.log(event.step, event.loss);
 * }
 * await device.close();
 * ```
 */
export async function prepareFineTuning(options: FineTuneOptions): Promise<FineTuning> {
  const { device, checkpoint, resume = false, folder, signal, parallel, task } = options;
  const { tokenizer } = checkpoint;
  const { sequenceLength, deviceBatchSize: batchSize, totalBatchSize, seed } = options;
  const { rank, ranks } = parallel ?? { rank: 0, ranks: 1 };
  const { loraRank = 0, loraLr: learningRate = 0.005 } = options;
  if (loraRank > 0 && (resume || parallel !== undefined)) {
    throw new RangeError(
      resume
        ? `Cannot resume ${folder}: wanted a run that trains all parameters, got one with adapters, ` +
          "whose checkpoints hold the merged model"
        : `Cannot train adapters on several ranks: wanted one, got ${ranks}`,
    );
  }
  const gradAccumSteps = totalBatchSize / (batchSize * sequenceLength * ranks);
  if (!Number.isInteger(gradAccumSteps) || gradAccumSteps < 1) {
    throw new RangeError(
      `Cannot fine-tune: wanted a totalBatchSize that is a multiple of ${batchSize} rows of ` +
        `${sequenceLength} tokens${ranks === 1 ? "" : ` on ${ranks} ranks`}, got ${totalBatchSize}`,
    );
  }
  parallel?.checkSame("the conversations", `${task.name} (${task.length})`);
  if (rank === 0) await ensureRunFolder(folder);
  const rows = { tokenizer, batchSize, sequenceLength };
  const { epochs = 1, numIterations: given = -1 } = options;
  const batches = given === -1 ? await batchesOfEpoch({ ...rows, task, seed }) : 0;
  const conversationSteps = given === -1
    ? Math.max(1, Math.round(epochs * batches / (gradAccumSteps * ranks)))
    : given;
  const { documents } = options;
  const documentSteps = documents === undefined ? 0 : stepsOfDocuments(documents, options);
  const numIterations = documentSteps + conversationSteps;
  const state = resume ? checkpoint.meta.state : untrained;
  // The loaders check a state against their own options before they use it.
  const saved = resume ? state.loader as ConversationLoaderState | DocumentsFirstState : null;
  if (saved !== null && ("conversations" in saved) !== (documents !== undefined)) {
    throw new Error(
      `Cannot resume the fine-tuning: wanted a run ${
        documents === undefined ? "without" : "with"
      } ` +
        "documents, got the other kind",
    );
  }
  const conversations = saved !== null && "conversations" in saved ? saved.conversations : saved;
  const loader = new ConversationLoader({
    ...rows,
    ...{ task, seed },
    ...(conversations === null ? {} : { state: conversations }),
  });
  const batchLoader = documents === undefined ? loader : await DocumentsFirst.open({
    ...{ ...rows, seed, conversations: loader, documents: documents.texts },
    batches: documentSteps * gradAccumSteps * ranks,
    ...(saved !== null && "conversations" in saved ? { state: saved } : {}),
  });
  const model = await (parallel?.loadModel(checkpoint, device) ?? loadModel(checkpoint, device));
  if (sequenceLength > model.maximumLength) {
    throw new RangeError(
      `Cannot fine-tune: wanted rows of at most ${model.maximumLength} tokens, got ${sequenceLength}`,
    );
  }
  const adapted = loraRank > 0 ? adaptModel(model, { rank: loraRank, learningRate, seed }) : null;
  const learningRates = { ...options.learningRates, weightDecay: 0 };
  const optimizer = adapted?.optimizer ?? parallel?.optimizer(model, learningRates) ??
    new MuonAdamW(model.optimizerGroups(learningRates));
  const hasState = adapted === null && checkpoint.meta.files.optim !== undefined;
  if (resume || ((options.loadOptimizer ?? true) && hasState)) {
    if (optimizer instanceof MuonAdamW) await loadOptimizer(checkpoint, optimizer, device);
    else await parallel!.loadOptimizer(checkpoint, optimizer, device);
  }
  const { validation, evalTokens } = options;
  const evalBatches = Math.floor(evalTokens / (batchSize * sequenceLength));
  const evaluate = validation !== undefined && evalBatches > 0
    ? {
      evaluate: {
        every: options.evalEvery,
        run: () =>
          evaluateBitsPerByte(
            model,
            batchesOf(new ConversationLoader({ ...rows, task: validation }), evalBatches),
            tokenizer.tokenBytes(),
            { signal, parallel },
          ),
      },
    }
    : {};
  const plan = {
    numIterations,
    gradAccumSteps,
    totalBatchSize,
    flopsPerToken: model.flopsPerToken,
  };
  return {
    model,
    firstStep: state.step,
    numIterations,
    documentSteps,
    loader,
    run: () =>
      trainInFolder({
        ...options,
        ...{ model, optimizer, tokenizer, plan, state },
        loader: parallel === undefined
          ? batchLoader
          : new SharedLoader<unknown>(batchLoader, parallel),
        ...evaluate,
        merged: adapted === null ? undefined : {
          architecture: model.architecture,
          config: model.config,
          stateDict: () => adapted.adapters.mergedState(),
        },
        setLearningRates: fineTuningSchedule(numIterations, options.schedule),
      }),
  };
}

/** How many steps hold every document as often as it shall be seen. */
function stepsOfDocuments(
  { texts, epochs }: NonNullable<FineTuneOptions["documents"]>,
  { checkpoint, totalBatchSize }: FineTuneOptions,
): number {
  const tokens = tokensOf(texts.map(({ text }) => text), checkpoint.tokenizer).length;
  return Math.max(1, Math.round(epochs * tokens / totalBatchSize));
}

/** How many batches hold every conversation once, found by packing them all. */
async function batchesOfEpoch(options: ConversationLoaderOptions): Promise<number> {
  const loader = new ConversationLoader(options);
  let batches = 0;
  for (; loader.consumed < options.task.length; batches++) await loader.take();
  return batches;
}

async function* batchesOf(
  loader: ConversationLoader,
  count: number,
): AsyncGenerator<Batch<ConversationLoaderState>> {
  for (let i = 0; i < count; i++) yield await loader.take();
}
