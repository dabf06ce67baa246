/**
 * nanochat's GPT: model, training, evaluation, checkpoints, generation.
 *
 * In the order of a run: `train/scaling.ts` plans it, `model/model.ts` is the model, `train/loop.ts` is the
 * training loop, `train/run.ts` adds timing and events, `train/evaluate.ts` measures,
 * `files/checkpoint.ts` saves, `generate/engine.ts` generates, and `train/pretrain.ts` combines them.
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
