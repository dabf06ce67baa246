/**
 * The memory layout of a program's operands, reduced to what a kernel's code depends on.
 *
 * Axes with compatible strides in all operands are merged. The innermost remaining axis is the
 * *run*, a fast inner loop; the *outer* axes each have a counter. Row programs keep the last axis,
 * the *row*, separate; elementwise ones may split axes into tiles (`tiles.ts`).
 *
 * @module
 */

import type { Program } from "../../../expression/program.ts";
import type { TensorLayout } from "../../../layout_cache.ts";
import { type Axis, cutIntoTiles } from "./tiles.ts";

/**
 * The axis of the vectors. For elementwise programs, the run. For row programs, the row if its
 * elements are contiguous; otherwise the run, so that a vector holds four rows (as in a sum over
 * the first axis).
 */
export type Mode = "elements" | "rows" | "columns";

/** Stride along an axis: 0, 1 element, or a number known at run time. */
export type StrideClass = "0" | "1" | "n";

export interface OperandLayout {
  readonly runStride: number;
  /** Along the row; 0 for one element per row. */
  readonly rowStride: number;
  /** Along the outer axes, innermost first. */
  readonly outerStrides: readonly number[];
}

/** The loop structure, and the strides of each operand: inputs, then outputs. */
export interface Layout {
  readonly mode: Mode;
  readonly runLength: number;
  /** Row length; 1 for elementwise programs. */
  readonly columns: number;
  /** Lengths of the outer axes, innermost first. */
  readonly outerLengths: readonly number[];
  readonly operands: readonly OperandLayout[];
  readonly items: number;
}

export function layOut(program: Program, views: readonly TensorLayout[]): Layout {
  const shape = commonShape(program, views);
  const outerRank = program.isRow ? shape.length - 1 : shape.length;
  const columns = program.isRow ? shape[outerRank]! : 1;
  const merged: { length: number; strides: number[] }[] = [];
  let items = 1;
  for (let axis = outerRank - 1; axis >= 0; axis--) {
    const length = shape[axis]!;
    items *= length;
    if (length === 1) continue;
    const inner = merged.at(-1);
    let merges = inner !== undefined;
    for (let k = 0; merges && k < views.length; k++) {
      merges = views[k]!.strides[axis] === inner!.strides[k]! * inner!.length;
    }
    if (merges) inner!.length *= length;
    else merged.push({ length, strides: views.map((view) => view.strides[axis]!) });
  }
  const axes: readonly Axis[] = program.isRow ? merged : cutIntoTiles(merged);
  const [run, ...outer] = axes;
  const runLength = run?.length ?? 1;
  const operands = views.map((view, k) => ({
    runStride: run?.strides[k] ?? 1,
    rowStride: isAlongRow(program, k) ? view.strides[outerRank]! : 0,
    outerStrides: outer.map((axis) => axis.strides[k]!),
  }));
  return {
    mode: program.isRow ? chooseMode(program, operands, runLength, columns) : "elements",
    runLength,
    columns,
    outerLengths: outer.map((axis) => axis.length),
    operands,
    items,
  };
}

/** Whether operand `k`, counting inputs then outputs, has an element per column. */
export function isAlongRow(program: Program, k: number): boolean {
  if (!program.isRow) return false;
  const inputs = program.inputs.length;
  return k < inputs ? !program.perRow[k]! : program.outputVaries[k - inputs]!;
}

/** The common shape of all operands, except for the last axis of per-row operands. */
function commonShape(program: Program, views: readonly TensorLayout[]): readonly number[] {
  for (let k = 0; k < views.length; k++) if (isAlongRow(program, k)) return views[k]!.shape;
  return views[0]!.shape;
}

function chooseMode(
  program: Program,
  operands: readonly OperandLayout[],
  runLength: number,
  columns: number,
): Mode {
  if (runLength < 4) return "rows";
  let balance = 0;
  operands.forEach(({ runStride, rowStride }, k) => {
    if (!isAlongRow(program, k)) return;
    if (rowStride === 1 && columns > 1) balance++;
    else if (runStride === 1) balance--;
  });
  return balance < 0 ? "columns" : "rows";
}

export function classOf(stride: number): StrideClass {
  return stride === 0 ? "0" : stride === 1 ? "1" : "n";
}
