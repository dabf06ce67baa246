/**
 * Formats a number with a fixed number of decimals; what rounds to zero has no sign.
 *
 * @example
 * ```ts
 * import { fixed } from "./number.ts";
 *
 * if (fixed(-0.001, 2) !== "0.00" || fixed(-7.5, 2) !== "-7.50") throw new Error(fixed(-0.001, 2));
 * ```
 *
 * @module
 */
export function fixed(x: number, digits: number): string {
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** The nearest whole number from 1 to `most`: a link may ask for any. */
export function nearest(x: number, most: number): number {
  return Math.max(1, Math.min(Math.round(x), most));
}

/** A number in a formula: a negative one in parentheses. */
export function term(x: number, digits: number): string {
  const text = fixed(x, digits);
  return text.startsWith("-") ? `(${text})` : text;
}
