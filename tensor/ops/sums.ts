/** Helpers for sums, for other operations. @module */

import { broadcastAxes, shapesEqual } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** A few rows longer than this are reduced in two stages, to occupy every core. */
const LONG_ROW_THRESHOLD = 8192;
/** Maximum number of pieces of a long row. */
export const MAX_PIECES = 256;

/** Whether this many rows of this length are reduced in one stage. */
export function isReducedAtOnce(rowCount: number, length: number): boolean {
  return length < LONG_ROW_THRESHOLD || rowCount >= MAX_PIECES;
}

/** Sums `x` over the axes along which a tensor of `shape` was broadcast to it. */
export function sumToShape(x: Tensor, shape: readonly number[]): Tensor {
  if (shapesEqual(x.shape, shape)) return x;
  return x.sum(broadcastAxes(shape, x.shape)).reshape(shape);
}
