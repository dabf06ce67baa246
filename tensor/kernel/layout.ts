/** The memory layout of a program's operands, reduced to what a kernel's code depends on. @module */

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
