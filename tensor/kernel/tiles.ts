/**
 * Loop tiling, so that a whole cache line is used while it is in the L1 cache. Only the order of
 * the axes changes, so kernels are unaware of it.
 *
 * @module
 */

import type { Axis } from "./layout.ts";

/** Side of a tile: the elements of a cache line. */
const SIDE = 16;
/** Minimum side that pays off. */
const MIN_SIDE = 8;
/** Up to this many elements fit the L1 cache anyway. */
const MAX_CACHED_ELEMENTS = 1 << 13;

/**
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
