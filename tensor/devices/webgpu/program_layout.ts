/** How the operands of a program lie in memory, made as simple as they allow. @module */

import type { Allocation, View } from "../../device.ts";
import type { DType } from "../../dtype.ts";

/** Axes that all operands share, with the strides of each. */
export interface Axes {
  /** The lengths, from the outermost axis to the innermost. */
  readonly sizes: readonly number[];
  /** For each operand its stride along each axis, in elements. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * Writes the same elements with as few axes as possible.
 *
 * Axes of length 1 go; the others are put in the order in which `leader` lies in memory, and
 * neighbours become one where every operand steps through both as through one.
 *
 * @param sizes The lengths, none of them 0.
 * @param strides For each operand its stride along each axis.
 * @param leader The operand by which the axes are ordered.
 *
 * @example
 * ```ts
 * import { collapseAxes } from "./program_layout.ts";
 *
 * const { sizes } = collapseAxes([2, 3, 4], [[12, 4, 1], [0, 0, 0]], 0);
 * if (sizes.length !== 1 || sizes[0] !== 24) throw new Error("expected one axis of 24");
 * ```
 */
export function collapseAxes(
  sizes: readonly number[],
  strides: readonly (readonly number[])[],
  leader: number,
): Axes {
  const order = sizes.map((_, axis) => axis).filter((axis) => sizes[axis] !== 1);
  const lead = strides[leader]!;
  order.sort((a, b) => Math.abs(lead[b]!) - Math.abs(lead[a]!) || a - b);
  const newSizes: number[] = [];
  const newStrides: number[][] = strides.map(() => []);
  for (const axis of order) {
    const size = sizes[axis]!;
    const last = newSizes.length - 1;
    const merges = last >= 0 &&
      strides.every((s, i) => newStrides[i]![last] === s[axis]! * size);
    if (merges) {
      newSizes[last]! *= size;
      newStrides.forEach((s, i) => s[last] = strides[i]![axis]!);
    } else {
      newSizes.push(size);
      newStrides.forEach((s, i) => s.push(strides[i]![axis]!));
    }
  }
  return { sizes: newSizes, strides: newStrides };
}

/** What is known of an operand when a kernel is written; kernels are shared by equal patterns. */
export interface OperandPattern {
  /** The storage buffer that it is in: operands in one allocation share a buffer. */
  readonly buffer: number;
  /** The type of its elements; formulas see them all as `f32`. */
  readonly dtype: DType;
  /**
   * How it steps along the innermost axis: to the next element, not at all, or by a stride that is
   * an argument; `none` if it has no such axis, being one per row.
   */
  readonly step: "next" | "same" | "stride" | "none";
}

/** The operands' allocations, each once, and which operand is in which. */
export function groupByAllocation(
  views: readonly View[],
): { readonly allocations: readonly Allocation[]; readonly buffers: readonly number[] } {
  const allocations: Allocation[] = [];
  const buffers = views.map(({ allocation }) => {
    const known = allocations.indexOf(allocation);
    return known >= 0 ? known : allocations.push(allocation) - 1;
  });
  return { allocations, buffers };
}

/** How an operand with this stride steps along the innermost axis. */
export function stepOf(stride: number): "next" | "same" | "stride" {
  return stride === 1 ? "next" : stride === 0 ? "same" : "stride";
}

/**
 * Whether four neighbours along the innermost axis can be handled at once: every operand either
 * has them side by side, from a multiple of 4 on, or has one number for all.
 *
 * @param length The length of the innermost axis.
 * @param outer For each operand its strides along the other axes.
 * @param firstOutput The operands from this one on are written.
 */
export function canHandleFour(
  length: number,
  views: readonly View[],
  patterns: readonly OperandPattern[],
  outer: readonly (readonly number[])[],
  firstOutput: number,
): boolean {
  if (length === 0 || length % 4 !== 0) return false;
  const isWide = (i: number): boolean => patterns[i]!.step === "next";
  const fits = patterns.every(({ step }, i) =>
    step === "next"
      ? views[i]!.offset % 4 === 0 && outer[i]!.every((stride) => stride % 4 === 0)
      : step === "none" || (step === "same" && i < firstOutput)
  );
  if (!fits || !patterns.some((_, i) => isWide(i))) return false;
  // A single number cannot be stored to a buffer of fours without touching its neighbours.
  return patterns.every(({ buffer }, i) =>
    i < firstOutput || isWide(i) ||
    patterns.every((other, j) => other.buffer !== buffer || !isWide(j))
  );
}
