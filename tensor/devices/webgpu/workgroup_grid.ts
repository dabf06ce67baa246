/** Workgroup counts beyond the limit of one dimension. @module */

import { RangeError } from "../../errors.ts";

/**
 * Folds a number of workgroups into the dimensions x and y of a dispatch.
 *
 * May give slightly more than requested: a kernel skips those whose number, as
 * {@linkcode beginMain} counts, is not below the count.
 *
 * @param maxPerDimension The device's limit `maxComputeWorkgroupsPerDimension`.
 * @returns Workgroups along x and y; `[0, 0]` for none.
 * @throws {RangeError} If two dimensions are not enough.
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
 * The start of `main` in WGSL, for a {@linkcode workgroupGrid}.
 *
 * @param threads Threads per workgroup.
 * @param group Variable name of the workgroup's number, from 0.
 * @param thread Variable name of the thread's number in its workgroup.
 *
 * @example
 * ```ts
 * import { beginMain } from "./workgroup_grid.ts";
 *
 * const code = `${beginMain(64)}
 *   y[group * 64u + lane] = 1.0;
 * }`;
 * if (!code.includes("@workgroup_size(64)")) throw new Error("expected 64 threads");
 * ```
 */
export function beginMain(threads: number, group = "group", thread = "lane"): string {
  return `
@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) ${thread}: u32,
) {
  let ${group} = workgroup.y * grid.x + workgroup.x;`;
}
