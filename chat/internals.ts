/**
 * Exams, reports and the files of runs, as servers and scripts share them. Code that fine-tunes a model,
 * talks with it or evaluates it needs none of it.
 *
 * @module
 */

export * from "./browser_internals.ts";
export {
  coreBundlePath,
  type CoreExamples,
  findCoreBundle,
  type LanguageModelingExample,
  type MultipleChoiceExample,
  type SchemaExample,
} from "./core/bundle.ts";
export { bundleFiles, demonstrationBundle } from "./core/demonstration.ts";
export { checkCore } from "./core/evaluate.ts";
export { plainTemplate } from "./format/plain_template.ts";
export { addPiece, FoldedText } from "./part_reader.ts";
export { isAnsweredRight } from "./tasks/gsm8k.ts";
export { withoutTools } from "./tasks/task.ts";
export { smolTalk } from "./tasks/own_conversations.ts";
export { type Country, readWords, type WordLists } from "./rules/facts.ts";
export type { Split } from "./tasks/spelling.ts";
export {
  type PracticeOptions,
  type RuleExam,
  ruleExams,
  rulePractice,
} from "./rules/conversations.ts";
export { humanExams, type HumanProblem } from "./rules/human.ts";
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
export type { LoadedModel } from "./sft/fine_tune_options.ts";
export { listRuns, type RunFolder, type RunList, type RunSummary } from "./files/runs.ts";
export {
  reportAsHtml,
  reportAsMarkdown,
  type ReportSection,
  type StagesReport,
} from "./files/stages_report.ts";
export { latestRun, type Stage, stagePath, type StageRun, stages } from "./files/stages.ts";
