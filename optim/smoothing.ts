/** Smoothing of a loss for display. @module */

/** The state of {@linkcode smooth}. */
export interface SmoothingState {
  /** Exponential moving average of the values, before bias correction. */
  readonly average: number;
  /** The same of the corrected averages. */
  readonly averageOfAverages: number;
  /** Sum of the weights of the values: 1 − decay^count. */
  readonly weight: number;
}

/** The state before the first value. */
export const unsmoothed: SmoothingState = { average: 0, averageOfAverages: 0, weight: 0 };

/** How much of an average stays after a value, unless told otherwise. */
export const SMOOTHING_DECAY = 0.9;

/**
 * Smooths a value that follows others.
 *
 * A plain moving average lags: it shows a loss that falls where it was `decay / (1 − decay)` steps
 * ago. Twice the average less the average of the averages has no lag where values change at a steady
 * rate. Both averages are corrected for starting at 0, as those of Adam: a first value is its own
 * average.
 *
 * Source: P. G. Mulloy, "Smoothing data with faster moving averages" (1994); D. P. Kingma and J. Ba,
 * "Adam: a method for stochastic optimization" (2014), section 3.
 *
 * @param decay From 0, which smooths nothing, to below 1.
 * @returns The smoothed value, and the state for the next one.
 *
 * @example
 * ```ts
 * import { smooth, unsmoothed } from "./smoothing.ts";
 *
 * let [state, value] = [unsmoothed, NaN];
 * for (const loss of [8, 7, 6, 5]) ({ state, value } = smooth(state, loss));
 * if (Math.abs(value - 5) > 0.2) throw new Error(`expected about 5, got ${value}`);
 * ```
 */
export function smooth(
  { average, averageOfAverages, weight }: SmoothingState,
  value: number,
  decay: number = SMOOTHING_DECAY,
): { readonly state: SmoothingState; readonly value: number } {
  const follow = (old: number, next: number) => decay * old + (1 - decay) * next;
  const state = {
    weight: follow(weight, 1),
    average: follow(average, value),
    averageOfAverages: follow(averageOfAverages, follow(average, value) / follow(weight, 1)),
  };
  return {
    state,
    value: (2 * state.average - state.averageOfAverages) / state.weight,
  };
}
