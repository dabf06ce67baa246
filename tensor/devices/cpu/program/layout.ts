/**
 * How the elements of a program lie in memory, reduced to what a kernel's code depends on.
 *
 * Axes that all operands step through alike become one. The innermost axis that remains is the *run*:
 * the kernel goes along it quickly and steps through the *outer* axes with a counter for each. A
 * program that looks along rows keeps its last axis, the *row*, apart; one that does not may have its
 * axes cut into tiles (`tiles.ts`).
 *
 * @module
 */

import type { Program } from "../../../expression/program.ts";
import type { TensorLayout } from "../../../layout_cache.ts";
import { type Axis, cutIntoTiles } from "./tiles.ts";

/**
 * Which axis the lanes of a vector lie along. Elementwise programs take the run. A program that looks
 * along rows takes the row where neighbours in it are neighbours in memory, and else the run, so that
 * a vector holds four rows (as in a sum over the first axis).
 */
export type Mode = "elements" | "rows" | "columns";

/** The distance between neighbours along an axis: 0, 1 element, or a number known at run time. */
export type StrideClass = "0" | "1" | "n";

/** Where the elements of one operand lie. Strides are in elements. */
export interface OperandLayout {
  /** Along the run. */
  readonly runStride: number;
  /** Along the row; 0 where there is one element per row. */
  readonly rowStride: number;
  /** Along the outer axes, the innermost first. */
  readonly outerStrides: readonly number[];
}

/** The shape of the work, and the strides of each operand: the inputs and then the outputs. */
export interface Layout {
  /** Which axis vectors lie along. */
  readonly mode: Mode;
  /** The length of the run. */
  readonly runLength: number;
  /** The length of a row; 1 for elementwise programs. */
  readonly columns: number;
  /** The lengths of the outer axes, the innermost first. */
  readonly outerLengths: readonly number[];
  /** For each operand its strides. */
  readonly operands: readonly OperandLayout[];
  /** Work items: elements, or rows. */
  readonly items: number;
}

/** Lays out the views of a program's inputs and outputs, which all have the rank of the common shape. */
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

/** Whether operand `k`, of the inputs and then the outputs, has an element for each of the row's. */
export function isAlongRow(program: Program, k: number): boolean {
  if (!program.isRow) return false;
  const inputs = program.inputs.length;
  return k < inputs ? !program.perRow[k]! : program.outputVaries[k - inputs]!;
}

/** The shape that all operands have, but for the last axis of those that are one per row. */
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

/** The class of a stride. */
export function classOf(stride: number): StrideClass {
  return stride === 0 ? "0" : stride === 1 ? "1" : "n";
}
