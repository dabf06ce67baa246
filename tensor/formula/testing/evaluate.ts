/** The reference interpreter: computes a program in double precision. @module */

import { binaryFunctions, type Expression, type UnaryOperation } from "../expression.ts";
import { identities, type Program, type Reduction } from "../program.ts";

/** Unary operations in double precision. */
export const unaryFunctions: Readonly<Record<UnaryOperation, (a: number) => number>> = {
  negate: (a) => -a,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  sin: Math.sin,
  cos: Math.cos,
  erf: errorFunction,
};

/**
 * Evaluates a program in double precision, as the reference for its kernels: `rows` rows of
 * `columns` elements, row-major, in the inputs and outputs; one element per row for a per-row
 * operand.
 *
 * @example
 * ```ts
 * import { rowSum } from "../expression.ts";
 * import { defineProgram } from "../program.ts";
 * import { evaluate } from "./evaluate.ts";
 *
 * const sum = defineProgram({ name: "sum", inputs: ["x"] }, ({ x }) => [rowSum(x)]);
 * const [total] = evaluate(sum, 2, 2, [Float64Array.of(1, 2, 3, 4)], []);
 * if (total![1] !== 7) throw new Error("expected 3 + 4");
 * ```
 */
export function evaluate(
  program: Program,
  rows: number,
  columns: number,
  inputs: readonly Float64Array[],
  scalars: readonly number[],
): Float64Array[] {
  const results = program.outputVaries.map((varies) =>
    new Float64Array(varies ? rows * columns : rows)
  );
  for (let row = 0; row < rows; row++) {
    const perRow = new Map<Expression, number>();
    const valueAt = (column: number, perElement: Map<Expression, number>) => {
      const value = (e: Expression): number => {
        const known = e.varies ? perElement : perRow;
        let result = known.get(e);
        if (result === undefined) known.set(e, result = compute(e));
        return result;
      };
      const compute = (e: Expression): number => {
        switch (e.kind) {
          case "input":
            return inputs[e.index]![e.varies ? row * columns + column : row]!;
          case "scalar":
            return scalars[e.index]!;
          case "constant":
            return e.value;
          case "columnIndex":
            return column;
          case "unary":
            return unaryFunctions[e.operation](value(e.a));
          case "binary":
            return binaryFunctions[e.operation](value(e.a), value(e.b));
          case "select":
            return value(e.condition) !== 0 ? value(e.a) : value(e.b);
          case "rowLength":
            return columns;
          case "broadcast":
          case "detach":
            return value(e.a);
          case "reduce":
            return reduceRow(e);
        }
      };
      return value;
    };
    const reduceRow = (e: Reduction): number => {
      let result = identities.floats[e.operation];
      const combine = binaryFunctions[e.operation === "sum" ? "add" : e.operation];
      for (let i = 0; i < columns; i++) result = combine(result, valueAt(i, new Map())(e.a));
      return result;
    };
    program.outputs.forEach((e, o) => {
      const result = results[o]!;
      if (!program.outputVaries[o]) result[row] = valueAt(0, new Map())(e);
      else for (let i = 0; i < columns; i++) result[row * columns + i] = valueAt(i, new Map())(e);
    });
  }
  return results;
}

/** The error function: Taylor series near 0, continued fraction elsewhere. */
function errorFunction(x: number): number {
  const magnitude = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (magnitude > 6) return Math.sign(x);
  if (magnitude < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (magnitude + fraction);
  const complement = Math.exp(-x * x) / Math.sqrt(Math.PI) / (magnitude + fraction);
  return Math.sign(x) * (1 - complement);
}
