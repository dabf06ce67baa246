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

/** @param isTiled Whether to cut the axes of an elementwise program into tiles. */
export function layOut(
  program: Program,
  operands: readonly TensorLayout[],
  isTiled: boolean,
): Layout {
  const merged = collapseAxes(program, operands);
  const [first, ...outer] = isTiled && !program.isRow ? cutIntoTiles(merged) : merged;
  const run = first ?? { length: 1, strides: operands.map(() => 1) };
  const row = findRow(program, operands);
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
export function findRow(program: Program, operands: readonly TensorLayout[]): Axis {
  return {
    length: operands.find((_, k) => isAlongRow(program, k))?.shape.at(-1) ?? 1,
    strides: operands.map(({ strides }, k) => isAlongRow(program, k) ? strides.at(-1)! : 0),
  };
}

/** Side of a tile: the elements of a cache line. */
const SIDE = 16;
/** Minimum side that pays off. */
const MIN_SIDE = 8;
/** Up to this many elements fit the L1 cache anyway. */
const MAX_CACHED_ELEMENTS = 1 << 13;

/**
 * Loop tiling, so that a whole cache line is used while it is in the L1 cache: only the order of the
 * axes changes, so kernels are unaware of it.
 *
 * Reorders the axes, innermost first, if an operand is strided along the innermost one, as when
 * copying a transposed matrix. Two axes are then split into tiles that divide their lengths evenly,
 * so axes of 256 and 512 become 16, 16, 16, 32; if there is no such tile size, they stay.
 */
export function cutIntoTiles(axes: readonly Axis[]): readonly Axis[] {
  const run = axes[0];
  if (run === undefined) return axes;
  const crossing = axes.findIndex((axis, a) =>
    a > 0 && axis.strides.some((stride, k) => stride === 1 && run.strides[k]! > 1)
  );
  if (crossing < 0 || run.length * axes[crossing]!.length <= MAX_CACHED_ELEMENTS) return axes;
  const [runTile, runTiles] = cut(run);
  const [crossingTile, crossingTiles] = cut(axes[crossing]!);
  if (runTile.length < MIN_SIDE || crossingTile.length < MIN_SIDE) return axes;
  const outer = axes.map((axis, a) => a === 0 ? runTiles : a === crossing ? crossingTiles : axis);
  return [runTile, crossingTile, ...outer.filter((axis) => axis.length > 1)];
}

function cut({ length, strides }: Axis): [tile: Axis, tiles: Axis] {
  let side = Math.min(SIDE, length);
  while (length % side !== 0) side--;
  return [
    { length: side, strides },
    { length: length / side, strides: strides.map((stride) => stride * side) },
  ];
}
