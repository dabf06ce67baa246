/**
 * The training loop. Nothing here waits for the device: losses stay there until `run.ts`, which
 * adds evaluation, checkpoints and timing, reads several together.
 *
 * Source: nanochat, `scripts/base_train.py`.
 *
 * @module
 */

import type { Loader } from "../../data/loader.ts";
import {
  type GradScaler,
  learningRateMultiplier,
  type LearningRateSchedule,
  type MomentumSchedule,
  MuonAdamW,
  muonMomentumSchedule,
  type SGD,
  type ShardedMuonAdamW,
  weightDecaySchedule,
} from "../../optim/mod.ts";
import { checkThat } from "../../tensor/checks.ts";
import { type Device, Tensor } from "../../tensor/mod.ts";
import type { TrainableModel } from "../generate/language_model.ts";
import { nextTask } from "./readback.ts";
import type { TrainingPlan } from "./scaling.ts";

/** Options for {@linkcode trainingLoop}. */
export interface LoopOptions {
  /** The model. */
  readonly model: TrainableModel;
  /** The optimizer; schedules multiply its initial learning rates. */
  readonly optimizer: MuonAdamW | ShardedMuonAdamW | SGD;
  /** Yields batches, each with the same number of tokens. */
  readonly loader: Pick<Loader<unknown>, "take">;
  /** Scales losses, for training in half precision. */
  readonly scaler?: GradScaler | undefined;
  /** The number of steps, and of batches per step. */
  readonly plan: Pick<TrainingPlan, "numIterations" | "gradAccumSteps">;
  /** Sets the learning rates of each step. */
  readonly setLearningRates: SetLearningRates;
  /** Called with each step when its gradients are complete, before they update the parameters. */
  readonly onGradients?: (step: number) => void;
  /**
   * Steps until rows have their full length: at first they are cut into four, then into two. The
   * tokens are the same, and short rows teach more at first. Source: Li et al., "The
   * Stability-Efficiency Dilemma: Investigating Sequence Length Warmup for Training GPT Models",
   * 2022. @default {0}
   */
  readonly lengthWarmupSteps?: number | undefined;
  /** The first step, counted from 0. */
  readonly firstStep: number;
  /** The number of ranks that train together; each takes batches of its own. @default {1} */
  readonly ranks?: number;
}

/** Sets a step's learning rates, momentum and weight decay, and returns the multiplier. */
export type SetLearningRates = (
  optimizer: Pick<MuonAdamW | SGD, "groups">,
  step: number,
) => number;

/** A step that was submitted to the device. */
export interface LoopStep {
  /** The step, counted from 0. */
  readonly step: number;
  /** The loss of each batch of this rank: scalars on the device, which the caller disposes of. */
  readonly losses: readonly Tensor[];
  /** Multiplier of the learning rates. */
  readonly learningRateMultiplier: number;
  /** Loss scale; absent without scaling. */
  readonly lossScale?: number;
  /** Whether the update was skipped because a gradient was not finite. */
  readonly skipped?: boolean;
  /** The loader's state after the last batch. */
  readonly loaderState: unknown;
}

/**
 * Trains from `firstStep` to the last step of the plan.
 *
 * @example Two steps
 * ```ts
 * import { RandomCropLoader } from "../../data/mod.ts";
 * import { openDevice } from "../../tensor/mod.ts";
 * import { GPT } from "../model/model.ts";
 * import { pretrainingSchedule, trainingLoop } from "./loop.ts";
 * import { planTraining } from "./scaling.ts";
 *
 * const size = { maxSeqLen: 8, deviceBatchSize: 2, totalBatchSize: 16, numIterations: 2 };
 * const plan = planTraining({ depth: 1, vocabSize: 256, aspectRatio: 32, headDim: 32, ...size });
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const model = new GPT(plan.config, device);
 * const tokens = Int32Array.from(new TextEncoder().encode("The state of our union is strong."));
 * const loader = new RandomCropLoader({ tokens, seed: 1, batchSize: 2, sequenceLength: 8 });
 * const optimizer = model.optimizer(plan.learningRates);
 * const setLearningRates = pretrainingSchedule(plan);
 * const options = { model, optimizer, loader, plan, setLearningRates, firstStep: 0 };
 * for await (const { losses } of trainingLoop(options)) {
 *   if (!Number.isFinite(await losses[0]!.item())) throw new Error("expected a finite loss");
 * }
 * await device.close();
 * ```
 */
export async function* trainingLoop(options: LoopOptions): AsyncGenerator<LoopStep, void, void> {
  const { model, optimizer, loader, scaler, plan, setLearningRates, firstStep } = options;
  for (const name of ["numIterations", "gradAccumSteps"] as const) {
    checkThat(Number.isSafeInteger(plan[name]), "train", `${name} as a whole number`, plan[name]);
  }
  const batches = plan.gradAccumSteps * (options.ranks ?? 1);
  const { device } = model;
  for (let step = firstStep; step < plan.numIterations; step++) {
    const losses: Tensor[] = [];
    let loaderState: unknown;
    for (let i = 0; i < plan.gradAccumSteps; i++) {
      const { inputs, targets, shape: [rows, tokens], state } = await loader.take();
      const parts = partsOfRow(step, options.lengthWarmupSteps ?? 0);
      {
        using _scope = device.scope();
        const [ids, next] = [inputs, targets].map((ids) =>
          Tensor.from(device, ids, { shape: [rows * parts, tokens / parts] })
        );
        const loss = model.forward(ids!, next);
        // Gradients are summed over batches, so each loss is divided to make the sum a mean.
        const share = loss.mul(1 / batches);
        (scaler?.scale(share) ?? share).backward();
        losses.push(loss.detach().keep());
      }
      loaderState = state;
      await pause(device);
    }
    options.onGradients?.(step);
    const learningRateMultiplier = setLearningRates(optimizer, step);
    const scaling = await updateParameters(optimizer, scaler);
    optimizer.zeroGrad();
    await pause(device);
    yield { step, losses, learningRateMultiplier, ...scaling, loaderState };
  }
}

/** The parts that each row is cut into: four in the first two fifths of a length warmup, then two. */
function partsOfRow(step: number, lengthWarmupSteps: number): number {
  if (step >= lengthWarmupSteps) return 1;
  return step < 0.4 * lengthWarmupSteps ? 4 : 2;
}

/**
 * The learning rates of pretraining: warmup, plateau and warmdown, with Muon's momentum and a
 * weight decay that falls to zero.
 */
export function pretrainingSchedule(
  plan: Pick<TrainingPlan, "numIterations" | "learningRates">,
  schedule: Omit<LearningRateSchedule & MomentumSchedule, "steps"> = {},
): SetLearningRates {
  const run = { ...schedule, steps: plan.numIterations };
  return (optimizer, step) => {
    const multiplier = learningRateMultiplier(step, run);
    for (const group of optimizer.groups) {
      group.lr = group.initialLr * multiplier;
      if ("kind" in group && group.kind === "muon") {
        group.momentum = muonMomentumSchedule(step, run);
        group.weightDecay = weightDecaySchedule(step, run.steps, plan.learningRates.weightDecay);
      }
    }
    return multiplier;
  };
}

/** Updates the parameters; with loss scaling, only if all gradients are finite. */
async function updateParameters(
  optimizer: LoopOptions["optimizer"],
  scaler: GradScaler | undefined,
): Promise<Pick<LoopStep, "lossScale" | "skipped">> {
  if (scaler === undefined) {
    await optimizer.step();
    return {};
  }
  if (!(optimizer instanceof MuonAdamW)) {
    throw new Error("Cannot scale losses: wanted MuonAdamW on one rank, got another optimizer");
  }
  const lossScale = scaler.getScale();
  const isFinite = await scaler.step(optimizer);
  scaler.update();
  return { lossScale, skipped: !isFinite };
}

/** Submits pending work to the device and yields to the event loop. */
async function pause(device: Device): Promise<void> {
  await device.backpressure();
  await nextTask();
}
