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

// Pretraining, with its files.
export {
  preparePretraining,
  type Pretraining,
  type PretrainOptions,
  type PretrainPlan,
} from "./train/pretrain.ts";
export { type FolderRunOptions, trainInFolder } from "./train/folder_run.ts";

// Checkpoints and metrics.
export {
  type Checkpoint,
  loadModel,
  loadOptimizer,
  openCheckpoint,
  type OpenOptions,
  removeCheckpoint,
  saveCheckpoint,
} from "./files/checkpoint.ts";
export { savedSteps } from "./files/checkpoint_list.ts";
export { type MetricsRecord, readMetrics } from "./files/metrics.ts";

// Several processes.
export { openRanks, RanksError, RunRanks } from "./parallel.ts";
