/** Rewrites of programs: the same formulas with other inputs and scalars. @module */

import { memoize } from "../memoize.ts";
import * as ex from "./expression.ts";
import type { Expression } from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";

/**
 * Rewrites formulas bottom-up. `replace` returns the replacement of a node, or `null` to keep its
 * operation.
 */
export function replaceParts(
  outputs: readonly Expression[],
  replace: (e: Expression) => Expression | null,
): readonly Expression[] {
  const rebuilt = new Map<Expression, Expression>();
  const part = (e: Expression): Expression => {
    let result = rebuilt.get(e);
    if (result === undefined) rebuilt.set(e, result = replace(e) ?? rebuildOne(e, part));
    return result;
  };
  return outputs.map(part);
}

/** Renumbers the inputs and scalars of formulas; scalars by default stay. */
export function rebuild(
  outputs: readonly Expression[],
  newInput: (index: number) => number,
  newScalar: (index: number) => number = (index) => index,
): readonly Expression[] {
  return replaceParts(outputs, (e) => {
    if (e.kind === "input") return ex.input(newInput(e.index), !e.varies);
    return e.kind === "scalar" ? ex.scalar(newScalar(e.index)) : null;
  });
}

function rebuildOne(e: Expression, part: (e: Expression) => Expression): Expression {
  switch (e.kind) {
    case "unary":
      return ex.unary(e.operation, part(e.a));
    case "binary":
      return ex.binary(e.operation, part(e.a), part(e.b));
    case "select":
      return ex.select(part(e.condition), part(e.a), part(e.b));
    case "reduce":
      return ex.reduce(e.operation, part(e.a));
    case "broadcast":
    case "detach":
      return ex[e.kind](part(e.a));
    default:
      return e;
  }
}

const repeatsOf = memoize((_program: Program): Program[] => []);

/**
 * A program that runs another one several times: its inputs, scalars and outputs are those of the
 * first run, followed by those of the others.
 *
 * @example
 * ```ts
 * import { evaluate } from "./testing/evaluate.ts";
 * import { multiply } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 * import { repeatProgram } from "./rebuild.ts";
 *
 * const scale = defineProgram(
 *   { name: "scale", inputs: ["x"], scalars: ["by"] },
 *   ({ x, by }) => [multiply(x, by)],
 * );
 * const inputs = [Float64Array.of(3), Float64Array.of(4)];
 * const [first, second] = evaluate(repeatProgram(scale, 2), 1, 1, inputs, [10, 100]);
 * if (first![0] !== 30 || second![0] !== 400) throw new Error("expected 30 and 400");
 * ```
 */
export function repeatProgram(program: Program, count: number): Program {
  return repeatsOf(program)[count] ??= makeRepeated(program, count);
}

function makeRepeated(program: Program, count: number): Program {
  const { inputs, scalars, outputs } = program;
  const times = Array.from({ length: count }, (_, time) => time);
  return makeProgram({
    ...program,
    inputs: times.flatMap((time) =>
      inputs.map((input) => ({ ...input, name: `${input.name}${time}` }))
    ),
    scalars: times.flatMap((time) => scalars.map((name) => `${name}${time}`)),
    outputs: times.flatMap((time) =>
      rebuild(
        outputs,
        (index) => time * inputs.length + index,
        (index) => time * scalars.length + index,
      )
    ),
    slopes: null,
  });
}
