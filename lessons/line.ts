/**
 * Two dials that learn a rule from examples: a line through points, by gradient descent on `Value`.
 *
 * @module
 */

import { Value } from "../autograd/value.ts";

/** Four temperatures, in degrees Celsius and Fahrenheit: the examples. */
export const temperatures: readonly (readonly [celsius: number, fahrenheit: number])[] = [
  [-20, -4],
  [-10, 14],
  [10, 50],
  [20, 68],
];

/** The two numbers of the line a × x + b. */
export interface Line {
  /** The factor of x. */
  readonly a: number;
  /** The summand. */
  readonly b: number;
}

/** A step of {@linkcode fitLine}. */
export interface LineStep extends Line {
  /** The mean squared error of the line before the step was taken. */
  readonly loss: number;
}

/** Options for {@linkcode fitLine}. */
export interface LineOptions {
  /** The points. @default {temperatures} */
  readonly examples?: readonly (readonly [x: number, y: number])[];
  /** The line to start from. @default {a: 0, b: 0} */
  readonly start?: Line;
  /** The learning rate. @default {0.003} */
  readonly learningRate?: number;
  /** Number of updates. @default {1500} */
  readonly steps?: number;
}

/** The mean squared error of a line. */
function lossOf(a: Value, b: Value, examples: NonNullable<LineOptions["examples"]>): Value {
  const squares = examples.map(([x, y]) => a.mul(x).add(b).sub(y).pow(2));
  return squares.reduce((sum, square) => sum.add(square)).div(squares.length);
}

/**
 * The mean squared error of a line through points.
 *
 * @example
 * ```ts
 * import { lineLoss } from "./line.ts";
 *
 * if (lineLoss({ a: 1.8, b: 32 }) > 1e-9) throw new Error("that is the rule");
 * ```
 */
export function lineLoss(
  { a, b }: Line,
  examples: NonNullable<LineOptions["examples"]> = temperatures,
): number {
  return lossOf(new Value(a), new Value(b), examples).data;
}

/**
 * Changes the two numbers of a line a little at a time, until it goes through the points: linear
 * regression by gradient descent.
 *
 * @example
 * ```ts
 * import { fitLine } from "./line.ts";
 *
 * const { a, b } = [...fitLine()].at(-1)!;
 * if (a.toFixed(2) !== "1.80" || b.toFixed(1) !== "32.0") throw new Error(`${a}, ${b}`);
 * ```
 */
export function* fitLine(
  { examples = temperatures, start = { a: 0, b: 0 }, learningRate = 0.003, steps = 1500 }:
    LineOptions = {},
): Generator<LineStep, void> {
  const [a, b] = [new Value(start.a), new Value(start.b)];
  for (let step = 0; step < steps; step++) {
    for (const dial of [a, b]) dial.zeroGrad();
    const loss = lossOf(a, b, examples);
    loss.backward();
    for (const dial of [a, b]) dial.data -= learningRate * dial.grad;
    yield { a: a.data, b: b.data, loss: loss.data };
  }
}
