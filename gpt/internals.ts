/**
 * Estimates, evaluations, studies and reports, and the files of runs, as chats, servers and scripts share
 * them. Code that trains or uses a model needs none of it.
 *
 * @module
 */

export * from "./browser_internals.ts";
export { scalingDefaults } from "./train/scaling.ts";
export {
  estimateMemory,
  estimateSeconds,
  type MemoryEstimate,
  type RunShape,
} from "./train/estimate.ts";
export { fitsMemory, type MemoryRoom, nearestFits, type SmallerRun } from "./train/fit.ts";
export type { Measurement, Periodic, SummingRanks } from "./train/run.ts";
export { exitCodeOf, inPlaceOfRank } from "./train/exit_code.ts";
export {
  type EvaluationRows,
  evaluationRows,
  type EvaluationRowsOptions,
  type LoaderKind,
} from "./train/evaluation_rows.ts";
export { encoderOf } from "./train/pretrain.ts";
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
  trainTokenizer,
} from "./train/train_tokenizer.ts";
export { defaultPrompts, likelyTexts, roomAfter } from "./generate/write_text.ts";
export {
  type InferenceCosts,
  inferenceCosts,
  type InferenceOptions,
  type InferenceSpeed,
  measureInference,
} from "./generate/measure_inference.ts";
export { measureBandwidth } from "./train/bandwidth.ts";
export {
  explainStep,
  type ExplainStepOptions,
  explanationAsHtml,
  explanationAsList,
} from "./explain.ts";
export { type Explanation, explanationAsText, Tensor } from "../tensor/mod.ts";
export { findLatestRun, readRuns, type SavedRun } from "./files/checkpoint_list.ts";
export { isTraining, lockRun, type RunLock } from "./files/run_lock.ts";
export {
  describeProgress,
  readProgress,
  type RunProgress,
  type RunState,
} from "./files/run_progress.ts";
export { type MetricsAddition, MetricsFollower, MetricsLog } from "./files/metrics.ts";
export { METRICS_FILE } from "./train/folder_run.ts";
export { readRunInfo, type RunInfo, writeRunInfo } from "./files/run_info.ts";
export {
  parseStudy,
  rowName,
  type Study,
  studyAsJson,
  type StudyRun,
  studyRuns,
  type StudySettings,
} from "./study/study.ts";
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
export {
  fitScalingLaws,
  lossAt,
  MIN_SCALING_SIZES,
  type Optimum,
  type Parabola,
  type PowerLaw,
  type ScalingLaws,
  type ScalingPoint,
} from "./study/scaling_laws.ts";
export {
  type ChartAxes,
  type Curve,
  type CurvePoint,
  curvesAsSvg,
  markdownReport,
  type Report,
  type ReportRow,
  tableAsText,
} from "./files/report.ts";
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
