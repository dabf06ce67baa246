/**
 * Loop tiling, so that a whole cache line is used while it is in the L1 cache. Only the order of
 * the axes changes, so kernels are unaware of it.
 *
 * @module
 */

export interface Axis {
  readonly length: number;
  readonly strides: readonly number[];
}

/** Side of a tile: the elements of a cache line. */
const SIDE = 16;
/** Minimum side that pays off. */
const MIN_SIDE = 8;
/** Up to this many elements fit the L1 cache anyway. */
const MAX_CACHED_ELEMENTS = 1 << 13;

/**
 * Reorders the axes, innermost first, if an operand is strided along the innermost one, as when
 * copying a transposed matrix. Two axes are then split into tiles that divide their lengths evenly;
 * if there is no such tile size, the axes stay as they are.
 *
 * @example A transposed matrix is traversed tile by tile
 * ```ts
 * import { cutIntoTiles } from "./tiles.ts";
 *
 * const axes = [{ length: 256, strides: [512, 1] }, { length: 512, strides: [1, 256] }];
 * const lengths = cutIntoTiles(axes).map((axis) => axis.length);
 * if (lengths.join() !== "16,16,16,32") throw new Error(`expected tiles of 16 × 16, got ${lengths}`);
 * ```
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

/** Splits an axis into one within a tile and one over tiles. */
function cut({ length, strides }: Axis): [tile: Axis, tiles: Axis] {
  let side = Math.min(SIDE, length);
  while (length % side !== 0) side--;
  return [
    { length: side, strides },
    { length: length / side, strides: strides.map((stride) => stride * side) },
  ];
}
