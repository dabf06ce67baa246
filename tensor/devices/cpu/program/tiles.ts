/**
 * Cutting axes into tiles, so that all of a cache line is used while it is in the nearest cache. Only the
 * order changes in which a kernel meets the elements, so the kernels know nothing of it.
 *
 * @module
 */

/** An axis of the work. */
export interface Axis {
  /** How many elements. */
  readonly length: number;
  /** For each operand the distance of neighbours, in elements. */
  readonly strides: readonly number[];
}

/** The sides of a tile: as many elements as a cache line has. */
const SIDE = 16;
/** Shorter sides are not worth it. */
const LEAST_SIDE = 8;
/** So many elements fit the nearest cache anyway. */
const FEW = 1 << 13;

/**
 * Orders the axes anew, the innermost first, where neighbours along the innermost one lie far apart in
 * an operand, as in the copy of a transposed matrix. Then two axes are cut: both into tiles whose
 * length divides theirs. Where there is no such length, the axes stay as they are.
 *
 * @example A matrix that is transposed goes tile by tile
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
  if (crossing < 0 || run.length * axes[crossing]!.length <= FEW) return axes;
  const [runTile, runTiles] = cut(run);
  const [crossingTile, crossingTiles] = cut(axes[crossing]!);
  if (runTile.length < LEAST_SIDE || crossingTile.length < LEAST_SIDE) return axes;
  const outer = axes.map((axis, a) => a === 0 ? runTiles : a === crossing ? crossingTiles : axis);
  return [runTile, crossingTile, ...outer.filter((axis) => axis.length > 1)];
}

/** An axis as that of a tile, and that of the tiles. */
function cut({ length, strides }: Axis): [tile: Axis, tiles: Axis] {
  let side = Math.min(SIDE, length);
  while (length % side !== 0) side--;
  return [
    { length: side, strides },
    { length: length / side, strides: strides.map((stride) => stride * side) },
  ];
}
