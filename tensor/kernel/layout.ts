/**
 * The memory layout of a program's operands, reduced to what a kernel's code depends on.
 *
 * Axes that lie behind each other become one. Of those that remain, the innermost is the *run*, a fast
 * inner loop, and the others are around it. A program with reductions keeps its last axis, the *row*,
 * apart; one without has rows of one element.
 *
 * @module
 */

import type { Program } from "../formula/program.ts";
import type { TensorLayout } from "../layout_cache.ts";

/** An axis of all operands of a program: inputs, then outputs. */
export interface Axis {
  readonly length: number;
  /** The strides of each operand, in elements. */
  readonly strides: readonly number[];
}

/** Stride along an axis: 0, 1 element, or a number known at run time. */
export type StrideClass = "0" | "1" | "n";

export function classOf(stride: number): StrideClass {
  return stride === 0 ? "0" : stride === 1 ? "1" : "n";
}

/**
 * The axis of the vectors. For row programs, the row if its elements are contiguous; otherwise the
 * run, so that a vector holds four rows (as in a sum over the first axis).
 */
export type VectorAxis = "run" | "row";

/** The loops of a program, with the strides of its operands: inputs, then outputs. */
export interface Layout {
  readonly vectors: VectorAxis;
  readonly run: Axis;
  /** The row, of length 1 in an elementwise program; the stride is 0 for one element per row. */
  readonly row: Axis;
  /** The axes around the run, innermost first. */
  readonly outer: readonly Axis[];
}

/** @param arrange Reorders the axes of an elementwise program. */
export function layOut(
  program: Program,
  operands: readonly TensorLayout[],
  arrange: (axes: readonly Axis[]) => readonly Axis[] = (axes) => axes,
): Layout {
  const merged = collapseAxes(program, operands);
  const [first, ...outer] = program.isRow ? merged : arrange(merged);
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

/**
 * Describes the same elements with as few axes as possible, innermost first: [2, 3, 4] with strides
 * [12, 4, 1] becomes one axis of 24. Axes of length 1 are dropped; the others are sorted by the
 * strides of the first output, and adjacent ones merged where all operands allow it. The last axis
 * of a row program, the row, is left out.
 */
export function collapseAxes(program: Program, operands: readonly TensorLayout[]): readonly Axis[] {
  const { shape, strides: lead } = operands[program.inputs.length]!;
  const rank = program.isRow ? shape.length - 1 : shape.length;
  const order: number[] = [];
  for (let axis = rank - 1; axis >= 0; axis--) if (shape[axis] !== 1) order.push(axis);
  order.sort((a, b) => Math.abs(lead[a]!) - Math.abs(lead[b]!));
  const merged: { length: number; strides: readonly number[] }[] = [];
  for (const axis of order) {
    const length = shape[axis]!;
    const inner = merged.at(-1);
    const merges = inner !== undefined &&
      operands.every(({ strides }, k) => strides[axis] === inner.strides[k]! * inner.length);
    if (merges) inner.length *= length;
    else merged.push({ length, strides: operands.map(({ strides }) => strides[axis]!) });
  }
  return merged;
}

/** Whether operand `k`, counting inputs then outputs, has an element per column of a row. */
export function isAlongRow(program: Program, k: number): boolean {
  if (!program.isRow) return false;
  const input = program.inputs[k];
  return input ? !input.isPerRow : program.outputVaries[k - program.inputs.length]!;
}

/** The row: its length is 1 if no operand has an element per column. */
export function rowOf(program: Program, operands: readonly TensorLayout[]): Axis {
  return {
    length: operands.find((_, k) => isAlongRow(program, k))?.shape.at(-1) ?? 1,
    strides: operands.map(({ strides }, k) => isAlongRow(program, k) ? strides.at(-1)! : 0),
  };
}
