/** The rows that a fine-tuning learns from, and how many steps they last. @module */

import { type Batch, type Loader, SharedLoader } from "../../data/mod.ts";
import { ConversationLoader, type ConversationLoaderState } from "./conversation_loader.ts";
import { DocumentsFirst, type DocumentsFirstState, tokensOf } from "./documents_first.ts";
import type { FineTuneOptions } from "./fine_tune_options.ts";

/** The loaders of a fine-tuning, and the length of the run that follows from them. */
export interface FineTuningRows {
  /** Batches for this rank: of documents, if there are any, and then of conversations. */
  readonly loader: Pick<Loader<unknown>, "take">;
  /** The loader of conversations, with its counts. */
  readonly conversations: ConversationLoader;
  /** Steps with documents. */
  readonly documentSteps: number;
  /** Steps with documents and with conversations. */
  readonly numIterations: number;
}

/**
 * Opens the loaders, at the state of the checkpoint if the run is resumed.
 *
 * @param gradAccumSteps Micro-batches of a rank in a step.
 * @throws {RangeError} If no conversation fits into a row.
 * @throws {Error} If the checkpoint's state belongs to other conversations or documents.
 */
export async function openRows(
  options: FineTuneOptions,
  gradAccumSteps: number,
): Promise<FineTuningRows> {
  const { documents, parallel, seed, task } = options;
  const order = orderOf(options);
  const shape = shapeOf(options);
  const batchesPerStep = gradAccumSteps * (parallel?.ranks ?? 1);
  const documentSteps = documents === undefined ? 0 : stepsOfDocuments(documents, options);
  const numIterations = documentSteps + await stepsOfConversations(options, batchesPerStep);

  const saved = savedState(options);
  const conversations = new ConversationLoader({
    ...shape,
    ...order,
    task,
    ...(saved.conversations === undefined ? {} : { state: saved.conversations }),
  });
  // Here and not with the first batch: by then a run may have removed an earlier one.
  await conversations.fill();
  const loader = documents === undefined ? conversations : await DocumentsFirst.open({
    ...shape,
    seed,
    conversations,
    documents: documents.texts,
    batches: documentSteps * batchesPerStep,
    ...(saved.documents === undefined ? {} : { state: saved.documents }),
  });
  return {
    loader: parallel === undefined ? loader : new SharedLoader<unknown>(loader, parallel),
    conversations,
    documentSteps,
    numIterations,
  };
}

/** The first rows of the conversations to measure the model on, in the order of the task. */
export async function* validationRows(
  options: FineTuneOptions,
): AsyncGenerator<Batch<ConversationLoaderState>> {
  const loader = new ConversationLoader({ ...shapeOf(options), task: options.validation! });
  for (let i = 0; i < validationBatches(options); i++) yield await loader.take();
}

/** Batches of an evaluation; 0 without validation data. */
export function validationBatches(options: FineTuneOptions): number {
  const { validation, evalTokens, deviceBatchSize, sequenceLength } = options;
  if (validation === undefined || evalTokens === 0) return 0;
  // With large batches, nothing would be measured in silence.
  return Math.max(1, Math.floor(evalTokens / (deviceBatchSize * sequenceLength)));
}

function shapeOf({ checkpoint, format, deviceBatchSize, sequenceLength }: FineTuneOptions) {
  const { tokenizer } = checkpoint;
  return { tokenizer, format, batchSize: deviceBatchSize, sequenceLength };
}

/** The seed that shuffles every epoch, if one does. */
function orderOf({ keepsOrder = false, seed }: FineTuneOptions): { seed?: number } {
  return keepsOrder ? {} : { seed };
}

/** The loaders' states, which they check against their own options before they use them. */
function savedState(
  { checkpoint, resume = false, documents }: FineTuneOptions,
): { conversations?: ConversationLoaderState; documents?: DocumentsFirstState } {
  const saved = resume && "meta" in checkpoint ? checkpoint.meta.state.loader : null;
  if (saved === null) return {};
  const state = saved as ConversationLoaderState | DocumentsFirstState;
  if (("conversations" in state) !== (documents !== undefined)) {
    throw new Error(
      `Cannot resume the fine-tuning: wanted a run ${
        documents === undefined ? "without" : "with"
      } documents, got the other kind`,
    );
  }
  return "conversations" in state
    ? { conversations: state.conversations, documents: state }
    : { conversations: state };
}

/**
 * The number of steps in which every conversation is seen as often as requested, unless the number
 * of steps is given.
 */
async function stepsOfConversations(
  options: FineTuneOptions,
  batchesPerStep: number,
): Promise<number> {
  const { epochs = 1, numIterations = -1, task } = options;
  if (numIterations !== -1) return numIterations;
  // The number of batches in an epoch is only known after packing all conversations.
  const loader = new ConversationLoader({ ...shapeOf(options), ...orderOf(options), task });
  let batches = 0;
  for (; loader.consumed < task.length; batches++) await loader.take();
  return Math.max(1, Math.round(epochs * batches / batchesPerStep));
}

/** The number of steps in which every document is seen as often as requested. */
function stepsOfDocuments(
  { texts, epochs }: NonNullable<FineTuneOptions["documents"]>,
  { checkpoint, totalBatchSize }: FineTuneOptions,
): number {
  const tokens = tokensOf(texts.map(({ text }) => text), checkpoint.tokenizer).length;
  return Math.max(1, Math.round(epochs * tokens / totalBatchSize));
}
