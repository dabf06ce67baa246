/**
 * Supervised fine-tuning: from a base model to one that talks.
 *
 * Source: nanochat, `scripts/chat_sft.py`.
 *
 * @module
 */

import {
  evaluateBitsPerByte,
  type TrainableModel,
  trainInFolder,
  type TrainingEvent,
  untrained,
} from "../../gpt/mod.ts";
import { ensureRunFolder } from "../../gpt/internals.ts";
import type { ConversationLoader } from "./conversation_loader.ts";
import { openFineTunedModel } from "./fine_tune_model.ts";
import { checkedGradAccumSteps, type FineTuneOptions } from "./fine_tune_options.ts";
import { openRows, validationBatches, validationRows } from "./fine_tune_rows.ts";
import { fineTuningSchedule } from "./schedule.ts";

/** A prepared fine-tuning run. */
export interface FineTuning {
  /** The model. */
  readonly model: TrainableModel;
  /** The step at which the run begins. */
  readonly firstStep: number;
  /** The length of the run, in steps. */
  readonly numIterations: number;
  /** The number of steps on documents, which come first. */
  readonly documentSteps: number;
  /** The conversations, with counts of those that were too long so far. */
  readonly loader: ConversationLoader;
  /** Trains to the end, or until the signal; metrics and checkpoints are written on the way. */
  run(): AsyncGenerator<TrainingEvent, void, void>;
}

/**
 * Builds everything that a run needs, so that errors show before it begins.
 *
 * @throws {RangeError} If the sizes do not match, or no conversation fits into a row.
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
 *   device,
 *   checkpoint: await openCheckpoint(base),
 *   folder: await Deno.makeTempDir(),
 *   task,
 *   sequenceLength: 32,
 *   deviceBatchSize: 1,
 *   totalBatchSize: 32,
 *   numIterations: 2,
 *   learningRates: {},
 *   loadOptimizer: false,
 *   evalEvery: -1,
 *   evalTokens: 0,
 *   saveEvery: -1,
 *   seed: 1,
 * });
 * for await (const event of tuning.run()) {
 *   if (event.kind === "step") console.log(event.step, event.loss);
 * }
 * await device.close();
 * ```
 */
export async function prepareFineTuning(options: FineTuneOptions): Promise<FineTuning> {
  const { checkpoint, folder, parallel, task, totalBatchSize, signal } = options;
  const { tokenizer } = checkpoint;
  const gradAccumSteps = checkedGradAccumSteps(options);
  parallel?.checkSame("the conversations", `${task.name} (${task.length})`);
  // Rank 0 alone writes and measures, while the others wait for it in the next step.
  const isFirst = parallel === undefined || parallel.rank === 0;
  if (isFirst) await ensureRunFolder(folder);

  const rows = await openRows(options, gradAccumSteps);
  const { model, optimizer, merged } = await openFineTunedModel(options);
  const { numIterations } = rows;
  const state = options.resume && "meta" in checkpoint ? checkpoint.meta.state : untrained;
  const { flopsPerToken } = model;
  const evaluate = () =>
    evaluateBitsPerByte(model, validationRows(options), tokenizer.tokenBytes(), {
      signal,
      parallel,
    });
  return {
    model,
    firstStep: state.step,
    numIterations,
    documentSteps: rows.documentSteps,
    loader: rows.conversations,
    run: () =>
      trainInFolder({
        ...options,
        model,
        optimizer,
        merged,
        tokenizer,
        state,
        plan: { numIterations, gradAccumSteps, totalBatchSize, flopsPerToken },
        loader: rows.loader,
        evaluate: {
          every: validationBatches(options) > 0 ? options.evalEvery : -1,
          run: evaluate,
        },
        measure: {
          every: isFirst ? options.measure?.every ?? -1 : -1,
          run: () => options.measure!.run(model),
        },
        setLearningRates: fineTuningSchedule(numIterations, options.schedule),
      }),
  };
}
