/**
 * From a base model to one that talks: conversations, fine-tuning, reinforcement learning, tools,
 * and evaluation.
 *
 * `sft/` fine-tunes on synthetic conversations (`rules/`), on the user's own
 * (`tasks/own_conversations.ts`), and on the user's own documents (`tasks/documents.ts`):
 * pretraining continues on the documents first, then conversations ask for the text below their
 * headings. `rl/` is reinforcement learning, `tasks/` has the known data sets, `evaluate/` measures
 * chat models, and `core/` is the CORE metric of base models. `random/` has the random number
 * generators that decide the order of examples.
 *
 * @module
 */

export * from "./browser.ts";

// Conversations and tools.
export { type AnswerOptions, ChatSession, type ChatSessionOptions } from "./session.ts";
export { openChatFormat } from "./format/open_format.ts";
export { Python, type PythonOptions, type PythonResult } from "./tools/python.ts";
export { pythonTool, type PythonToolOptions } from "./tools/python_tool.ts";

// Fine-tuning and reinforcement learning.
export { type FineTuning, prepareFineTuning } from "./sft/fine_tune.ts";
export type { FineTuneOptions } from "./sft/fine_tune_options.ts";
export { prepareReinforcement, type Reinforcement } from "./rl/reinforce.ts";
export type { ReinforceEvent, ReinforceOptions, ReinforceStep } from "./rl/reinforce_options.ts";

// Examples to train on.
export { mixTasks, shuffleTask, sliceTask, type TaskSlice } from "./tasks/task.ts";
export { ownConversations } from "./tasks/own_conversations.ts";
export { documentConversations, type OwnDocument, readDocuments } from "./tasks/documents.ts";
export { ruleConversations, type RuleOptions } from "./rules/conversations.ts";
export {
  simpleSpelling,
  spellingBee,
  type SpellingBeeOptions,
  type SpellingOptions,
} from "./tasks/spelling.ts";

// Evaluation.
export { type ExamTask, readRows, type ReadRowsOptions, rowFormats } from "./tasks/rows.ts";
export type { CategoricalProblem } from "./tasks/multiple_choice.ts";
export {
  type CategoricalAnswer,
  type CategoricalOptions,
  evaluateCategorical,
} from "./evaluate/categorical.ts";
export {
  evaluateGenerative,
  type GenerativeAnswer,
  type GenerativeOptions,
} from "./evaluate/generative.ts";
export { passAtK } from "./evaluate/pass_at_k.ts";
export { chatCore, chatCoreBaselines } from "./evaluate/chat_core.ts";
export { type CoreResults, evaluateCore, type EvaluateCoreOptions } from "./core/evaluate.ts";
export { type CoreBundle, type CoreTask, readCoreBundle } from "./core/bundle.ts";
