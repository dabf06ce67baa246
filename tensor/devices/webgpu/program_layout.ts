/** What WebGPU kernels need to know of their operands. @module */

import type { Allocation, View } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Axis, StrideClass } from "../../kernel/layout.ts";

export interface OperandPattern {
  readonly buffer: number;
  readonly dtype: DType;
  /** Along the innermost axis, or `row` for one element per row. */
  readonly stride: StrideClass | "row";
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

/**
 * Whether threads can handle four elements along the innermost axis, of this length: every operand
 * is either contiguous and 4-aligned there, or broadcast.
 *
 * @param outer The other axes.
 */
export function canHandleFour(
  length: number,
  views: readonly View[],
  patterns: readonly OperandPattern[],
  outer: readonly Axis[],
  firstOutput: number,
): boolean {
  if (length === 0 || length % 4 !== 0) return false;
  const isWide = (i: number): boolean => patterns[i]!.stride === "1";
  const fits = patterns.every(({ stride }, i) =>
    stride === "1"
      ? views[i]!.offset % 4 === 0 && outer.every(({ strides }) => strides[i]! % 4 === 0)
      : stride === "row" || (stride === "0" && i < firstOutput)
  );
  if (!fits || !patterns.some((_, i) => isWide(i))) return false;
  // A scalar cannot be stored to a buffer of vec4 without touching its neighbors.
  return patterns.every(({ buffer }, i) =>
    i < firstOutput || isWide(i) ||
    patterns.every((other, j) => other.buffer !== buffer || !isWide(j))
  );
}
