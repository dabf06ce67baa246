/** The kernel for skinny matmuls on real GPUs in WGSL: threads that share each sum. @module */

import type { MatmulProblem } from "../../ops/matmul/problem.ts";
import type { TileKernel } from "./matmul_kernel.ts";

/**
 * For skinny matmuls, a row of the result at a time: several threads share each sum, which gives
 * enough threads although there are few elements, and adjacent threads read adjacent elements of b.
 */
export function rowsKernel({ b }: MatmulProblem): TileKernel {
  const rowMajorB = b.column === 1;
  const threads = 128;
  const columns = rowMajorB ? 32 : 4;
  const lanes = threads / columns;
  const body = () => `
  let place = ${rowMajorB ? `thread % ${columns}` : `thread / ${lanes}`};
  let lane = ${rowMajorB ? `thread / ${columns}` : `thread % ${lanes}`};
  let column = firstColumn + place;
  var sum = 0.0;
  if (column < arguments.n) {
    let aRow = aBegin + firstRow * arguments.aRow;
    let bColumn = bBegin + column * arguments.bColumn;
    for (var step = lane; step < arguments.k; step += ${lanes}) {
      sum += f32(a[aRow + step * arguments.aColumn]) * f32(b[bColumn + step * arguments.bRow]);
    }
  }
  parts[place * ${lanes} + lane] = sum;
  workgroupBarrier();
  if (lane == 0) {
    for (var other = 1; other < ${lanes}; other++) {
      sum += parts[place * ${lanes} + other];
    }
    store(firstRow, column, sum);
  }`;
  const name = `rows ${rowMajorB ? "N" : "T"}`;
  const shared = `var<workgroup> parts: array<f32, ${threads}>;`;
  return { name, rows: 1, columns, threads, shared, body };
}
