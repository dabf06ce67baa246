/**
 * Schedules: how a number that steers the optimiser changes over a run.
 *
 * Each is a plain function of the step, counted from 0. Nothing is remembered between steps, so a
 * resumed run goes on exactly where it stopped.
 *
 * Source of the three for MuonAdamW: nanochat, `scripts/base_train.py`.
 *
 * @module
 */

import { roundHalfToEven } from "./rounding.ts";

/**
 * Goes from one value to another in a straight line, and then stays.
 *
 * @param step The step, counted from 0.
 * @param steps The step at which `to` is reached; 0 means at once.
 * @param from The value at step 0.
 * @param to The value at the end.
 * @throws {RangeError} If a step is negative or not a number.
 *
 * @example
 * ```ts
 * import { linearSchedule } from "./schedules.ts";
 *
 * if (linearSchedule(25, 100, 1, 0) !== 0.75) throw new Error("expected 0.75");
 * ```
 */
export function linearSchedule(step: number, steps: number, from: number, to: number): number {
  const progress = progressOf(step, steps);
  return (1 - progress) * from + progress * to;
}

/**
 * Goes from one value to another along half a cosine wave, and then stays: slowly at first, fastest
 * in the middle, slowly at the end.
 *
 * @param step The step, counted from 0.
 * @param steps The step at which `to` is reached; 0 means at once.
 * @param from The value at step 0.
 * @param to The value at the end.
 * @throws {RangeError} If a step is negative or not a number.
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
  const progress = progressOf(step, steps);
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** The shape of a run's learning rate: a climb, a plateau, a descent. */
export interface LearningRateSchedule {
  /** The number of steps of the run. */
  readonly steps: number;
  /** The number of steps until the full rate is reached; 40 by default. */
  readonly warmupSteps?: number;
  /** The part of the run, from 0 to 1, that is spent on the descent; 0.65 by default. */
  readonly warmdownRatio?: number;
  /** The share of the full rate that is left at the end; 0.05 by default. */
  readonly finalFraction?: number;
}

/**
 * What every learning rate is multiplied with: a linear climb, the full rate, a linear descent.
 *
 * @param step The step, counted from 0.
 * @param schedule The shape of the run.
 * @returns A factor from above 0 to 1.
 * @throws {RangeError} If a number of steps is not a whole number or a fraction not between 0 and 1.
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

/** The steps over which Muon's momentum climbs, whatever the length of the run. */
const momentumWarmupSteps = 400;

/**
 * Muon's momentum: from 0.85 to 0.97 over the first 400 steps, and down to 0.90 while the learning
 * rate descends. In a short run the climb has the upper hand.
 *
 * @param step The step, counted from 0.
 * @param schedule The length of the run and of its descent.
 * @returns The momentum.
 * @throws {RangeError} If a number of steps is not a whole number or a fraction not between 0 and 1.
 *
 * @example
 * ```ts
 * import { muonMomentumSchedule } from "./schedules.ts";
 *
 * if (muonMomentumSchedule(0, { steps: 5000 }) !== 0.85) throw new Error("expected 0.85");
 * if (muonMomentumSchedule(1000, { steps: 5000 }) !== 0.97) throw new Error("expected 0.97");
 * ```
 */
export function muonMomentumSchedule(
  step: number,
  schedule: Pick<LearningRateSchedule, "steps" | "warmdownRatio">,
): number {
  const { steps, warmdownRatio = 0.65 } = schedule;
  const warmdownSteps = warmdownStepsOf(steps, warmdownRatio);
  checkSteps("step", step);
  if (step < momentumWarmupSteps) return linearSchedule(step, momentumWarmupSteps, 0.85, 0.97);
  if (step < steps - warmdownSteps) return 0.97;
  return linearSchedule(step - (steps - warmdownSteps), warmdownSteps, 0.97, 0.9);
}

/**
 * Muon's weight decay: from the full value to zero along half a cosine wave.
 *
 * @param step The step, counted from 0.
 * @param steps The number of steps of the run.
 * @param initial The weight decay at step 0.
 * @returns The weight decay.
 * @throws {RangeError} If a step is negative or not a number.
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

function progressOf(step: number, steps: number): number {
  if (!(step >= 0 && steps >= 0)) {
    throw new RangeError(`Cannot follow a schedule: wanted steps from 0, got ${step} of ${steps}`);
  }
  return step < steps ? step / steps : 1;
}

function warmdownStepsOf(steps: number, warmdownRatio: number): number {
  checkSteps("steps", steps);
  checkFraction("warmdownRatio", warmdownRatio);
  return roundHalfToEven(warmdownRatio * steps);
}

function checkSteps(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot follow a schedule: wanted ${name} from 0, got ${value}`);
  }
}

function checkFraction(name: string, value: number): void {
  if (!(value >= 0 && value <= 1)) {
    throw new RangeError(`Cannot follow a schedule: wanted ${name} from 0 to 1, got ${value}`);
  }
}
