/**
 * Rounding a number of steps as Python does.
 *
 * @module
 */

/**
 * The nearest integer, and the even one of two that are equally near: Python's `round`.
 *
 * `Math.round` takes the larger one, and a schedule would then turn one step later than the
 * original's.
 *
 * @param value A finite number.
 *
 * @example
 * ```ts
 * import { roundHalfToEven } from "./rounding.ts";
 *
 * if (roundHalfToEven(32.5) !== 32) throw new Error("expected 32");
 * if (roundHalfToEven(33.5) !== 34) throw new Error("expected 34");
 * ```
 */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
