/** Counts the dispatches of a training step, on a real or a counting device. */

import { configForDepth, GPT, planTraining } from "../gpt/mod.ts";
import type { MuonAdamW } from "../optim/mod.ts";
import type { Device } from "../tensor/mod.ts";
import { CountingDevice } from "./counting_device.ts";
import type { Dispatch } from "./roofline_model.ts";
import { randomBatch } from "./step.ts";

export interface StepShape {
  /** Number of layers; the width is 64 times as large. */
  readonly depth: number;
  readonly vocabSize: number;
  readonly headDim: number;
  readonly maxSeqLen: number;
  /** Long (L) and short (S) attention windows. */
  readonly windowPattern: string;
  readonly deviceBatchSize: number;
}

export interface StepCounts {
  readonly batch: readonly Dispatch[];
  readonly update: readonly Dispatch[];
}

export const baseShape: StepShape = {
  depth: 4,
  vocabSize: 4096,
  headDim: 64,
  maxSeqLen: 256,
  windowPattern: "L",
  deviceBatchSize: 4,
};

export function nanochatShape(depth: number, deviceBatchSize: number): StepShape {
  return {
    depth,
    vocabSize: 32_768,
    headDim: 128,
    maxSeqLen: 2048,
    windowPattern: "SSSL",
    deviceBatchSize,
  };
}

/** The two parts of a training step, to run repeatedly. */
export interface Step {
  /** Forward and backward. */
  readonly batch: () => void;
  readonly update: () => void;
}

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

/** Profiles a step, after a first one that does one-time work. */
export async function profileStep(device: Device, { batch, update }: Step): Promise<StepCounts> {
  batch();
  update();
  const profileOf = async (run: () => void) => (await device.profile(run)).events;
  return { batch: await profileOf(batch), update: await profileOf(update) };
}

/** Counts a step without running it, and its peak memory in bytes. */
export async function countStep(
  shape: StepShape,
): Promise<{ readonly counts: StepCounts; readonly peakBytes: number }> {
  const device = new CountingDevice();
  const counts = await profileStep(device, prepareStep(device, shape));
  return { counts, peakBytes: device.memory.peakBytes };
}

/** Gradient accumulation steps of nanochat's batch size for this model. */
export function batchesOfStep(shape: StepShape): number {
  return planTraining(shape).gradAccumSteps;
}
