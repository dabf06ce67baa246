/**
 * Matmul kernels in WGSL without staging in workgroup memory: from one thread per element to
 * register tiles.
 *
 * @module
 */

import type { WgslKernel } from "../../device.ts";
import {
  BEGIN_A,
  BEGIN_B,
  beginC,
  type Element,
  type KernelForm,
  lines,
  type MatmulKernel,
  matmulKernel,
  range,
  SQUARE_MAIN,
} from "./code_wgsl.ts";
import type { MatmulProblem } from "./problem.ts";

/** One thread per element of the result: the definition of matmul. */
export function naiveKernel(form: KernelForm): MatmulKernel {
  const main = () =>
    `${SQUARE_MAIN}
  let row = i32(thread.y);
  let column = i32(thread.x);
  if (row >= arguments.m || column >= arguments.n${form.isSymmetric ? " || column < row" : ""}) {
    return;
  }
  var aAt = ${BEGIN_A} + row * arguments.aRow;
  var bAt = ${BEGIN_B} + column * arguments.bColumn;
  var sum = 0.0;
  for (var step = 0; step < arguments.k; step++) {
    sum += f32(a[aAt]) * f32(b[bAt]);
    aAt += arguments.aColumn;
    bAt += arguments.bRow;
  }
  store(${beginC(form)}, row, column, sum);
}
`;
  return matmulKernel("naive", form, [8, 8], main);
}

/**
 * A register tile of the result per thread, with nothing shared.
 *
 * Each step of k loads one element from each of the tile's rows of a, and vec4 from b, whose rows
 * must be contiguous and aligned. Without workgroup memory there are no barriers: software adapters
 * run this best.
 *
 * @param tileRows Rows of a thread's tile.
 * @param tileColumns Columns of a thread's tile, a multiple of 4.
 */
export function registerKernel(
  tileRows: number,
  tileColumns: number,
  form: KernelForm,
): MatmulKernel {
  const rows = range(tileRows);
  const vectors = range(tileColumns / 4);
  const main = () =>
    `${SQUARE_MAIN}
  let row = i32(thread.y) * ${tileRows};
  let column = i32(thread.x) * ${tileColumns};
  if (row >= arguments.m || column >= arguments.n) {
    return;
  }
  ${form.isSymmetric ? `if (column + ${tileColumns} <= row) { return; }` : ""}
  let aBegin = ${BEGIN_A};
  let lastRow = arguments.m - 1;
  ${lines(rows, (r) => `let a${r} = aBegin + min(row + ${r}, lastRow) * arguments.aRow;`)}
  var bAt = ${BEGIN_B} / 4 + column / 4;
  var aAt = 0;
  let bStride = arguments.bRow / 4;
  ${lines(rows, (r) => lines(vectors, (v) => `var sum${r}_${v} = vec4<f32>();`))}
  for (var step = 0; step < arguments.k; step++) {
    ${lines(vectors, (v) => `let right${v} = vec4<f32>(b[bAt + ${v}]);`)}
    ${
      lines(rows, (r) => `
    let left${r} = f32(a[a${r} + aAt]);
    ${lines(vectors, (v) => `sum${r}_${v} += left${r} * right${v};`)}`)
    }
    aAt += arguments.aColumn;
    bAt += bStride;
  }
  var tile = array(${rows.flatMap((r) => vectors.map((v) => `sum${r}_${v}`)).join(", ")});
  let cBegin = ${beginC(form)};
  for (var i = 0; i < ${tileRows * vectors.length}; i++) {
    storeVector(cBegin, row + i / ${vectors.length}, column + 4 * (i % ${vectors.length}), tile[i]);
  }
}
`;
  const name = `registers ${tileRows}×${tileColumns}`;
  return matmulKernel(name, form, [8 * tileRows, 8 * tileColumns], main, ["b"]);
}

/** Threads per workgroup of {@linkcode dotsKernel}, each with a column of its own. */
const DOTS_THREADS = 64;

/** Whether rows of a and columns of b can be read as vec4. */
export function hasVectorsAlongK({ k, a, b }: MatmulProblem): boolean {
  const places = [k, a.offset, a.row, a.outer, a.inner, b.offset, b.column, b.outer, b.inner];
  return a.column === 1 && b.row === 1 && places.every((place) => place % 4 === 0);
}

/**
 * One thread per element of the result, with vec4 along k: a quarter of the naive kernel's loads,
 * and nothing shared, so software adapters run it well.
 */
export function dotsKernel(given: KernelForm): MatmulKernel {
  const form = { ...given, isSymmetric: false };
  const main = () => `
@compute @workgroup_size(${DOTS_THREADS})
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
  return matmulKernel("dots", form, [1, DOTS_THREADS], main, ["a", "b"]);
}

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

/**
 * Copies b to contiguous, aligned rows for {@linkcode registerKernel}: each thread a block of 4 × 4
 * elements. The result goes to `c`, as vec4.
 */
export const alignKernel = (element: Element): WgslKernel => ({
  key: `matmul align, ${element}`,
  integers: ["offset", "row", "column", "outer", "inner", "innerCount", "rows", "columns", "first"],
  buffers: [
    { name: "b", type: element, writes: false },
    { name: "c", type: `vec4<${element}>`, writes: true },
  ],
  code: () =>
    `${SQUARE_MAIN}
  let item = arguments.first + i32(group.z);
  let vectors = (arguments.columns + 3) / 4;
  let vector = i32(thread.x);
  let row = 4 * i32(thread.y);
  if (vector >= vectors || row >= arguments.rows) {
    return;
  }
  let source = arguments.offset + (item / arguments.innerCount) * arguments.outer +
    (item % arguments.innerCount) * arguments.inner + row * arguments.row +
    4 * vector * arguments.column;
  let to = (item * arguments.rows + row) * vectors + vector;
  let lastColumn = arguments.columns - 1 - 4 * vector;
  let column1 = min(1, lastColumn) * arguments.column;
  let column2 = min(2, lastColumn) * arguments.column;
  let column3 = min(3, lastColumn) * arguments.column;
  for (var i = 0; i < min(4, arguments.rows - row); i++) {
    let at = source + i * arguments.row;
    c[to + i * vectors] = vec4<${element}>(b[at], b[at + column1], b[at + column2], b[at + column3]);
  }
}
`,
});
