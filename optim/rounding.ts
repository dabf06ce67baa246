/** Python's rounding, for numbers of steps. @module */

/**
 * Rounds half to even, like Python's `round`. `Math.round` rounds half up, which would shift a
 * schedule by one step from nanochat's.
 */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
