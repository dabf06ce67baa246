/**
 * Numbers as text, for readers and for drawings.
 *
 * @module
 */

/** A number with a fixed number of decimals, for machines; what rounds to zero has no sign. */
export function decimal(x: number, digits: number): string {
  const text = x.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/**
 * The same for readers, with a minus sign instead of a hyphen.
 *
 * @example
 * ```ts
 * import { fixed } from "./number.ts";
 *
 * if (fixed(-0.001, 2) !== "0.00" || fixed(-7.5, 2) !== "−7.50") throw new Error(fixed(-0.001, 2));
 * ```
 */
export function fixed(x: number, digits: number): string {
  return withMinus(decimal(x, digits));
}

/** A number with an exponent, for readers: `2.4e−7`. */
export function exponential(x: number, digits: number): string {
  return withMinus(x.toExponential(digits));
}

/** A number that is written for machines, with minus signs instead of hyphens. */
export function withMinus(text: string): string {
  return text.replaceAll("-", "−");
}

/** The nearest whole number from 1 to `most`: a link may ask for any. */
export function nearest(x: number, most: number): number {
  return Math.max(1, Math.min(Math.round(x), most));
}

/** A number in a formula: a negative one in parentheses. */
export function term(x: number, digits: number): string {
  const text = fixed(x, digits);
  return text.startsWith("−") ? `(${text})` : text;
}
