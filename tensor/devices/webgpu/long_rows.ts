/**
 * Row programs on rows that exceed one binding: cut into pieces, and computed in stages. @module
 */

import type { View, WebGpuDevice } from "../../device.ts";
import { bytesPerElement } from "../../dtype.ts";
import { computesIntegers, type Program } from "../../expression/program.ts";
import { type RowPart, stagesOf } from "../../expression/row_stages.ts";
import { allocateView } from "./allocation.ts";
import { fitsOneBinding, rowFitsOneBinding } from "./binding_ranges.ts";

export type RunProgram = (
  device: WebGpuDevice,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
) => void;

interface Piece {
  readonly first: number;
  readonly length: number;
}

export function rowsFitOneBinding(device: WebGpuDevice, view: View): boolean {
  const [length, stride] = [view.shape.at(-1) ?? 1, view.strides.at(-1) ?? 0];
  return rowFitsOneBinding(device, view, (length - 1) * stride + 1);
}

/**
 * Runs a row program on rows, none empty, that are too long for one kernel. Each stage completes
 * all pieces before the next starts, and the last stage writes the outputs, so these may alias
 * inputs. `run` runs a program on shorter rows.
 */
export function runOnLongRows(
  device: WebGpuDevice,
  program: Program,
  inputs: readonly View[],
  outputs: readonly View[],
  scalars: readonly number[],
  run: RunProgram,
): void {
  const { reductions, resultCount, perElement, perRow } = stagesOf(program);
  const operands = [...inputs, ...outputs];
  const varies = [...program.perRow.map((perRow) => !perRow), ...program.outputVaries];
  const varying = operands.filter((_, i) => varies[i]);
  const rowShape = varying[0]!.shape.slice(0, -1);
  const rowLength = varying[0]!.shape.at(-1)!;
  const pieces = cutRow(rowLength, shortRow(device, varying));
  const dtype = computesIntegers(program, inputs, outputs) ? "int32" : "float32";
  const results = allocateView(
    device,
    dtype,
    [...rowShape, resultCount],
    "reductions of long rows",
  );

  const runPart = ({ program, used }: RowPart, piece: Piece, outputs: readonly View[]) => {
    const views = used.map((index) => {
      const view = operands[index];
      if (view === undefined) return columnOf(results, index - operands.length);
      return varies[index] ? columnsOf(view, piece) : view;
    });
    run(device, program, views, outputs, [...scalars, piece.first, rowLength]);
  };

  let done = 0;
  for (const { piece, combine } of reductions) {
    // For each reduction, a row of the pieces' results.
    const count = combine.outputs.length;
    const shape = [...rowShape, count * pieces.length];
    const partial = allocateView(device, dtype, shape, "reductions of pieces of rows");
    const perReduction = (view: (reduction: number) => View) =>
      Array.from({ length: count }, (_, i) => view(i));
    for (const [place, each] of pieces.entries()) {
      runPart(piece, each, perReduction((i) => columnOf(partial, i * pieces.length + place)));
    }
    run(
      device,
      combine,
      perReduction((i) => columnsOf(partial, { first: i * pieces.length, length: pieces.length })),
      perReduction((i) => columnOf(results, done + i)),
      [],
    );
    device.free(partial.allocation);
    done += count;
  }
  const [ofElements, ofRows] = [true, false].map((vary) =>
    outputs.filter((_, i) => program.outputVaries[i] === vary)
  );
  if (perElement !== null) {
    for (const piece of pieces) {
      runPart(perElement, piece, ofElements!.map((view) => columnsOf(view, piece)));
    }
  }
  if (perRow !== null) runPart(perRow, { first: 0, length: rowLength }, ofRows!);
  device.free(results.allocation);
}

/** A row length that fits a binding twice, so that adjacent rows share a kernel. */
function shortRow(device: WebGpuDevice, views: readonly View[]): number {
  const seen = device.limits.maxStorageBufferBindingSize / 2;
  const lengths = views.map(({ allocation, dtype, strides }) => {
    const stride = Math.max(1, strides.at(-1)!) * bytesPerElement(dtype);
    return fitsOneBinding(device, allocation) ? Infinity : Math.floor(seen / stride);
  });
  return Math.max(1, Math.min(...lengths));
}

/** Pieces of equal length, a multiple of four if possible, and the rest. */
function cutRow(rowLength: number, most: number): readonly Piece[] {
  const length = most < 4 ? most : 4 * Math.floor(most / 4);
  return Array.from({ length: Math.ceil(rowLength / length) }, (_, i) => ({
    first: i * length,
    length: Math.min(length, rowLength - i * length),
  }));
}

function columnsOf(view: View, { first, length }: Piece): View {
  const { allocation, dtype, shape, strides, offset } = view;
  return {
    ...{ allocation, dtype, strides },
    shape: shape.with(-1, length),
    offset: offset + first * strides.at(-1)!,
  };
}

function columnOf(view: View, column: number): View {
  return columnsOf(view, { first: column, length: 1 });
}
