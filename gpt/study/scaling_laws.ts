/**
 * Scaling laws: the best model size for a budget of FLOPs.
 *
 * For each budget a parabola in the logarithm of the parameters is fitted to the losses of models
 * of several sizes. Its minimum is the best size for the budget, which grows with the budget by a
 * power law. Source: Hoffmann et al., "Training Compute-Optimal Large Language Models" (2022),
 * approach 2, as in nanochat's `dev/scaling_analysis.ipynb`. Confidence intervals are this
 * project's: errors of the minima follow from the scatter of the runs around all parabolas
 * together.
 *
 * @module
 */

import { mean, studentQuantile } from "./statistics.ts";

/** A run. */
export interface ScalingPoint {
  /** The FLOPs that it was allowed to spend. */
  readonly budget: number;
  /** Parameters of the model, counted by any convention. */
  readonly parameters: number;
  /** Tokens that it was trained on. */
  readonly tokens: number;
  /** The final loss, such as bits per byte. */
  readonly loss: number;
}

/** Loss over the logarithm (base 10) of the parameters: `a (x − center)² + b (x − center) + c`. */
export interface Parabola {
  /** The mean of the logarithms. */
  readonly center: number;
  /** The coefficients a, b and c. */
  readonly coefficients: readonly [number, number, number];
}

/** The best model for a budget. */
export interface Optimum {
  /** The FLOPs. */
  readonly budget: number;
  /** The fit to the runs of the budget. */
  readonly parabola: Parabola;
  /** Parameters at the minimum; `null` if the parabola has none, as it opens downward. */
  readonly parameters: number | null;
  /** Tokens for that many parameters, interpolated between the runs on logarithmic scales. */
  readonly tokens: number | null;
  /** The loss at the minimum. */
  readonly loss: number | null;
  /** Whether models on both sides of the minimum were trained; otherwise it is extrapolated. */
  readonly isInside: boolean;
}

/** A quantity over the FLOPs C: `factor · C^exponent`. */
export interface PowerLaw {
  /** The exponent. */
  readonly exponent: number;
  /** The factor. */
  readonly factor: number;
  /**
   * The confidence interval of the exponent at 95 %; `null` if there are too few runs to estimate
   * errors.
   */
  readonly interval: readonly [low: number, high: number] | null;
}

/** Results of {@linkcode fitScalingLaws}. */
export interface ScalingLaws {
  /** The best model by budget, in ascending order of budgets. */
  readonly optima: readonly Optimum[];
  /**
   * Growth of the best number of parameters, fitted to the minima that lie between trained models;
   * `null` if fewer than two budgets have one.
   */
  readonly parameters: PowerLaw | null;
  /** Growth of the number of tokens, fitted likewise. */
  readonly tokens: PowerLaw | null;
}

/** The confidence of intervals. */
const CONFIDENCE = 0.95;

/** Sizes of models that a parabola needs. */
export const MIN_SCALING_SIZES = 3;

/**
 * Fits scaling laws to runs.
 *
 * @throws {RangeError} If a budget has runs of fewer than three sizes, or a number is not above 0.
 *
 * @example
 * ```ts
 * import { fitScalingLaws } from "./scaling_laws.ts";
 *
 * const points = [1e12, 1e14].flatMap((budget) =>
 *   [0.5, 1, 2].map((factor) => {
 *     const parameters = factor * Math.sqrt(budget / 72);
 *     return { budget, parameters, tokens: budget / 6 / parameters, loss: 2 + Math.log(factor) ** 2 };
 *   })
 * );
 * const { parameters } = fitScalingLaws(points);
 * if (parameters?.exponent.toFixed(6) !== "0.500000") throw new Error("expected a square root");
 * ```
 */
export function fitScalingLaws(points: readonly ScalingPoint[]): ScalingLaws {
  checkPoints(points);
  const budgets = [...new Set(points.map(({ budget }) => budget))].sort((a, b) => a - b);
  const fits = budgets.map((budget) =>
    fitBudget(points.filter((point) => point.budget === budget))
  );
  const freedom = fits.reduce((sum, fit) => sum + fit.freedom, 0);
  const scatter = fits.reduce((sum, fit) => sum + fit.squares, 0) / freedom;
  const errors = { freedom, variance: freedom === 0 ? null : scatter };
  const found = fits.filter(({ optimum }) => optimum.isInside);
  return {
    optima: fits.map(({ optimum }) => optimum),
    parameters: fitPowerLaw(
      found.map(({ optimum, sensitivity }) => ({
        budget: optimum.budget,
        value: optimum.parameters!,
        sensitivity,
      })),
      errors,
    ),
    tokens: fitPowerLaw(
      found.map(({ optimum, sensitivity, tokenSlope }) => ({
        budget: optimum.budget,
        value: optimum.tokens!,
        sensitivity: sensitivity * tokenSlope ** 2,
      })),
      errors,
    ),
  };
}

/** The loss of a parabola at a number of parameters. */
export function lossAt({ center, coefficients: [a, b, c] }: Parabola, parameters: number): number {
  const x = Math.log10(parameters) - center;
  return a * x ** 2 + b * x + c;
}

/** A fit to the runs of one budget. */
interface BudgetFit {
  readonly optimum: Optimum;
  /** The sum of the squared residuals, and the degrees of freedom that they have. */
  readonly squares: number;
  readonly freedom: number;
  /** The variance of the logarithm of the best parameters, for losses of variance 1. */
  readonly sensitivity: number;
  /** How the logarithm of the tokens changes with that of the parameters there. */
  readonly tokenSlope: number;
}

function fitBudget(points: readonly ScalingPoint[]): BudgetFit {
  const { budget } = points[0]!;
  const logs = points.map(({ parameters }) => Math.log10(parameters));
  const center = mean(logs);
  const rows = logs.map((log) => [(log - center) ** 2, log - center, 1]);
  const inverse = invert(gramOf(rows));
  const projected = [0, 1, 2].map((j) =>
    points.reduce((sum, { loss }, i) => sum + rows[i]![j]! * loss, 0)
  );
  const [a, b, c] = inverse.map((row) => dot(row, projected)) as [number, number, number];
  const squares = points.reduce(
    (sum, { loss }, i) => sum + (loss - dot(rows[i]!, [a, b, c])) ** 2,
    0,
  );
  const parabola: Parabola = { center, coefficients: [a, b, c] };
  const rest = { squares, freedom: points.length - MIN_SCALING_SIZES };
  if (a <= 0) {
    const none = { parameters: null, tokens: null, loss: null, isInside: false };
    return { optimum: { budget, parabola, ...none }, ...rest, sensitivity: 0, tokenSlope: 0 };
  }
  const x = -b / (2 * a);
  // The minimum as a function of the coefficients, to first order.
  const slopes = [b / (2 * a ** 2), -1 / (2 * a), 0];
  const parameters = 10 ** (center + x);
  const between = tokensAt(points, center + x);
  return {
    optimum: {
      budget,
      parabola,
      parameters,
      tokens: between.tokens,
      loss: lossAt(parabola, parameters),
      isInside: center + x >= Math.min(...logs) && center + x <= Math.max(...logs),
    },
    ...rest,
    sensitivity: dot(inverse.map((row) => dot(row, slopes)), slopes),
    tokenSlope: between.slope,
  };
}

/** The tokens of a model between those that were trained, on logarithmic scales. */
function tokensAt(points: readonly ScalingPoint[], log: number): { tokens: number; slope: number } {
  const sizes = new Map(points.map(({ parameters, tokens }) => [parameters, tokens]));
  const sorted = [...sizes].sort(([a], [b]) => a - b).map((pair) => pair.map(Math.log10));
  const after = sorted.findIndex(([parameters]) => parameters! > log);
  // The outermost pair continues where the models end.
  const last = after === -1 ? sorted.length - 1 : Math.max(after, 1);
  const [[x0, y0], [x1, y1]] = [sorted[last - 1]!, sorted[last]!] as [number[], number[]];
  const slope = (y1! - y0!) / (x1! - x0!);
  return { tokens: 10 ** (y0! + slope * (log - x0!)), slope };
}

interface LawPoint {
  readonly budget: number;
  readonly value: number;
  readonly sensitivity: number;
}

/** A line through logarithms; its slope is a sum of them, with weights, and so is its variance. */
function fitPowerLaw(
  points: readonly LawPoint[],
  { variance, freedom }: { readonly variance: number | null; readonly freedom: number },
): PowerLaw | null {
  if (points.length < 2) return null;
  const [x, y] = [
    points.map(({ budget }) => Math.log10(budget)),
    points.map(({ value }) => Math.log10(value)),
  ];
  const center = mean(x);
  const spread = x.reduce((sum, each) => sum + (each - center) ** 2, 0);
  const weights = x.map((each) => (each - center) / spread);
  const exponent = dot(weights, y);
  const factor = 10 ** (mean(y) - exponent * center);
  if (variance === null) return { exponent, factor, interval: null };
  const own = points.reduce((sum, { sensitivity }, i) => sum + weights[i]! ** 2 * sensitivity, 0);
  const margin = studentQuantile(CONFIDENCE, freedom) * Math.sqrt(own * variance);
  return { exponent, factor, interval: [exponent - margin, exponent + margin] };
}

function checkPoints(points: readonly ScalingPoint[]): void {
  const refuse = (wanted: string, got: string) => {
    throw new RangeError(`Cannot fit scaling laws: wanted ${wanted}, got ${got}`);
  };
  if (points.length === 0) refuse("runs", "none");
  for (const point of points) {
    const wrong = Object.entries(point).find(([, value]) => !(value > 0 && value < Infinity));
    if (wrong !== undefined) refuse(`a number of ${wrong[0]} above 0`, `${wrong[1]}`);
  }
  for (const { budget } of points) {
    const ofBudget = points.filter((point) => point.budget === budget);
    const sizes = new Set(ofBudget.map(({ parameters }) => parameters)).size;
    if (sizes < MIN_SCALING_SIZES) {
      refuse(`models of at least ${MIN_SCALING_SIZES} sizes for ${budget} FLOPs`, `${sizes}`);
    }
  }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** The products of all columns with each other. */
function gramOf(rows: readonly (readonly number[])[]): number[][] {
  const columns = rows[0]!.map((_, j) => rows.map((row) => row[j]!));
  return columns.map((a) => columns.map((b) => dot(a, b)));
}

/** The inverse of a small symmetric positive definite matrix, by Gauss–Jordan elimination. */
function invert(matrix: readonly (readonly number[])[]): number[][] {
  const rows = matrix.map((row, i) => [...row, ...matrix.map((_, j) => i === j ? 1 : 0)]);
  for (const [i, row] of rows.entries()) {
    const pivot = row[i]!;
    for (let j = 0; j < row.length; j++) row[j]! /= pivot;
    for (const other of rows) {
      if (other === row) continue;
      const factor = other[i]!;
      for (let j = 0; j < row.length; j++) other[j]! -= factor * row[j]!;
    }
  }
  return rows.map((row) => row.slice(matrix.length));
}
