/**
 * The loops of a program: of the axes that remain after merging, the innermost is the *run*, a fast
 * inner loop; the *outer* ones each have a counter. Row programs keep the last axis, the *row*,
 * separate; elementwise ones may split axes into tiles (`tiles.ts`).
 *
 * @module
 */

import type { Program } from "../../../formula/program.ts";
import { type Axis, collapseAxes, isAlongRow, rowOf } from "../../../kernel/layout.ts";
import type { TensorLayout } from "../../../layout_cache.ts";
import { cutIntoTiles } from "./tiles.ts";

/**
 * The axis of the vectors. For row programs, the row if its elements are contiguous; otherwise the
 * run, so that a vector holds four rows (as in a sum over the first axis).
 */
export type VectorAxis = "run" | "row";

/** The loop structure, and the strides of the operands: inputs, then outputs. */
export interface Layout {
  readonly vectors: VectorAxis;
  readonly run: Axis;
  /** The row, of length 1 in an elementwise program; the stride is 0 for one element per row. */
  readonly row: Axis;
  /** Innermost first. */
  readonly outer: readonly Axis[];
}

export function layOut(program: Program, operands: readonly TensorLayout[]): Layout {
  const merged = collapseAxes(program, operands);
  const [first, ...outer] = program.isRow ? merged : cutIntoTiles(merged);
  const run = first ?? { length: 1, strides: operands.map(() => 1) };
  const row = rowOf(program, operands);
  return { vectors: chooseVectorAxis(program, run, row), run, row, outer };
}

function chooseVectorAxis(program: Program, run: Axis, row: Axis): VectorAxis {
  if (!program.isRow) return "run";
  if (run.length < 4) return "row";
  let balance = 0;
  run.strides.forEach((runStride, k) => {
    if (!isAlongRow(program, k)) return;
    if (row.strides[k] === 1 && row.length > 1) balance++;
    else if (runStride === 1) balance--;
  });
  return balance < 0 ? "run" : "row";
}
