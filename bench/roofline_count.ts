/** Counts the dispatches of a training step, on a device that runs them or on one that does not. @module */

import { configForDepth, GPT, planTraining } from "../gpt/mod.ts";
import type { MuonAdamW } from "../optim/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { CountingDevice } from "./counting_device.ts";
import type { Dispatch } from "./roofline_model.ts";
import { randomBatch } from "./step.ts";

/** A model and its batch. */
export interface StepShape {
  /** The number of layers; the width is 64 times as much. */
  readonly depth: number;
  /** The tokens of the vocabulary. */
  readonly vocabSize: number;
  /** The channels of a head. */
  readonly headDim: number;
  /** The tokens of a sequence. */
  readonly maxSeqLen: number;
  /** The long (L) and short (S) windows. */
  readonly windowPattern: string;
  /** The sequences of a batch. */
  readonly deviceBatchSize: number;
}

/** The kernels of a step. */
export interface StepCounts {
  /** Of one batch: forward and backward. */
  readonly batch: readonly Dispatch[];
  /** Of the optimizer. */
  readonly update: readonly Dispatch[];
}

/** `base`: the model that the benches time. */
export const baseShape: StepShape = {
  ...{ depth: 4, vocabSize: 4096, headDim: 64, maxSeqLen: 256 },
  ...{ windowPattern: "L", deviceBatchSize: 4 },
};

/** nanochat's model of a depth. */
export function nanochatShape(depth: number, deviceBatchSize: number): StepShape {
  return {
    ...{ depth, vocabSize: 32_768, headDim: 128, maxSeqLen: 2048 },
    ...{ windowPattern: "SSSL", deviceBatchSize },
  };
}

/** A step in its two parts, to be run again and again. */
export interface Step {
  /** Forward and backward. */
  readonly batch: () => void;
  /** The optimizer. */
  readonly update: () => void;
}

/** Builds a model and its optimizer. */
export function prepareStep(device: Device, shape: StepShape): Step {
  const model = new GPT(configForDepth(shape), device, { seed: null });
  const optimizer: MuonAdamW = model.optimizer({ weightDecay: 0.1 });
  return {
    batch: () => {
      using _scope = device.scope();
      model.forward(...randomBatch(device, shape, 0)).backward();
    },
    update: () => {
      using _scope = device.scope();
      optimizer.step();
      optimizer.zeroGrad();
    },
  };
}

/** Profiles a step, after one in which everything is made that is made only once. */
export async function profileStep(device: Device, { batch, update }: Step): Promise<StepCounts> {
  batch();
  update();
  const profileOf = async (run: () => void) => (await device.profile(run)).events;
  return { batch: await profileOf(batch), update: await profileOf(update) };
}

/** Counts a step that nothing runs, and the most memory that it takes, in bytes. */
export async function countStep(
  shape: StepShape,
): Promise<{ readonly counts: StepCounts; readonly peakBytes: number }> {
  const device = new CountingDevice();
  const counts = await profileStep(device, prepareStep(device, shape));
  return { counts, peakBytes: device.memory.peakBytes };
}

/** The batches that nanochat adds up in a step of this model: its batch size is for any machine. */
export function batchesOfStep(shape: StepShape): number {
  return planTraining(shape).gradAccumSteps;
}
