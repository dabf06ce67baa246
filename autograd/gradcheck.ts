/**
 * Checks gradients against finite differences.
 *
 * A network with a wrong derivative still trains, only worse. Finite differences find the error: move
 * one input a little to either side and measure how far the result moves.
 * {@linkcode numericalGradient} measures, {@linkcode checkGradient} compares. Both take arrays of
 * numbers, so they serve scalars and tensors.
 *
 * @module
 */

import { Value } from "./value.ts";

/** Options for {@linkcode numericalGradient}. */
export interface StepOptions {
  /**
   * The distance to either side for inputs up to 1; it grows in proportion for larger inputs.
   *
   * The error of a central difference is about step² from truncation and ε/step from rounding. The
   * default, ∛ε = 6.1e-6, minimizes the sum in double precision; in single precision use about 5e-3.
   */
  readonly step?: number;
}

/** The tolerance of a gradient check: |analytic − numeric| ≤ absolute + relative · |numeric|. */
export interface Tolerance {
  /** Relative tolerance. @default {1e-6} */
  readonly relative?: number;
  /** Absolute tolerance. @default {1e-8} */
  readonly absolute?: number;
}

/** The element where two gradients differ most, relative to the tolerance. */
export interface GradientReport {
  /** Index of the element; −1 if there are none. */
  readonly index: number;
  /** The derivative under test. */
  readonly analytic: number;
  /** The finite difference. */
  readonly numeric: number;
  /** |analytic − numeric|. */
  readonly error: number;
  /** The largest error that passes. */
  readonly allowed: number;
}

/** Yields the points at which to evaluate the function, and takes its value at each. */
function* centralDifferences(
  x: ArrayLike<number>,
  step: number,
): Generator<Float64Array, Float64Array, number> {
  const gradient = new Float64Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const h = step * Math.max(1, Math.abs(x[i]!));
    const above = Float64Array.from(x);
    const below = Float64Array.from(x);
    above[i]! += h;
    below[i]! -= h;
    // The distance after rounding, which may differ from 2h.
    gradient[i] = ((yield above) - (yield below)) / (above[i]! - below[i]!);
  }
  return gradient;
}

const DEFAULT_STEP = Math.cbrt(Number.EPSILON);

/**
 * Computes the gradient of `f` by central differences: (f(x + h) − f(x − h)) / 2h for each input.
 *
 * @param f A function of an array of numbers. It gets a new array at each call.
 * @returns One derivative for each element of `x`.
 *
 * @example The slope of (3w − 7)² at w = 1 is −24
 * ```ts
 * import { numericalGradient } from "./gradcheck.ts";
 *
 * const [slope] = numericalGradient(([w]) => (3 * w! - 7) ** 2, [1]);
 * if (Math.abs(slope! + 24) > 1e-8) throw new Error(`got ${slope}`);
 * ```
 */
export function numericalGradient(
  f: (x: Float64Array) => number,
  x: ArrayLike<number>,
  options: StepOptions = {},
): Float64Array {
  const points = centralDifferences(x, options.step ?? DEFAULT_STEP);
  let next = points.next();
  while (!next.done) next = points.next(f(next.value));
  return next.value;
}

/**
 * Like {@linkcode numericalGradient}, for an asynchronous function, such as one computed on a GPU.
 * Calls do not overlap.
 */
export async function numericalGradientAsync(
  f: (x: Float64Array) => Promise<number>,
  x: ArrayLike<number>,
  options: StepOptions = {},
): Promise<Float64Array> {
  const points = centralDifferences(x, options.step ?? DEFAULT_STEP);
  let next = points.next();
  while (!next.done) next = points.next(await f(next.value));
  return next.value;
}

/**
 * Compares a gradient with finite differences.
 *
 * @returns The element with the largest error relative to the tolerance.
 * @throws {RangeError} If the two differ in length.
 * @throws {Error} If an element exceeds the tolerance, or is not finite in either gradient. The message
 * names the worst element.
 *
 * @example The derivative of x³ is 3x²
 * ```ts
 * import { checkGradient, numericalGradient } from "./gradcheck.ts";
 *
 * const x = [1, -2, 0.5];
 * const numeric = numericalGradient((x) => x.reduce((sum, xi) => sum + xi ** 3, 0), x);
 * checkGradient(x.map((xi) => 3 * xi ** 2), numeric);
 * ```
 */
export function checkGradient(
  analytic: ArrayLike<number>,
  numeric: ArrayLike<number>,
  tolerance: Tolerance = {},
): GradientReport {
  const { relative = 1e-6, absolute = 1e-8 } = tolerance;
  if (analytic.length !== numeric.length) {
    throw new RangeError(
      `Cannot check a gradient: wanted ${numeric.length} derivatives, got ${analytic.length}`,
    );
  }
  let worst: GradientReport = { index: -1, analytic: 0, numeric: 0, error: 0, allowed: absolute };
  let badness = -1;
  for (let index = 0; index < numeric.length; index++) {
    const a = analytic[index]!, n = numeric[index]!;
    const error = Math.abs(a - n);
    const allowed = absolute + relative * Math.abs(n);
    const finite = Number.isFinite(a) && Number.isFinite(n);
    const excess = !finite ? Infinity : error === 0 ? 0 : error / allowed;
    if (excess > badness) {
      badness = excess;
      worst = { index, analytic: a, numeric: n, error, allowed };
    }
  }
  if (badness > 1) {
    throw new Error(
      `Gradient check failed at element ${worst.index} of ${numeric.length}: wanted ${worst.numeric} ` +
        `within ${worst.allowed}, got ${worst.analytic}`,
    );
  }
  return worst;
}

/**
 * Runs a function of values forward and backward, and checks the gradient of every input.
 *
 * @param f A deterministic function of values.
 * @returns The input with the largest error relative to the tolerance.
 * @throws {Error} If a gradient exceeds the tolerance; the message names the worst.
 *
 * @example
 * ```ts
 * import { checkValues } from "./gradcheck.ts";
 *
 * checkValues(([a, b]) => a!.mul(b!).tanh(), [0.5, -0.3]);
 * ```
 */
export function checkValues(
  f: (x: Value[]) => Value,
  x: ArrayLike<number>,
  options: StepOptions & Tolerance = {},
): GradientReport {
  const toValues = (numbers: ArrayLike<number>) => Array.from(numbers, (data) => new Value(data));
  const inputs = toValues(x);
  f(inputs).backward();
  const numeric = numericalGradient((point) => f(toValues(point)).data, x, options);
  return checkGradient(inputs.map((input) => input.grad), numeric, options);
}
