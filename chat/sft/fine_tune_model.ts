/** The model that a fine-tuning trains, and its optimizer. @module */

import {
  adaptModel,
  type CheckpointContent,
  loadModel,
  loadOptimizer,
  type TrainableModel,
} from "../../gpt/mod.ts";
import { MuonAdamW, type ShardedMuonAdamW } from "../../optim/mod.ts";
import type { FineTuneOptions } from "./fine_tune_options.ts";

/** A model and the optimizer of the parameters that are trained. */
export interface FineTunedModel {
  /** The model. */
  readonly model: TrainableModel;
  /** The optimizer: of all parameters, or of the adapters alone. */
  readonly optimizer: MuonAdamW | ShardedMuonAdamW;
  /** The model that checkpoints contain instead, where adapters are trained. */
  readonly merged?: CheckpointContent["model"] | undefined;
}

/**
 * Loads the checkpoint's model, and makes its optimizer: with the state in the checkpoint, if the
 * run is resumed or starts from the base model's state.
 *
 * @throws {RangeError} If the model takes fewer tokens than a row has.
 * @throws {Error} If the checkpoint cannot be read.
 */
export async function openFineTunedModel(options: FineTuneOptions): Promise<FineTunedModel> {
  const { device, checkpoint, parallel, sequenceLength, loraRank = 0 } = options;
  const { computeDtype = "float32" } = options;
  const model = "model" in checkpoint
    ? checkpoint.model
    : await (parallel ?? { loadModel }).loadModel(checkpoint, device, { computeDtype });
  if (sequenceLength > model.maximumLength) {
    throw new RangeError(
      `Cannot fine-tune: wanted rows of at most ${model.maximumLength} tokens, got ${sequenceLength}`,
    );
  }
  return loraRank > 0
    ? adapt(model, loraRank, options)
    : { model, optimizer: await openOptimizer(model, options) };
}

function adapt(
  model: TrainableModel,
  rank: number,
  { loraLr = 0.005, seed }: FineTuneOptions,
): FineTunedModel {
  const { adapters, optimizer } = adaptModel(model, { rank, learningRate: loraLr, seed });
  const { architecture, config } = model;
  return {
    model,
    optimizer,
    merged: { architecture, config, stateDict: () => adapters.mergedState() },
  };
}

async function openOptimizer(
  model: TrainableModel,
  options: FineTuneOptions,
): Promise<MuonAdamW | ShardedMuonAdamW> {
  const { device, checkpoint, parallel, resume = false } = options;
  const learningRates = { ...options.learningRates, weightDecay: 0 };
  const optimizer = parallel?.optimizer(model, learningRates) ??
    new MuonAdamW(model.optimizerGroups(learningRates));
  if ("model" in checkpoint) return optimizer;
  const wantsState = (options.loadOptimizer ?? true) && checkpoint.meta.files.optim !== undefined;
  if (!resume && !wantsState) return optimizer;
  if (optimizer instanceof MuonAdamW) await loadOptimizer(checkpoint, optimizer, device);
  else await parallel!.loadOptimizer(checkpoint, optimizer, device);
  return optimizer;
}
