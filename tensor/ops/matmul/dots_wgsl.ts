/** Products of few rows with a matrix that lies column by column, as weights do. @module */

import {
  BEGIN_A,
  BEGIN_B,
  beginC,
  type KernelForm,
  kernelKey,
  matmulArguments,
  type MatmulKernel,
  matrixBuffers,
  storeWgsl,
} from "./code_wgsl.ts";
import type { Product } from "./product.ts";

/** Threads in a workgroup, each with a column of its own. */
const THREADS = 64;

/** Whether rows of a and columns of b can be read in vectors of four. */
export function hasVectorsAlongK({ k, a, b }: Product): boolean {
  const places = [k, a.offset, a.row, a.outer, a.inner, b.offset, b.column, b.outer, b.inner];
  return a.column === 1 && b.row === 1 && places.every((place) => place % 4 === 0);
}

/**
 * One thread for each element of the result, four products at a time: it reads a quarter as often as
 * the naive kernel, and nothing is shared, so processors that pretend to be a GPU like it.
 */
export function dotsKernel(given: KernelForm): MatmulKernel {
  const form = { ...given, isSymmetric: false };
  const code = () => `
${storeWgsl(form)}
@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {
  let row = i32(group.y);
  let column = i32(thread.x);
  if (column >= arguments.n) {
    return;
  }
  let aAt = (${BEGIN_A} + row * arguments.aRow) / 4;
  let bAt = (${BEGIN_B} + column * arguments.bColumn) / 4;
  var sums = vec4<f32>();
  for (var step = 0; step < arguments.k / 4; step++) {
    sums += vec4<f32>(a[aAt + step]) * vec4<f32>(b[bAt + step]);
  }
  store(${beginC(form)}, row, column, (sums.x + sums.y) + (sums.z + sums.w));
}
`;
  const kernel = {
    key: kernelKey("dots", form),
    code,
    integers: matmulArguments(form),
    buffers: matrixBuffers(form, ["a", "b"]),
  };
  return { kernel, rows: 1, columns: THREADS };
}
