/** Dropping the inputs of a program that its formulas do not use. @module */

import * as ex from "./expression.ts";
import { type Expression, inOrder } from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";

/**
 * Makes a program that takes only the inputs that it uses, so that the others need not be kept.
 *
 * @returns The program, and for each of its inputs the index that it had before.
 */
export function pruneInputs(
  program: Program,
): { readonly program: Program; readonly used: readonly number[] } {
  const order = inOrder(program.outputs);
  const used = program.inputs.flatMap((_, index) =>
    order.some((e) => e.kind === "input" && e.index === index) ? [index] : []
  );
  const rebuilt = new Map<Expression, Expression>();
  for (const e of order) {
    rebuilt.set(e, rebuild(e, (part) => rebuilt.get(part)!, (index) => used.indexOf(index)));
  }
  return {
    program: makeProgram(
      program.name,
      used.map((index) => program.inputs[index]!),
      used.map((index) => program.perRow[index]!),
      program.scalars,
      program.outputs.map((output) => rebuilt.get(output)!),
      { integers: used.map((index) => program.integers[index]!), isRow: program.isRow },
    ),
    used,
  };
}

function rebuild(
  e: Expression,
  part: (e: Expression) => Expression,
  newIndex: (index: number) => number,
): Expression {
  switch (e.kind) {
    case "input":
      return ex.input(newIndex(e.index), !e.varies);
    case "unary":
      return ex.unary(e.operation, part(e.a));
    case "binary":
      return ex.binary(e.operation, part(e.a), part(e.b));
    case "select":
      return ex.select(part(e.condition), part(e.a), part(e.b));
    case "reduce":
      return ex.reduce(e.operation, part(e.a));
    case "spread":
      return ex.spread(part(e.a));
    case "detach":
      return ex.detach(part(e.a));
    default:
      return e;
  }
}
