import { defineProgram, expression as ex, type Program } from "../tensor/mod.ts";

/** Linear interpolation (lerp), by `share` towards the second: one step of a moving average. */
export function blend(
  from: ex.Expression,
  to: ex.Expression,
  share: ex.Expression,
): ex.Expression {
  return ex.add(from, ex.multiply(share, ex.subtract(to, from)));
}

export const sumOfSquares: Program = defineProgram(
  { name: "sum of squares", inputs: ["x"] },
  ({ x }) => [ex.rowSum(ex.square(x))],
);
