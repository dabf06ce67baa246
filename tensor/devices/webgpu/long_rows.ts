/**
 * Row programs on rows that exceed one binding: cut into parts, and computed in stages. @module
 */

import { allocateView, type View, type WebGpuDevice } from "../../device.ts";
import { computesIntegers, type Program } from "../../expression/program.ts";
import { stagesOf } from "../../expression/row_stages.ts";
import { isAlongRow } from "../../kernel/layout.ts";
import { split } from "./split.ts";

/**
 * Runs a row program on rows, none empty, that are too long for one kernel. Each stage completes
 * all parts before the next starts, and the last stages write the outputs, so these may alias
 * inputs.
 *
 * @param runPart Runs a program on inputs, then outputs, that fit a binding.
 */
export function runOnLongRows(
  device: WebGpuDevice,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
  runPart: (
    device: WebGpuDevice,
    program: Program,
    views: readonly View[],
    scalars: readonly number[],
  ) => void,
): void {
  const { stages, resultCount } = stagesOf(program);
  const operands = [...inputs, ...outputs];
  const varies = operands.map((_, k) => isAlongRow(program, k));
  const { shape } = operands[varies.indexOf(true)]!;
  const rowLength = shape.at(-1)!;
  const dtype = computesIntegers(program, operands) ? "int32" : "float32";
  const resultShape = shape.with(-1, resultCount);
  const results = allocateView(device, dtype, resultShape, "reductions of long rows");
  for (let i = 0; i < resultCount; i++) operands.push({ ...results, offset: i });
  for (const { program, reads, writes } of stages) {
    const used = [...reads, ...writes];
    // What is equal along a row does not extend along it.
    const views = used.map((index): View => {
      const view = operands[index]!;
      const { allocation, dtype, strides, offset } = view;
      return varies[index]
        ? view
        : { allocation, dtype, shape, strides: strides.with(-1, 0), offset };
    });
    const cut = { name: program.name, axes: shape.length, firstOutput: reads.length };
    for (const part of split(device, views, cut)) {
      const bound = part.views.map((view, i) =>
        varies[used[i]!] ? view : { ...view, shape: view.shape.with(-1, 1) }
      );
      runPart(device, program, bound, [...scalars, part.begin.at(-1)!, rowLength]);
    }
  }
  device.free(results.allocation);
}
