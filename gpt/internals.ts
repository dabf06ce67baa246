/**
 * Files, progress, metrics and studies of runs, as chats, servers and scripts share them. Code that trains
 * or uses a model needs none of it.
 *
 * @module
 */

export { waitForFirstError } from "./parallel.ts";
export {
  basePath,
  ensureRunFolder,
  ensureWritableFolder,
  fileError,
  freeName,
  type ReadOptions,
  writeFileAtomically,
} from "./files/files.ts";
export { isTraining } from "./files/run_lock.ts";
export {
  describeProgress,
  readProgress,
  type RunProgress,
  type RunState,
} from "./files/run_progress.ts";
export { type MetricsAddition, MetricsFollower, MetricsLog } from "./files/metrics.ts";
export {
  readStudyFolder,
  readStudyResult,
  resultsAsCsv,
  scalingParameters,
  type StudyFolder,
  type StudyResult,
  type StudyRow,
  summarizeRows,
} from "./study/results.ts";
export { readRunInfo, RUN_FILE, type RunInfo, writeRunInfo } from "./files/run_info.ts";
export { METRICS_FILE } from "./train/folder_run.ts";
export { encoderOf } from "./train/pretrain.ts";
export {
  type EvaluationRows,
  evaluationRows,
  type EvaluationRowsOptions,
} from "./train/evaluation_rows.ts";
export { type NamedText, ruleTexts } from "./train/rule_texts.ts";
export {
  findKeptTokenizer,
  keepTokenizer,
  limitTexts,
  loadKeptTokenizer,
  type TextLimits,
  tokenizerPath,
} from "./train/train_tokenizer.ts";
