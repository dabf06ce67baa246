/**
 * The part of `chat` that also runs in a browser: how a conversation becomes tokens, and what a model is
 * fine-tuned on.
 *
 * @module
 */

export { calculate } from "../gpt/generate/calculator.ts";
export { type ChatFormat, nanochatFormat } from "./format/format.ts";
export type { AnswerPiece } from "./part_reader.ts";
export { type GenerativeTask, listTask, type Task } from "./tasks/task.ts";
export {
  ConversationLoader,
  type ConversationLoaderOptions,
  type ConversationLoaderState,
} from "./sft/conversation_loader.ts";
export {
  type FineTuningSchedule,
  fineTuningSchedule,
  type FineTuningScheduleOptions,
} from "./sft/schedule.ts";
