/**
 * The part of `chat` that also runs in a browser: how a conversation becomes tokens, and tokens an answer;
 * what a model is fine-tuned on, and how its answers are reinforced.
 *
 * @module
 */

export { calculate } from "../gpt/generate/calculator.ts";
export { type ChatFormat, nanochatFormat } from "./format/format.ts";
export { type AnswerPiece, PartReader } from "./part_reader.ts";
export { promptRoom } from "./prompt_room.ts";
export { AnswerSampler, type AnswerSettings, type Group } from "./rl/answer_sampler.ts";
export { computeAdvantages, type Rollout, rolloutBatch } from "./rl/policy_gradient.ts";
export { addGradients, hasNoSignal, updatePolicy } from "./rl/policy_step.ts";
export {
  ConversationLoader,
  type ConversationLoaderOptions,
  type ConversationLoaderState,
} from "./sft/conversation_loader.ts";
export { fineTuningSchedule, type FineTuningScheduleOptions } from "./sft/schedule.ts";
export { type GenerativeTask, listTask, type Task } from "./tasks/task.ts";
