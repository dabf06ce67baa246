/** Splits programs whose operands exceed a kernel's storage buffers. @module */

import type { View } from "../../device.ts";
import { makeProgram, type Program } from "../../formula/program.ts";
import { pruneInputs } from "../../formula/prune.ts";
import { memoize } from "../../memoize.ts";

interface Part {
  readonly program: Program;
  readonly used: readonly number[];
  readonly outputs: readonly [start: number, end: number];
}

const partsOf = memoize((program: Program): readonly Part[] => {
  const { outputs } = program;
  const half = outputs.length >> 1;
  return ([[0, half], [half, outputs.length]] as const).map(([start, end]) => {
    const part = makeProgram({ ...program, outputs: outputs.slice(start, end), slopes: null });
    return { ...pruneInputs(part), outputs: [start, end] };
  });
});

/**
 * Splits a program into two with fewer operands each, in execution order; `null` if that is
 * impossible: with one output, or if the second would read what the first has overwritten.
 */
export function splitProgram(
  program: Program,
  views: readonly View[],
): readonly { readonly program: Program; readonly views: readonly View[] }[] | null {
  if (program.outputs.length < 2) return null;
  const firstOutput = program.inputs.length;
  const parts = partsOf(program).map(({ program, used, outputs: [start, end] }) => ({
    program,
    inputs: used.map((index) => views[index]!),
    outputs: views.slice(firstOutput + start, firstOutput + end),
  }));
  const written = new Set(parts[0]!.outputs.map(({ allocation }) => allocation));
  if (parts[1]!.inputs.some(({ allocation }) => written.has(allocation))) return null;
  return parts.map(({ program, inputs, outputs }) => ({ program, views: [...inputs, ...outputs] }));
}
