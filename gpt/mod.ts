/**
 * nanochat's GPT: model, training, evaluation, checkpoints, generation.
 *
 * In the order of a run: `scaling.ts` plans it, `model.ts` is the model, `loop.ts` is the training
 * loop, `run.ts` adds timing and events, `evaluate.ts` measures, `checkpoint.ts` saves, `engine.ts`
 * generates, and `pretrain.ts` combines them.
 *
 * In a browser, import `browser.ts`, which needs no files.
 *
 * @module
 */

export * from "./browser.ts";
export {
  type Checkpoint,
  loadModel,
  loadOptimizer,
  openCheckpoint,
  type OpenOptions,
  removeCheckpoint,
  saveCheckpoint,
} from "./files/checkpoint.ts";
export { findLatestRun, readRuns, type SavedRun, savedSteps } from "./files/checkpoint_list.ts";
export {
  type Collectives,
  openRanks,
  RanksError,
  RunRanks,
  waitForFirstError,
} from "./parallel.ts";
export {
  basePath,
  ensureRunFolder,
  ensureWritableFolder,
  fileError,
  freeName,
  type ReadOptions,
  writeFileAtomically,
} from "./files/files.ts";
export { isTraining, lockRun, RunLock } from "./files/run_lock.ts";
export {
  describeProgress,
  readProgress,
  type RunProgress,
  type RunState,
} from "./files/run_progress.ts";
export {
  type MetricsAddition,
  MetricsFollower,
  MetricsLog,
  type MetricsRecord,
  readMetrics,
} from "./files/metrics.ts";
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
export { type FolderRunOptions, METRICS_FILE, trainInFolder } from "./train/folder_run.ts";
export {
  encoderOf,
  preparePretraining,
  type Pretraining,
  type PretrainOptions,
  type PretrainPlan,
} from "./train/pretrain.ts";
export {
  type EvaluationRows,
  evaluationRows,
  type EvaluationRowsOptions,
  type LoaderKind,
} from "./train/evaluation_rows.ts";
export {
  type Compression,
  loadPublishedTokenizer,
  measureCompression,
  type PublishedTokenizer,
  publishedTokenizers,
} from "./train/compression.ts";
export { type NamedText, ruleTexts } from "./train/rule_texts.ts";
export {
  findKeptTokenizer,
  keepTokenizer,
  limitTexts,
  loadKeptTokenizer,
  readTokenizer,
  type TextLimits,
  tokenizerPath,
  trainTokenizer,
} from "./train/train_tokenizer.ts";
