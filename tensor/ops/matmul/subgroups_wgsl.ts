/** Matrix products on adapters whose threads can read each other's registers. @module */

import {
  BEGIN_A,
  BEGIN_B,
  beginC,
  type KernelForm,
  kernelKey,
  lines,
  matmulArguments,
  type MatmulKernel,
  matrixBuffers,
  range,
  storeWgsl,
} from "./code_wgsl.ts";

/** Threads in a workgroup, side by side: each has four columns, and all have the same rows. */
const THREADS = 64;

/**
 * A tile of some rows and four columns in the registers of each thread, and no workgroup memory.
 *
 * The threads of a subgroup, which run in step, load as many steps of a as they are many, one each, and
 * then tell them to one another. Since all threads of a workgroup have the same rows, it is of no
 * consequence which of them make up a subgroup, or how many. The rows of b have to be contiguous and
 * aligned.
 *
 * @param tileRows Rows of a thread's tile.
 */
export function subgroupsKernel(tileRows: number, form: KernelForm): MatmulKernel {
  const rows = range(tileRows);
  const code = () => `
enable subgroups;
${storeWgsl(form)}
@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_size) subgroupSize: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row = i32(group.y) * ${tileRows};
  let firstColumn = i32(group.x) * ${4 * THREADS};
  ${form.isSymmetric ? `if (firstColumn + ${4 * THREADS} <= row) { return; }` : ""}
  let column = firstColumn + 4 * i32(local);
  let aBegin = ${BEGIN_A} + i32(lane) * arguments.aColumn;
  let lastRow = arguments.m - 1;
  ${lines(rows, (r) => `let a${r} = aBegin + min(row + ${r}, lastRow) * arguments.aRow;`)}
  let bBegin = (${BEGIN_B} + column) / 4;
  ${lines(rows, (r) => `var sum${r} = vec4<f32>();`)}
  for (var step = 0; step < arguments.k; step += i32(subgroupSize)) {
    let steps = min(i32(subgroupSize), arguments.k - step);
    ${lines(rows, (r) => `var mine${r} = 0.0;`)}
    if (i32(lane) < steps) {
      ${lines(rows, (r) => `mine${r} = f32(a[a${r} + step * arguments.aColumn]);`)}
    }
    for (var other = 0; other < steps; other++) {
      let right = vec4<f32>(b[bBegin + (step + other) * arguments.bRow / 4]);
      ${lines(rows, (r) => `sum${r} += subgroupShuffle(mine${r}, u32(other)) * right;`)}
    }
  }
  var tile = array(${rows.map((r) => `sum${r}`).join(", ")});
  let cBegin = ${beginC(form)};
  for (var i = 0; i < ${tileRows}; i++) {
    storeVector(cBegin, row + i, column, tile[i]);
  }
}
`;
  const kernel = {
    key: kernelKey(`subgroups ${tileRows}×4`, form),
    code,
    integers: matmulArguments(form),
    buffers: matrixBuffers(form, ["b"]),
  };
  return { kernel, rows: tileRows, columns: 4 * THREADS };
}
