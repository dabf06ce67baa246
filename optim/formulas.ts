/** Formulas that several kernels of this module have in common. @module */

import { defineProgram, expression as ex, type Program } from "../tensor/mod.ts";

/** What lies between two numbers, `share` of the way to the second: a step of a running mean. */
export function blend(
  from: ex.Expression,
  to: ex.Expression,
  share: ex.Expression,
): ex.Expression {
  return ex.add(from, ex.multiply(share, ex.subtract(to, from)));
}

/** The sum of the squares of each row. */
export const sumOfSquares: Program = defineProgram(
  { name: "sum of squares", inputs: ["x"] },
  ({ x }) => [ex.rowSum(ex.square(x))],
);
