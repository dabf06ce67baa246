/** Workgroup counts beyond the limit of one dimension. @module */

import { wrongValue } from "../errors.ts";

/**
 * Folds a number of workgroups into the dimensions x and y of a dispatch; `[0, 0]` for none. May
 * give slightly more: a kernel skips those whose number, as {@linkcode beginMain} counts, is not
 * below the count. Throws a `RangeError` if two dimensions are not enough.
 */
export function workgroupGrid(count: number, maxPerDimension: number): [x: number, y: number] {
  if (count === 0) return [0, 0];
  const y = Math.ceil(count / maxPerDimension);
  if (y > maxPerDimension) {
    throw wrongValue(`dispatch ${count} workgroups`, `at most ${maxPerDimension}²`, count);
  }
  return [Math.ceil(count / y), y];
}

/**
 * The start of `main` in WGSL, with names for the number of the workgroup in a
 * {@linkcode workgroupGrid} and of the thread in it; those of other dispatches use `workgroup`.
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
