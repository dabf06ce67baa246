/**
 * The learning rates of fine-tuning.
 *
 * Source: nanochat, `scripts/chat_sft.py`.
 *
 * @module
 */

import type { SetLearningRates } from "../../gpt/browser.ts";
import { linearSchedule } from "../../optim/mod.ts";

/** The shape of the learning rate over a run. */
export interface FineTuningSchedule {
  /** Fraction of the run, from 0 to 1, spent on the warmup. @default {0} */
  readonly warmupRatio?: number;
  /** Fraction of the run, from 0 to 1, spent on the warmdown. @default {0.5} */
  readonly warmdownRatio?: number;
  /** Fraction of the full learning rate that remains at the end. @default {0} */
  readonly finalFraction?: number;
}

/** The schedule, and its largest multiplier. */
export interface FineTuningScheduleOptions extends FineTuningSchedule {
  /** The full learning rate, as a fraction of the optimizer's. @default {0.8} */
  readonly initialFraction?: number;
}

/**
 * The learning-rate multiplier: linear warmup, plateau, linear warmdown.
 *
 * Unlike the original's, whose progress runs past the end, it is never negative.
 *
 * @param progress The fraction of the run that is done, clamped to 0 to 1.
 * @throws {RangeError} If a fraction is not from 0 to 1.
 *
 * @example
 * ```ts
 * import { fineTuningMultiplier } from "./schedule.ts";
 *
 * if (fineTuningMultiplier(0.25) !== 1) throw new Error("expected the full rate");
 * if (fineTuningMultiplier(0.75) !== 0.5) throw new Error("expected half of it");
 * if (fineTuningMultiplier(1.2) !== 0) throw new Error("expected nothing after the end");
 * ```
 */
export function fineTuningMultiplier(
  progress: number,
  { warmupRatio = 0, warmdownRatio = 0.5, finalFraction = 0 }: FineTuningSchedule = {},
): number {
  for (const [name, value] of Object.entries({ warmupRatio, warmdownRatio, finalFraction })) {
    if (value >= 0 && value <= 1) continue;
    throw new RangeError(`Cannot set the learning rate: wanted ${name} from 0 to 1, got ${value}`);
  }
  const done = Math.min(Math.max(progress, 0), 1);
  if (done < warmupRatio) return (done + 1e-8) / warmupRatio;
  const start = 1 - warmdownRatio;
  if (done <= start) return 1;
  const falling = (done - start) / warmdownRatio;
  return 1 - falling + falling * finalFraction;
}

/** Steps over which Muon's momentum rises from 0.85 to 0.95. */
const MOMENTUM_WARMUP_STEPS = 300;

/**
 * Sets the learning rates of each step of a run. The weight decay stays as it is in the optimizer.
 *
 * @param steps The length of the run.
 * @param options The shape of the learning rate, and its largest multiplier.
 */
export function fineTuningSchedule(
  steps: number,
  { initialFraction = 0.8, ...schedule }: FineTuningScheduleOptions = {},
): SetLearningRates {
  return (optimizer, step) => {
    const multiplier = fineTuningMultiplier(step / steps, schedule);
    for (const group of optimizer.groups) {
      group.lr = group.initialLr * initialFraction * multiplier;
      if ("kind" in group && group.kind === "muon") {
        group.momentum = linearSchedule(step, MOMENTUM_WARMUP_STEPS, 0.85, 0.95);
      }
    }
    return multiplier;
  };
}
