/**
 * The part of `gpt` that also runs in a browser: the model, its sizes and costs, training,
 * evaluation, the content of checkpoints, and generation.
 *
 * `mod.ts` adds what needs files: corpora, training runs, checkpoints. A page fetches the
 * parameters and the tokenizer of a checkpoint itself.
 *
 * @example Generate in a page
 * ```ts
 * import { Tokenizer } from "../tokenizer/mod.ts";
 * import { configForDepth, Engine, GPT, openDevice } from "./browser.ts";
 *
 * const tokenizer = await Tokenizer.train(["so much depends upon a red wheel"], { vocabSize: 280 });
 * const { vocabSize } = tokenizer;
 * const config = configForDepth({ depth: 1, vocabSize, aspectRatio: 32, headDim: 32 });
 * const device = await openDevice("auto");
 * // Parameters that were fetched go into it by `model.loadParameters`; until then its output is random.
 * const model = new GPT(config, device, { seed: 1 });
 * const engine = new Engine(model, tokenizer);
 * const prompt = tokenizer.encode("so much");
 * for await (const { tokens } of engine.generate(prompt, { maxTokens: 4 })) {
 *   console.log(tokenizer.decode(tokens));
 * }
 * await device.close();
 * ```
 *
 * @module
 */

export type { Block, BlockContext, CausalSelfAttention, MLP } from "./model/block.ts";
export {
  checkConfig,
  type GPTConfig,
  headSize,
  paddedVocabSize,
  windowSizes,
} from "./model/config.ts";
export { decodeSequences } from "./generate/decode_sequences.ts";
export { defaultContext } from "./generate/context.ts";
export { type RotaryAngles, SequenceRows } from "./generate/sequence_rows.ts";
export { forkCache } from "./generate/fork_cache.ts";
export {
  type Architecture,
  type BuildOptions,
  type LoadOptions,
  nanochat,
  nanochatConfig,
  parameterCount,
} from "./files/architecture.ts";
export {
  bytesOfParameters,
  checkRoom,
  freeBytes,
  type ParameterShapes,
  type WeightsInfo,
  weightsOf,
} from "./files/room.ts";
export {
  type CheckpointContent,
  decodeModel,
  decodeModelOf,
  decodeOptimizer,
  decodeTokenizer,
  encodeCheckpoint,
  encodeModel,
  encodeOptimizer,
  type SavedModel,
} from "./files/checkpoint_content.ts";
export {
  checkFile,
  checkpointFileName,
  type CheckpointMeta,
  type CheckpointPart,
  digestOf,
  type FileDigest,
  formatMeta,
  parseMeta,
} from "./files/checkpoint_meta.ts";
export { exitCodeOf, inPlaceOfRank } from "./train/exit_code.ts";
export { evaluateBitsPerByte, type EvaluateOptions } from "./train/evaluate.ts";
export {
  type LoopOptions,
  type LoopStep,
  pretrainingSchedule,
  type SetLearningRates,
  trainingLoop,
} from "./train/loop.ts";
export {
  type EndEvent,
  type Measurement,
  type Periodic,
  type StepEvent,
  type SummingRanks,
  train,
  type TrainingEvent,
  type TrainingState,
  type TrainOptions,
  untrained,
} from "./train/run.ts";
export { decodeFlops, flopsPerToken, kvBytesPerToken, prefillFlops } from "./train/costs.ts";
export { Engine, type GeneratedStep, type GenerateOptions } from "./generate/engine.ts";
export {
  estimateMemory,
  estimateSeconds,
  type MemoryEstimate,
  type RunShape,
} from "./train/estimate.ts";
export { fitsMemory, type MemoryRoom, nearestFits, type SmallerRun } from "./train/fit.ts";
export { type KeysAndValues, KVCache, type KVCacheShape } from "./model/kv_cache.ts";
export {
  inspect,
  type InspectableModel,
  type InspectedStage,
  type Inspection,
  type InspectOptions,
  type WatchedNames,
} from "./generate/inspect.ts";
export {
  type InferenceCosts,
  inferenceCosts,
  type InferenceOptions,
  type InferenceSpeed,
  measureInference,
} from "./generate/measure_inference.ts";
export { measureBandwidth } from "./train/bandwidth.ts";
export { MatmulPeak, measureMatmulPeak } from "./train/matmul_peak.ts";
export { type ForwardOptions, GPT, type GPTOptions } from "./model/model.ts";
export type { LearningRates } from "./train/optimizer_groups.ts";
export {
  type ParameterCounts,
  parameterCounts,
  type ParameterGroup,
  parameterGroup,
  parameterShapes,
} from "./model/parameters.ts";
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
export { mean, welchTest } from "./study/statistics.ts";
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
  type EngineTokenizer,
  type GenerationTokens,
  generationTokens,
  RowState,
  type Tool,
} from "./generate/row_state.ts";
export type {
  CachedForwardOptions,
  DecodingCosts,
  LanguageModel,
  LossOptions,
  ModelConfig,
  TrainableModel,
} from "./generate/language_model.ts";
export { largestLogits, logProbabilities, sampleToken } from "./generate/sample_token.ts";
export { checkSampling, type SamplingOptions } from "./generate/sampling.ts";
export {
  configForDepth,
  planTraining,
  scalingDefaults,
  type ScalingOptions,
  type TrainingPlan,
} from "./train/scaling.ts";
export {
  decodePieces,
  defaultPrompts,
  likelyTexts,
  roomAfter,
  writeText,
  writeTexts,
} from "./generate/write_text.ts";
export { adaptModel, type AdaptOptions } from "./train/lora.ts";
export type { LoRAAdapters } from "../nn/mod.ts";
export type { Watch } from "./model/block.ts";
export {
  explainStep,
  type ExplainStepOptions,
  explanationAsHtml,
  explanationAsList,
} from "./explain.ts";
// Scripts need a device for the above, and import no module below this one.
export {
  type Device,
  type Explanation,
  explanationAsText,
  type FloatType,
  openDevice,
  type Profile,
  profileAsText,
  profileAsTrace,
  Tensor,
  type WebGpuDevice,
} from "../tensor/mod.ts";
