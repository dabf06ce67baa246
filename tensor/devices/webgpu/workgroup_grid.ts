/** Counts of workgroups beyond what one dimension of a dispatch may have. @module */

/**
 * Folds a number of workgroups into the dimensions x and y of a dispatch.
 *
 * A few workgroups more than asked for may come out: a kernel skips those whose
 * {@linkcode workgroupIndexWgsl} is not below the count.
 *
 * @param count How many workgroups are wanted.
 * @param maxPerDimension The limit `maxComputeWorkgroupsPerDimension` of the device.
 * @returns The workgroups along x and along y; `[0, 0]` for none.
 * @throws {RangeError} If there are too many for two dimensions.
 *
 * @example
 * ```ts
 * import { workgroupGrid } from "./workgroup_grid.ts";
 *
 * const [x, y] = workgroupGrid(100_001, 65_535);
 * if (x !== 50_001 || y !== 2) throw new Error("expected two rows of workgroups");
 * ```
 */
export function workgroupGrid(count: number, maxPerDimension: number): [x: number, y: number] {
  if (count === 0) return [0, 0];
  const y = Math.ceil(count / maxPerDimension);
  if (y > maxPerDimension) {
    throw new RangeError(
      `Cannot dispatch ${count} workgroups: wanted at most ${maxPerDimension}², got ${count}`,
    );
  }
  return [Math.ceil(count / y), y];
}

/**
 * The other direction, in WGSL: `workgroupIndex(workgroup_id, num_workgroups)` counts the
 * workgroups of a {@linkcode workgroupGrid} from 0.
 */
export const workgroupIndexWgsl = `
fn workgroupIndex(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
  return workgroup.y * grid.x + workgroup.x;
}
`;
