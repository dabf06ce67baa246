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

export {
  type CoreBundle,
  coreBundlePath,
  type CoreExamples,
  type CoreTask,
  findCoreBundle,
  type LanguageModelingExample,
  type MultipleChoiceExample,
  readCoreBundle,
  type SchemaExample,
} from "./core/bundle.ts";
export { bundleFiles, demonstrationBundle } from "./core/demonstration.ts";
export {
  answerTask,
  checkCore,
  type CoreAnswer,
  type CoreResults,
  evaluateCore,
  type EvaluateCoreOptions,
} from "./core/evaluate.ts";
export { calculate } from "../gpt/generate/calculator.ts";
export { numpyPermutation } from "./random/numpy_permutation.ts";
export { type ChatFormat, nanochatFormat } from "./format/format.ts";
export { openChatFormat } from "./format/open_format.ts";
export { plainTemplate } from "./format/plain_template.ts";
export { TemplateFormat, type TemplateFormatOptions } from "./format/template_format.ts";
export { promptRoom } from "./prompt_room.ts";
export { PythonRandom } from "./random/python_random.ts";
export {
  type CategoricalAnswer,
  type CategoricalOptions,
  evaluateCategorical,
} from "./evaluate/categorical.ts";
export { chatCore, chatCoreBaselines } from "./evaluate/chat_core.ts";
export {
  evaluateGenerative,
  type GenerativeAnswer,
  type GenerativeOptions,
} from "./evaluate/generative.ts";
export { passAtK } from "./evaluate/pass_at_k.ts";
export { extractAnswer, gsm8kProblem, type Gsm8kRow, isAnsweredRight } from "./tasks/gsm8k.ts";
export {
  type HumanEvalProblem,
  humanEvalProblem,
  type HumanEvalRow,
  testProgram,
} from "./tasks/human_eval.ts";
export {
  arcProblem,
  type ArcRow,
  type CategoricalProblem,
  mmluProblem,
  type MmluRow,
  renderMultipleChoice,
} from "./tasks/multiple_choice.ts";
export {
  letterQuestions,
  simpleSpelling,
  spellingBee,
  type SpellingBeeOptions,
  type SpellingOptions,
  type Split,
} from "./tasks/spelling.ts";
export {
  type Answerer,
  askQuestions,
  chatTeller,
  evaluateSense,
  judgeTrueStories,
  type QuestionTally,
  type SenseOptions,
  type SenseResult,
  type StorySampling,
  type StoryTeller,
  textTeller,
} from "./evaluate/sense.ts";
export {
  type GenerativeTask,
  listTask,
  mixTasks,
  mixtureOrder,
  shuffleTask,
  sliceTask,
  type Task,
  type TaskSlice,
  withoutTools,
} from "./tasks/task.ts";
export {
  type PracticeOptions,
  ruleConversations,
  type RuleExam,
  ruleExams,
  type RuleOptions,
  rulePractice,
} from "./rules/conversations.ts";
export { humanExams, type HumanProblem } from "./rules/human.ts";
export { type Country, readCountries, readWords, type WordLists } from "./rules/facts.ts";
export {
  ConversationLoader,
  type ConversationLoaderOptions,
  type ConversationLoaderState,
} from "./sft/conversation_loader.ts";
export {
  fineTuningMultiplier,
  type FineTuningSchedule,
  fineTuningSchedule,
  type FineTuningScheduleOptions,
} from "./sft/schedule.ts";
export {
  computeAdvantages,
  policyGradientLoss,
  type Rollout,
  type RolloutBatch,
  rolloutBatch,
} from "./rl/policy_gradient.ts";
export {
  documentConversations,
  type OwnDocument,
  readDocuments,
  type Section,
  sectionsOf,
} from "./tasks/documents.ts";
export { ownConversations, parseConversations, smolTalk } from "./tasks/own_conversations.ts";
export { type FineTuning, prepareFineTuning } from "./sft/fine_tune.ts";
export type { FineTuneOptions, LoadedModel } from "./sft/fine_tune_options.ts";
export {
  compareRuns,
  findRun,
  listRuns,
  removeWholeRun,
  type RunDifference,
  type RunList,
  type RunSummary,
} from "./files/runs.ts";
export {
  reportAsHtml,
  reportAsMarkdown,
  type ReportSection,
  type StagesReport,
} from "./files/stages_report.ts";
export {
  latestRun,
  runNames,
  type Stage,
  stagePath,
  type StageRun,
  stages,
} from "./files/stages.ts";
export { prepareReinforcement, type Reinforcement } from "./rl/reinforce.ts";
export type { ReinforceEvent, ReinforceOptions, ReinforceStep } from "./rl/reinforce_options.ts";
export { type AnswerPiece, FoldedText, PartReader } from "./part_reader.ts";
export { type AnswerOptions, ChatSession, type ChatSessionOptions } from "./session.ts";
export { suggestions } from "./suggestions.ts";
export { type ExamTask, readRows, type ReadRowsOptions, rowFormats } from "./tasks/rows.ts";
export { Python, type PythonOptions, type PythonResult } from "./tools/python.ts";
export { pythonTool, type PythonToolOptions } from "./tools/python_tool.ts";
