/**
 * The loops of a program: of the axes that remain after merging, the innermost is the *run*, a fast
 * inner loop; the *outer* ones each have a counter. Row programs keep the last axis, the *row*,
 * separate; elementwise ones may split axes into tiles (`tiles.ts`).
 *
 * @module
 */

import type { Program } from "../../../expression/program.ts";
import { collapseAxes, isAlongRow, rowLengthOf } from "../../../kernel/layout.ts";
import type { TensorLayout } from "../../../layout_cache.ts";
import { cutIntoTiles } from "./tiles.ts";

/**
 * The axis of the vectors. For row programs, the row if its elements are contiguous; otherwise the
 * run, so that a vector holds four rows (as in a sum over the first axis).
 */
export type VectorAxis = "run" | "row";

export interface OperandLayout {
  readonly runStride: number;
  /** Along the row; 0 for one element per row. */
  readonly rowStride: number;
  /** Along the outer axes, innermost first. */
  readonly outerStrides: readonly number[];
}

/** The loop structure, and the strides of each operand: inputs, then outputs. */
export interface Layout {
  readonly vectors: VectorAxis;
  readonly runLength: number;
  /** Row length; 1 for elementwise programs. */
  readonly columns: number;
  /** Lengths of the outer axes, innermost first. */
  readonly outerLengths: readonly number[];
  readonly operands: readonly OperandLayout[];
  readonly items: number;
}

export function layOut(program: Program, views: readonly TensorLayout[]): Layout {
  const merged = collapseAxes(program, views);
  const [run, ...outer] = program.isRow ? merged : cutIntoTiles(merged);
  const runLength = run?.length ?? 1;
  const columns = program.isRow ? rowLengthOf(program, views) : 1;
  const operands = views.map((view, k) => ({
    runStride: run?.strides[k] ?? 1,
    rowStride: isAlongRow(program, k) ? view.strides.at(-1)! : 0,
    outerStrides: outer.map((axis) => axis.strides[k]!),
  }));
  return {
    vectors: chooseVectorAxis(program, operands, runLength, columns),
    runLength,
    columns,
    outerLengths: outer.map((axis) => axis.length),
    operands,
    items: merged.reduce((product, { length }) => product * length, 1),
  };
}

function chooseVectorAxis(
  program: Program,
  operands: readonly OperandLayout[],
  runLength: number,
  columns: number,
): VectorAxis {
  if (!program.isRow) return "run";
  if (runLength < 4) return "row";
  let balance = 0;
  operands.forEach(({ runStride, rowStride }, k) => {
    if (!isAlongRow(program, k)) return;
    if (rowStride === 1 && columns > 1) balance++;
    else if (runStride === 1) balance--;
  });
  return balance < 0 ? "run" : "row";
}
