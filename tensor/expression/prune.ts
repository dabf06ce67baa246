import { inOrder } from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";
import { rebuild } from "./rebuild.ts";

/**
 * Removes unused inputs, unless they are `kept`, so that their tensors need not be kept. Returns
 * the program, and for each of its inputs the previous index.
 */
export function pruneInputs(
  program: Program,
  kept: readonly number[] = [],
): { readonly program: Program; readonly used: readonly number[] } {
  const order = inOrder(program.outputs);
  const used = program.inputs.flatMap((_, index) =>
    kept.includes(index) || order.some((e) => e.kind === "input" && e.index === index)
      ? [index]
      : []
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
