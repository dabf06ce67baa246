/** The table that a pretraining run begins with. */

import type { Device, RunRanks, TrainingPlan } from "../gpt/mod.ts";
import {
  estimateMemory,
  estimateSeconds,
  type FloatType,
  headSize,
  parameterCounts,
  type ReportRow,
} from "../gpt/internals.ts";
import { llama, llamaLike } from "../models/mod.ts";
import { bytes, count, duration, short } from "./format.ts";
import type { TrainingValues } from "./training_flags.ts";

export interface PlannedRun {
  readonly plan: TrainingPlan;
  readonly flags: TrainingValues;
  readonly device: Device;
  readonly computeDtype: FloatType;
  /** Peak matmul FLOP/s of all ranks. */
  readonly peakFlops: number;
  readonly ranks: RunRanks | null;
}

/** Rows of the plan: the model, the device, memory, and an estimate of the time. */
export function planRows(
  { plan, flags, device, computeDtype, peakFlops, ranks }: PlannedRun,
): ReportRow[] {
  const { config } = plan;
  const { deviceBatchSize } = flags;
  const isLlama = flags.architecture === "llama";
  const parameters = isLlama
    ? [...llama.parameterShapes(llamaLike(config)).values()]
      .reduce((sum, shape) => sum + shape.reduce((size, length) => size * length, 1), 0)
    : parameterCounts(config).total;
  // The estimates are for nanochat's model, which is about as large as a Llama of the same shape.
  const memory = estimateMemory({ ...plan, deviceBatchSize, computeDtype });
  const steps = plan.gradAccumSteps === 1 ? "" : ` in ${plan.gradAccumSteps} parts`;
  return [
    ...(ranks === null ? [] : [["ranks", ranks.description] as const]),
    ["device", `${device.info.title}; ${short(peakFlops)}FLOP/s peak in matmuls`],
    [
      "model",
      `${isLlama ? "Llama of " : ""}depth ${config.nLayer}, width ${config.nEmbd}, heads of ${
        headSize(config)
      }, vocabulary ` +
      `${count(config.vocabSize)}: ${count(parameters)} parameters`,
    ],
    [
      "run",
      `${count(plan.numIterations)} steps of ${count(plan.totalBatchSize)} tokens${steps}: ` +
      `${count(plan.totalTokens)} tokens, ${short(plan.totalFlops)}FLOP`,
    ],
    [
      "memory",
      `about ${bytes(memory.peak)}: ${bytes(memory.parameters)} parameters, ` +
      `${bytes(memory.gradients)} gradients, ${bytes(memory.optimizer)} optimizer, ` +
      `${bytes(memory.activations)} activations`,
    ],
    ["time", `about ${duration(estimateSeconds(plan, peakFlops))} of training`],
  ];
}
