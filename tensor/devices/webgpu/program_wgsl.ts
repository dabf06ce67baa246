/** Runs the programs of `tensor/formula/` on a WebGPU device. @module */

import { allocateView, type View, type WebGpuDevice } from "../../device.ts";
import { RangeError } from "../../errors.ts";
import { copyProgram, type Program } from "../../formula/program.ts";
import { programAsText } from "../../formula/text.ts";
import { viewBytes } from "../../profile.ts";
import { shapesEqual } from "../../shape.ts";
import { kernelOf } from "./kernel_cache.ts";
import { patternKey, programKernel } from "./program_code.ts";
import { layOutOperands } from "./program_layout.ts";
import { splitProgram } from "./program_parts.ts";
import { planProgram } from "./program_plan.ts";
import { fitsOneBinding, split } from "../../kernel/split.ts";
import { workgroupGrid } from "../../kernel/workgroup_grid.ts";

/**
 * Records a run of a program.
 *
 * Sizes, strides and offsets are kernel arguments, so other views need no new kernel. The code
 * depends only on the pattern: the number of axes after merging, each operand's step along the
 * innermost axis, and the vector width.
 *
 * @param inputs A view per input, broadcast to the common shape. In a row program the last axis is
 * the row, and per-row inputs have length 1 there.
 * @param outputs A view per output, of the common shape; in a row program, per-row outputs have
 * length 1 on the last axis. An output may coincide with an input, element by element, but not
 * overlap one otherwise.
 */
export function runProgramOnWebGpu(
  device: WebGpuDevice,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
): void {
  const views = [...inputs, ...outputs];
  const firstOutput = outputs[0];
  // An empty row still has a sum; without rows, or without elements, there is nothing to do.
  const counted = program.isRow ? firstOutput?.shape.slice(0, -1) : firstOutput?.shape;
  if (counted === undefined || counted.includes(0)) return;
  const isEmpty = views.some(({ shape }) => shape.includes(0));
  if (isEmpty || views.every(({ allocation }) => fitsOneBinding(device, allocation))) {
    runPiece(device, program, views, scalars);
    return;
  }
  const read = inputs.map((input) =>
    isWrittenElsewhere(input, outputs) ? copyOf(device, input) : input
  );
  const operands = [...read, ...outputs];
  const cut = { name: program.name, axes: counted.length, firstOutput: inputs.length };
  for (const { views } of split(device, operands, cut)) runPiece(device, program, views, scalars);
  for (const [i, view] of read.entries()) {
    if (view !== inputs[i]) device.free(view.allocation);
  }
}

/**
 * Whether a view's memory is also written, at other positions: memory is bound once, so one binding
 * would have to cover both.
 */
function isWrittenElsewhere(
  { allocation, offset, strides }: View,
  outputs: readonly View[],
): boolean {
  const written = outputs.filter((output) => output.allocation === allocation);
  return written.length > 0 &&
    !written.some((output) => output.offset === offset && shapesEqual(output.strides, strides));
}

/** A copy in separate memory, of numbers with four bytes. */
function copyOf(device: WebGpuDevice, view: View): View {
  const copy = allocateView(
    device,
    view.dtype === "int32" ? "int32" : "float32",
    view.shape,
    "copy of an input whose memory is written",
  );
  runProgramOnWebGpu(device, copyProgram, [view], [copy], []);
  return copy;
}

/** Runs a program on views that fit a binding: inputs, then outputs. */
function runPiece(
  device: WebGpuDevice,
  program: Program,
  views: readonly View[],
  scalars: readonly number[],
): void {
  const allocations = [...new Set(views.map(({ allocation }) => allocation))];
  const most = device.limits.maxStorageBuffersPerShaderStage;
  if (allocations.length > most) {
    const parts = splitProgram(program, views);
    if (parts !== null) {
      for (const part of parts) runPiece(device, part.program, part.views, scalars);
      return;
    }
    throw new RangeError(
      `Cannot run "${program.name}": wanted operands in at most ${most} buffers on this device, ` +
        `got ${allocations.length}`,
    );
  }
  const layout = layOutOperands(program, views, allocations);
  const { pattern, items, integers } = layout;
  const team = planProgram(device, program, layout);
  const order = team.rowsFirst ? " side by side" : "";
  const key = `${program.key} ${team.rows}x${team.lanes}${order} ${patternKey(pattern)}`;
  device.dispatch(
    kernelOf(key, () => ({
      ...programKernel(program, pattern, team),
      text: programAsText(program),
    })),
    allocations,
    pattern.number === "i32"
      ? { integers: [...integers, ...scalars] }
      : { integers, floats: scalars },
    workgroupGrid(
      Math.ceil(items / team.rows),
      device.limits.maxComputeWorkgroupsPerDimension,
    ),
    () => ({
      name: program.name,
      bytes: viewBytes(views),
      shapes: views.map(({ shape }) => shape),
    }),
  );
}
