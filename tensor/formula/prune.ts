import { inOrder } from "./expression.ts";
import { makeProgram, type Program } from "./program.ts";
import { rebuild } from "./rebuild.ts";

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
