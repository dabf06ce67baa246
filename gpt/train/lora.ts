/** Fine-tuning through low-rank adapters (LoRA) on the layers that a model names. @module */

import { addLoRA, type LoRAAdapters } from "../../nn/mod.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import type { TrainableModel } from "../generate/language_model.ts";

/** Options for {@linkcode adaptModel}. */
export interface AdaptOptions {
  /** The rank of the adapters. */
  readonly rank: number;
  /** The learning rate of the adapters. */
  readonly learningRate: number;
  /** Random seed of their starting values. */
  readonly seed: number;
}

/**
 * Adds adapters to a model, in place, and makes an optimizer that trains them: AdamW. All else stays as
 * it is, so that neither gradients nor optimizer state of it take memory.
 *
 * @throws {RangeError} If the rank is larger than a matrix has.
 *
 * @example
 * ```ts
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { adaptModel } from "./lora.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { sequenceLen: 16, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
 * const model = new GPT({ ...shape, vocabSize: 64, windowPattern: "L" }, device);
 * const { adapters } = adaptModel(model, { rank: 4, learningRate: 0.001, seed: 1 });
 * if (adapters.layers.size !== 6) throw new Error("expected four matrices of attention, two of MLP");
 * await device.close();
 * ```
 */
export function adaptModel(
  model: TrainableModel,
  { rank, learningRate, seed }: AdaptOptions,
): { readonly adapters: LoRAAdapters; readonly optimizer: MuonAdamW } {
  const adapters = addLoRA(model, { rank, seed, isAdapted: (path) => model.isAdapted(path) });
  const optimizer = new MuonAdamW([{
    kind: "adamw",
    parameters: model.parameters(),
    lr: learningRate,
    betas: [0.9, 0.999],
    eps: 1e-8,
    weightDecay: 0,
  }]);
  return { adapters, optimizer };
}
