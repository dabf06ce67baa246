/**
 * Schedules of learning rate, momentum and weight decay: pure functions of the step, counted from
 * 0, so a resumed run continues exactly. Source of the three for MuonAdamW: nanochat,
 * `scripts/base_train.py`.
 *
 * @module
 */

import { checkThat } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { roundHalfToEven } from "./rounding.ts";

/**
 * Linear interpolation from one value to another; constant afterwards.
 *
 * @param steps The step at which `to` is reached; 0 means at once.
 * @throws {RangeError} If a step is negative or not a number, or a value is not finite.
 *
 * @example
 * ```ts
 * import { linearSchedule } from "./schedules.ts";
 *
 * if (linearSchedule(25, 100, 1, 0) !== 0.75) throw new Error("expected 0.75");
 * ```
 */
export function linearSchedule(step: number, steps: number, from: number, to: number): number {
  const progress = progressOf(step, steps, from, to);
  return (1 - progress) * from + progress * to;
}

/**
 * Cosine interpolation (half a wave) from one value to another; constant afterwards.
 *
 * @param steps The step at which `to` is reached; 0 means at once.
 * @throws {RangeError} If a step is negative or not a number, or a value is not finite.
 *
 * @example
 * ```ts
 * import { cosineSchedule } from "./schedules.ts";
 *
 * const middle = cosineSchedule(50, 100, 1, 0);
 * if (Math.abs(middle - 0.5) > 1e-15) throw new Error(`expected 0.5, got ${middle}`);
 * ```
 */
export function cosineSchedule(step: number, steps: number, from: number, to: number): number {
  const progress = progressOf(step, steps, from, to);
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** A trapezoidal learning-rate schedule: warmup, plateau, warmdown. */
export interface LearningRateSchedule {
  /** Steps of the run. */
  readonly steps: number;
  /** Steps of linear warmup. @default {40} */
  readonly warmupSteps?: number;
  /** Fraction of the run, from 0 to 1, spent on the warmdown. @default {0.65} */
  readonly warmdownRatio?: number;
  /** Fraction of the full learning rate that remains at the end. @default {0.05} */
  readonly finalFraction?: number;
}

/**
 * The learning-rate multiplier: linear warmup, plateau, linear warmdown.
 *
 * @returns A factor in (0, 1].
 * @throws {RangeError} If a number of steps is not an integer, or a fraction is not from 0 to 1.
 *
 * @example
 * ```ts
 * import { learningRateMultiplier } from "./schedules.ts";
 *
 * const run = { steps: 1000, warmupSteps: 40 };
 * if (learningRateMultiplier(0, run) !== 0.025) throw new Error("expected a fortieth");
 * if (learningRateMultiplier(100, run) !== 1) throw new Error("expected the full rate");
 * if (learningRateMultiplier(1000, run) !== 0.05) throw new Error("expected what is left");
 * ```
 */
export function learningRateMultiplier(step: number, schedule: LearningRateSchedule): number {
  const { steps, warmupSteps = 40, warmdownRatio = 0.65, finalFraction = 0.05 } = schedule;
  checkSteps("warmupSteps", warmupSteps);
  checkFraction("finalFraction", finalFraction);
  const warmdownSteps = warmdownStepsOf(steps, warmdownRatio);
  checkSteps("step", step);
  if (step < warmupSteps) return (step + 1) / warmupSteps;
  if (step <= steps - warmdownSteps) return 1;
  return linearSchedule(Math.max(steps - step, 0), warmdownSteps, finalFraction, 1);
}

/** The schedule of Muon's momentum. */
export interface MomentumSchedule extends Pick<LearningRateSchedule, "steps" | "warmdownRatio"> {
  /** Steps of linear warmup. A run of fewer steps than nanochat's wants fewer. @default {400} */
  readonly momentumWarmupSteps?: number;
}

/**
 * Muon's momentum: warms up from 0.85 to 0.97, by default over the first 400 steps, and falls to
 * 0.90 during the warmdown. In a short run the warmup takes precedence.
 *
 * @throws {RangeError} If a number of steps is not an integer, or a fraction is not from 0 to 1.
 *
 * @example
 * ```ts
 * import { muonMomentumSchedule } from "./schedules.ts";
 *
 * if (muonMomentumSchedule(0, { steps: 5000 }) !== 0.85) throw new Error("expected 0.85");
 * if (muonMomentumSchedule(1000, { steps: 5000 }) !== 0.97) throw new Error("expected 0.97");
 * ```
 */
export function muonMomentumSchedule(step: number, schedule: MomentumSchedule): number {
  const { steps, warmdownRatio = 0.65, momentumWarmupSteps = 400 } = schedule;
  checkSteps("momentumWarmupSteps", momentumWarmupSteps);
  const warmdownSteps = warmdownStepsOf(steps, warmdownRatio);
  checkSteps("step", step);
  if (step < momentumWarmupSteps) return linearSchedule(step, momentumWarmupSteps, 0.85, 0.97);
  if (step < steps - warmdownSteps) return 0.97;
  return linearSchedule(step - (steps - warmdownSteps), warmdownSteps, 0.97, 0.9);
}

/**
 * Muon's weight decay: cosine decay from the initial value to zero.
 *
 * @throws {RangeError} If a step is negative or not a number, or a value is not finite.
 *
 * @example
 * ```ts
 * import { weightDecaySchedule } from "./schedules.ts";
 *
 * if (weightDecaySchedule(0, 1000, 0.28) !== 0.28) throw new Error("expected 0.28");
 * if (weightDecaySchedule(1000, 1000, 0.28) !== 0) throw new Error("expected 0");
 * ```
 */
export function weightDecaySchedule(step: number, steps: number, initial: number): number {
  return cosineSchedule(step, steps, initial, 0);
}

const WHAT = "follow a schedule";

function progressOf(step: number, steps: number, from: number, to: number): number {
  for (const value of [from, to]) checkThat(Number.isFinite(value), WHAT, "finite values", value);
  if (!(step >= 0 && steps >= 0)) throw wrongValue(WHAT, "steps from 0", `${step} of ${steps}`);
  return step < steps ? step / steps : 1;
}

function warmdownStepsOf(steps: number, warmdownRatio: number): number {
  checkSteps("steps", steps);
  checkFraction("warmdownRatio", warmdownRatio);
  return roundHalfToEven(warmdownRatio * steps);
}

function checkSteps(name: string, value: number): void {
  checkThat(Number.isSafeInteger(value) && value >= 0, WHAT, `${name} from 0`, value);
}

function checkFraction(name: string, value: number): void {
  checkThat(value >= 0 && value <= 1, WHAT, `${name} from 0 to 1`, value);
}
