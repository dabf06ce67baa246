/**
 * Means of runs that differ in their seeds, and tests whether two means differ by more than chance.
 * @module
 */

/** The mean of some numbers. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The unbiased variance of at least two numbers. */
function variance(values: readonly number[]): number {
  const center = mean(values);
  return values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1);
}

/**
 * The standard error of the mean; `null` for fewer than two numbers.
 *
 * @example
 * ```ts
 * import { mean, standardError } from "./statistics.ts";
 *
 * const bitsPerByte = [1.81, 1.8, 1.82];
 * console.log(mean(bitsPerByte), standardError(bitsPerByte)); // 1.81, 0.0058
 * ```
 */
export function standardError(values: readonly number[]): number | null {
  return values.length < 2 ? null : Math.sqrt(variance(values) / values.length);
}

/**
 * Welch's t-test: how probable a difference of the means as large as this one, or larger, is if both
 * groups have the same mean. Their variances may differ.
 *
 * Source: Welch, "The generalization of 'Student's' problem" (1947).
 *
 * @returns The two-sided p-value; `null` if a group has fewer than two numbers.
 *
 * @example
 * ```ts
 * import { welchTest } from "./statistics.ts";
 *
 * const p = welchTest([1.81, 1.8, 1.82], [1.79, 1.78, 1.8])!;
 * if (p > 0.08 || p < 0.06) throw new Error(`got ${p}`);
 * ```
 */
export function welchTest(a: readonly number[], b: readonly number[]): number | null {
  if (a.length < 2 || b.length < 2) return null;
  const difference = Math.abs(mean(a) - mean(b));
  const [ofA, ofB] = [variance(a) / a.length, variance(b) / b.length];
  if (ofA + ofB === 0) return difference === 0 ? 1 : 0;
  const freedom = (ofA + ofB) ** 2 / (ofA ** 2 / (a.length - 1) + ofB ** 2 / (b.length - 1));
  return studentTail(difference / Math.sqrt(ofA + ofB), freedom);
}

/** Intervals of numeric integration; the integrand is smooth. */
const INTERVALS = 400;

/**
 * The integral of cos^(ν−1) from an angle to π/2, by Simpson's rule. With t = √ν tan θ it is the
 * probability, not normalized, that Student's t with ν degrees of freedom is larger.
 */
function tail(angle: number, freedom: number): number {
  const density = (angle: number) => Math.cos(angle) ** (freedom - 1);
  const width = (Math.PI / 2 - angle) / INTERVALS;
  let sum = density(angle) + density(Math.PI / 2);
  for (let i = 1; i < INTERVALS; i++) sum += (i % 2 === 1 ? 4 : 2) * density(angle + i * width);
  return sum * width / 3;
}

/**
 * The probability that Student's t is farther from 0 than a number.
 *
 * @param freedom Degrees of freedom, at least 1.
 */
export function studentTail(t: number, freedom: number): number {
  return tail(Math.atan(Math.abs(t) / Math.sqrt(freedom)), freedom) / tail(0, freedom);
}

/**
 * The quantile of |t| for Student's t: a standard error times it is half the width of a confidence
 * interval.
 *
 * @param confidence The probability, such as 0.95.
 * @param freedom Degrees of freedom, at least 1.
 *
 * @example
 * ```ts
 * import { studentQuantile } from "./statistics.ts";
 *
 * if (Math.abs(studentQuantile(0.95, 4) - 2.776) > 0.001) throw new Error("expected 2.776");
 * ```
 */
export function studentQuantile(confidence: number, freedom: number): number {
  const wanted = (1 - confidence) * tail(0, freedom);
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (tail(middle, freedom) > wanted) low = middle;
    else high = middle;
  }
  return Math.sqrt(freedom) * Math.tan((low + high) / 2);
}
