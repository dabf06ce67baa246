/** The kernel for skinny matmuls on real GPUs in WGSL: threads that share each sum. @module */

import {
  BEGIN_A,
  BEGIN_B,
  beginC,
  type KernelForm,
  type MatmulKernel,
  matmulKernel,
} from "./matmul_kernel.ts";

/**
 * For skinny matmuls, a row of the result at a time: several threads share each sum, which gives
 * enough threads although there are few elements, and adjacent threads read adjacent elements of b.
 */
export function rowsKernel(given: KernelForm): MatmulKernel {
  const form = { ...given, isSymmetric: false };
  const { rowMajorB } = form;
  const threads = 128;
  const columns = rowMajorB ? 32 : 4;
  const lanes = threads / columns;
  const main = () => `
var<workgroup> parts: array<f32, ${threads}>;

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let local = i32(index);
  let place = ${rowMajorB ? `local % ${columns}` : `local / ${lanes}`};
  let lane = ${rowMajorB ? `local / ${columns}` : `local % ${lanes}`};
  let row = i32(group.y);
  let column = i32(group.x) * ${columns} + place;
  var sum = 0.0;
  if (column < arguments.n) {
    let aBegin = ${BEGIN_A} + row * arguments.aRow;
    let bBegin = ${BEGIN_B} + column * arguments.bColumn;
    for (var step = lane; step < arguments.k; step += ${lanes}) {
      sum += f32(a[aBegin + step * arguments.aColumn]) *
        f32(b[bBegin + step * arguments.bRow]);
    }
  }
  parts[place * ${lanes} + lane] = sum;
  workgroupBarrier();
  if (lane == 0) {
    for (var other = 1; other < ${lanes}; other++) {
      sum += parts[place * ${lanes} + other];
    }
    store(${beginC(form)}, row, column, sum);
  }
}
`;
  return matmulKernel(`rows ${rowMajorB ? "N" : "T"}`, form, [1, columns], main);
}
