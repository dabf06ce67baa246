/** Rewrites of programs: the same formulas with other inputs and scalars. @module */

import { memoize } from "../memoize.ts";
import * as ex from "./expression.ts";
import { type Expression, inOrder, makeProgram, type Program } from "./program.ts";

/** Renumbers the inputs and scalars of formulas; scalars by default stay. */
function rebuild(
  outputs: readonly Expression[],
  newInput: (index: number) => number,
  newScalar: (index: number) => number = (index) => index,
): readonly Expression[] {
  const rebuilt = new Map<Expression, Expression>();
  const part = (e: Expression): Expression => {
    let result = rebuilt.get(e);
    if (result === undefined) rebuilt.set(e, result = rebuildOne(e));
    return result;
  };
  const rebuildOne = (e: Expression): Expression => {
    switch (e.kind) {
      case "input":
        return ex.input(newInput(e.index), !e.varies);
      case "scalar":
        return ex.scalar(newScalar(e.index));
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
  };
  return outputs.map(part);
}

/**
 * Removes unused inputs, so that their tensors need not be kept, unless only they tell the length of
 * the row. Returns the program, and for each of its inputs the previous index.
 *
 * @param present Number of inputs that are there in any case; the others are if they are used.
 */
export function pruneInputs(
  program: Program,
  present = program.inputs.length,
): { readonly program: Program; readonly used: readonly number[] } {
  const order = inOrder(program.outputs);
  const isUsed = (index: number) => order.some((e) => e.kind === "input" && e.index === index);
  const needsRow = order.some((e) => ["reduce", "columnIndex", "rowLength"].includes(e.kind));
  const knowsRow = program.outputVaries.includes(true) ||
    program.inputs.some(({ isPerRow }, index) => !isPerRow && isUsed(index));
  const used = program.inputs.flatMap(({ isPerRow }, index) =>
    isUsed(index) || (needsRow && !knowsRow && !isPerRow && index < present) ? [index] : []
  );
  return {
    program: makeProgram({
      ...program,
      inputs: used.map((index) => program.inputs[index]!),
      outputs: rebuild(program.outputs, (index) => used.indexOf(index)),
      slopes: null,
    }),
    used,
  };
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
