/** The memory layout of a program's operands, simplified as far as possible. @module */

import type { Allocation, View } from "../../device.ts";
import type { DType } from "../../dtype.ts";

/** The common axes of all operands, with the strides of each. */
export interface Axes {
  /** Lengths, outermost first. */
  readonly sizes: readonly number[];
  /** Strides of each operand along the axes, in elements. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * Describes the same elements with as few axes as possible: [2, 3, 4] with strides [12, 4, 1]
 * become one axis of 24. Axes of length 1 are dropped; the others are sorted by the strides of the
 * operand `leader`, and adjacent ones merged where all operands allow it. No length is 0.
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

export interface OperandPattern {
  readonly buffer: number;
  readonly dtype: DType;
  /** Step along the innermost axis; `none` for a per-row operand. */
  readonly step: "next" | "same" | "stride" | "none";
}

/** The distinct allocations of the operands, and the index of each operand's allocation. */
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

export function stepOf(stride: number): "next" | "same" | "stride" {
  return stride === 1 ? "next" : stride === 0 ? "same" : "stride";
}

/**
 * Whether threads can handle four elements along the innermost axis, of this length: every operand
 * is either contiguous and 4-aligned there, or broadcast. `outer` has the other strides of each.
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
  // A scalar cannot be stored to a buffer of vec4 without touching its neighbors.
  return patterns.every(({ buffer }, i) =>
    i < firstOutput || isWide(i) ||
    patterns.every((other, j) => other.buffer !== buffer || !isWide(j))
  );
}
