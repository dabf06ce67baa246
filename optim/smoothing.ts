/** Smoothing of a loss for display. @module */

/** How much of an average stays after a value, once there are many, unless told otherwise. */
const DECAY = 0.9;

/** So many times as many values as an average is over must have come. */
const HISTORY = 5;

/**
 * The average of a value and those before it.
 *
 * In the long run this is an exponential moving average. A loss falls fast at first, and an average
 * over the last ten steps would show it where it was then; so the average is over a fifth of all steps
 * until these are fifty. The first value is its own average, and no average lies outside of the range
 * of its values.
 *
 * @param average The average of the values before; it does not matter if there are none.
 * @param count Number of values before.
 * @param decay From 0, which smooths nothing, to below 1. @default {0.9}
 *
 * @example
 * ```ts
 * import { smooth } from "./smoothing.ts";
 *
 * let average = 0;
 * for (const [count, loss] of [8, 7, 6, 5].entries()) average = smooth(average, loss, count);
 * if (average < 5 || average > 5.5) throw new Error(`expected about 5, got ${average}`);
 * ```
 */
export function smooth(
  average: number,
  value: number,
  count: number,
  decay: number = DECAY,
): number {
  return average + (value - average) / Math.min(1 / (1 - decay), 1 + count / HISTORY);
}
