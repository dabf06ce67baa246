/**
 * The part of `gpt` that also runs in a browser: the model, its size, training,
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

// The model.
export { type ForwardOptions, GPT, type GPTOptions } from "./model/model.ts";
export type { Block, BlockContext, CausalSelfAttention, MLP, Watch } from "./model/block.ts";
export type { GPTConfig } from "./model/config.ts";
export { KVCache, type KVCacheShape } from "./model/kv_cache.ts";
export {
  configForDepth,
  planTraining,
  type ScalingOptions,
  type TrainingPlan,
} from "./train/scaling.ts";

// The methods of a model that generation and training call, whatever its architecture.
export type {
  CachedForwardOptions,
  DecodingCosts,
  LanguageModel,
  LossOptions,
  ModelConfig,
  TrainableModel,
} from "./generate/language_model.ts";
export type { Architecture, BuildOptions, LoadOptions } from "./files/architecture.ts";

// Training.
export type { LearningRates } from "./model/optimizer_groups.ts";
export {
  type EndEvent,
  type StepEvent,
  train,
  type TrainingEvent,
  type TrainingState,
  type TrainOptions,
  untrained,
} from "./train/run.ts";
export {
  type LoopOptions,
  type LoopStep,
  pretrainingSchedule,
  type SetLearningRates,
  trainingLoop,
} from "./train/loop.ts";
export { adaptModel, type AdaptOptions } from "./train/lora.ts";
export { evaluateBitsPerByte, type EvaluateOptions } from "./train/evaluate.ts";

// The content of checkpoints.
export {
  type CheckpointContent,
  decodeModel,
  decodeOptimizer,
  decodeTokenizer,
  encodeCheckpoint,
  type SavedModel,
} from "./files/checkpoint_content.ts";
export {
  checkFile,
  checkpointFileName,
  type CheckpointMeta,
  parseMeta,
} from "./files/checkpoint_meta.ts";

// Generation, and what the model computes on the way.
export { Engine, type GeneratedStep, type GenerateOptions } from "./generate/engine.ts";
export type { EngineTokenizer, Tool } from "./generate/row_state.ts";
export type { SamplingOptions } from "./generate/sampling.ts";
export { writeText, writeTexts } from "./generate/write_text.ts";
export {
  inspect,
  type InspectedStage,
  type Inspection,
  type InspectOptions,
} from "./generate/inspect.ts";

// The device that all of this runs on.
export { type Device, openDevice } from "../tensor/mod.ts";
