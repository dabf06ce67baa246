/**
 * nanochat's GPT, and everything around it: training, evaluation, checkpoints, generation.
 *
 * To read it in the order of a run: `scaling.ts` plans it, `model.ts` is what is trained, `train.ts`
 * is the loop, `evaluate.ts` measures, `checkpoint.ts` saves, `engine.ts` generates, and
 * `pretrain.ts` puts these together.
 *
 * @module
 */

export {
  type Checkpoint,
  type CheckpointContent,
  findLatestRun,
  loadModel,
  loadOptimizer,
  openCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
export type { CheckpointMeta, FileDigest } from "./checkpoint_meta.ts";
export type { Block, BlockContext, CausalSelfAttention, MLP } from "./block.ts";
export { checkConfig, type GPTConfig, headSize, paddedVocabSize, windowSizes } from "./config.ts";
export { decodeFlops, flopsPerToken, kvBytesPerToken, prefillFlops } from "./costs.ts";
export {
  Engine,
  type EngineTokenizer,
  type GeneratedStep,
  type GenerateOptions,
  generateWithoutCache,
} from "./engine.ts";
export { estimateMemory, estimateSeconds, type MemoryEstimate, type RunShape } from "./estimate.ts";
export { evaluateBitsPerByte, type EvaluateOptions } from "./evaluate.ts";
export { basePath, ensureWritableFolder, fileError, writeFileAtomically } from "./files.ts";
export { KVCache } from "./kv_cache.ts";
export { measureMatmulPeak } from "./matmul_peak.ts";
export { MetricsLog, type MetricsRecord, readMetrics } from "./metrics.ts";
export { type ForwardOptions, GPT, type GPTOptions } from "./model.ts";
export type { OptimizerRates } from "./optimizer_groups.ts";
export {
  type ParameterCounts,
  parameterCounts,
  type ParameterGroup,
  parameterGroup,
  parameterShapes,
} from "./parameters.ts";
export {
  encoderOf,
  type LoaderKind,
  METRICS_FILE,
  preparePretraining,
  type Pretraining,
  type PretrainOptions,
  validationTokens,
} from "./pretrain.ts";
export {
  type Curve,
  type CurvePoint,
  curvesAsSvg,
  markdownReport,
  type Report,
  type ReportRow,
  tableAsText,
} from "./report.ts";
export type { SamplingOptions } from "./sampling.ts";
export {
  configForDepth,
  planTraining,
  scalingDefaults,
  type ScalingOptions,
  type TrainingPlan,
} from "./scaling.ts";
export {
  type Periodic,
  type StepEvent,
  train,
  type TrainingEvent,
  type TrainingState,
  type TrainOptions,
  untrained,
} from "./train.ts";
export {
  keepTokenizer,
  limitTexts,
  loadKeptTokenizer,
  type TextLimits,
  tokenizerPath,
  trainTokenizer,
} from "./train_tokenizer.ts";
export { decodePieces, defaultPrompts, writeText, writeTexts } from "./write_text.ts";
// A script needs a device for all of the above, and imports no module below this one.
export { type Device, openDevice } from "../tensor/mod.ts";
