/**
 * Matrix product kernels in WGSL, from one thread for each element to tiles in registers.
 *
 * All of them take the same arguments: sizes, and where the three matrices lie. So any of them can
 * compute any product, as far as its `fits` says, and which is the fastest is a matter of the adapter.
 *
 * @module
 */

import type { WgslKernel } from "../device.ts";

/** The arguments of every product kernel, in elements. */
export const MATMUL_ARGUMENTS: readonly string[] = [
  ...["aOffset", "aRow", "aColumn", "aOuter", "aInner"],
  ...["bOffset", "bRow", "bColumn", "bOuter", "bInner"],
  ...["cOffset", "cRow", "cColumn", "cOuter", "cInner"],
  ...["m", "n", "k", "inner", "firstItem", "accumulate"],
];

/** A kernel, and which part of the result one workgroup computes. */
export interface MatmulKernel {
  /** The kernel, with {@linkcode MATMUL_ARGUMENTS} and the buffers a, b and c. */
  readonly kernel: WgslKernel;
  /** Rows of the result for a workgroup, along y. */
  readonly rows: number;
  /** Columns of the result for a workgroup, along x. */
  readonly columns: number;
}

const MATRICES: WgslKernel["buffers"] = [
  { name: "a", type: "f32", writes: false },
  { name: "b", type: "f32", writes: false },
  { name: "c", type: "f32", writes: true },
];

/**
 * Where the matrices of a batch item begin, and how elements of the result are stored.
 *
 * Tiles call `storeVector` in a loop and not once for each vector: compilers put it where it is called,
 * and took seconds for some kernels.
 *
 * @param isSymmetric Whether only elements from the diagonal on count, and are stored on both sides.
 */
export const storeWgsl = (isSymmetric: boolean): string => `
fn begin(z: u32, offset: i32, outer: i32, inner: i32) -> i32 {
  let item = arguments.firstItem + i32(z);
  return offset + (item / arguments.inner) * outer + (item % arguments.inner) * inner;
}

fn put(cBegin: i32, row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  if (arguments.accumulate != 0) {
    c[at] += value;
  } else {
    c[at] = value;
  }
}

fn store(cBegin: i32, row: i32, column: i32, value: f32) {
  if (row >= arguments.m || column >= arguments.n${isSymmetric ? " || column < row" : ""}) {
    return;
  }
  put(cBegin, row, column, value);
  ${isSymmetric ? "if (column > row) { put(cBegin, column, row, value); }" : ""}
}

fn storeVector(cBegin: i32, row: i32, column: i32, value: vec4<f32>) {
  store(cBegin, row, column, value.x);
  store(cBegin, row, column + 1, value.y);
  store(cBegin, row, column + 2, value.z);
  store(cBegin, row, column + 3, value.w);
}
`;

/** Names the kernels that compute half of a symmetric result. */
const nameOf = (name: string, isSymmetric: boolean) => isSymmetric ? `${name}, symmetric` : name;

/** Where the matrix a of a workgroup's batch item begins. */
export const BEGIN_A: string =
  "begin(group.z, arguments.aOffset, arguments.aOuter, arguments.aInner)";
/** Where the matrix b of a workgroup's batch item begins. */
export const BEGIN_B: string =
  "begin(group.z, arguments.bOffset, arguments.bOuter, arguments.bInner)";
/** Where the matrix c of a workgroup's batch item begins. */
export const BEGIN_C: string =
  "begin(group.z, arguments.cOffset, arguments.cOuter, arguments.cInner)";

/** One thread for each element of the result: the definition of a matrix product. */
export function naiveKernel(isSymmetric: boolean): MatmulKernel {
  const code = () => `
${storeWgsl(isSymmetric)}
@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {
  let row = i32(thread.y);
  let column = i32(thread.x);
  if (row >= arguments.m || column >= arguments.n${isSymmetric ? " || column < row" : ""}) {
    return;
  }
  var aAt = ${BEGIN_A} + row * arguments.aRow;
  var bAt = ${BEGIN_B} + column * arguments.bColumn;
  var sum = 0.0;
  for (var step = 0; step < arguments.k; step++) {
    sum += a[aAt] * b[bAt];
    aAt += arguments.aColumn;
    bAt += arguments.bRow;
  }
  store(${BEGIN_C}, row, column, sum);
}
`;
  const key = nameOf("matmul naive", isSymmetric);
  const kernel = { key, code, integers: MATMUL_ARGUMENTS, buffers: MATRICES };
  return { kernel, rows: 8, columns: 8 };
}

/**
 * A tile of the result in the registers of each thread, and nothing shared.
 *
 * A step of k takes one element from each of the tile's rows of a, and vectors of four from b, whose
 * rows have to be contiguous and aligned. Without workgroup memory there is no barrier: processors
 * that only pretend to be a GPU like this best.
 *
 * @param tileRows Rows of a thread's tile.
 * @param tileColumns Columns of a thread's tile, a multiple of 4.
 * @param isSymmetric Whether half of the result is enough.
 */
export function registerKernel(
  tileRows: number,
  tileColumns: number,
  isSymmetric: boolean,
): MatmulKernel {
  const rows = range(tileRows);
  const vectors = range(tileColumns / 4);
  const code = () => `
${storeWgsl(isSymmetric)}
@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {
  let row = i32(thread.y) * ${tileRows};
  let column = i32(thread.x) * ${tileColumns};
  if (row >= arguments.m || column >= arguments.n) {
    return;
  }
  ${isSymmetric ? `if (column + ${tileColumns} <= row) { return; }` : ""}
  let aBegin = ${BEGIN_A};
  let lastRow = arguments.m - 1;
  ${lines(rows, (r) => `let a${r} = aBegin + min(row + ${r}, lastRow) * arguments.aRow;`)}
  var bAt = ${BEGIN_B} / 4 + column / 4;
  var aAt = 0;
  let bStride = arguments.bRow / 4;
  ${lines(rows, (r) => lines(vectors, (v) => `var sum${r}_${v} = vec4<f32>();`))}
  for (var step = 0; step < arguments.k; step++) {
    ${lines(vectors, (v) => `let right${v} = b[bAt + ${v}];`)}
    ${
    lines(rows, (r) => `
    let left${r} = a[a${r} + aAt];
    ${lines(vectors, (v) => `sum${r}_${v} += left${r} * right${v};`)}`)
  }
    aAt += arguments.aColumn;
    bAt += bStride;
  }
  var tile = array(${rows.flatMap((r) => vectors.map((v) => `sum${r}_${v}`)).join(", ")});
  let cBegin = ${BEGIN_C};
  for (var i = 0; i < ${tileRows * vectors.length}; i++) {
    storeVector(cBegin, row + i / ${vectors.length}, column + 4 * (i % ${vectors.length}), tile[i]);
  }
}
`;
  const kernel = {
    key: nameOf(`matmul registers ${tileRows}×${tileColumns}`, isSymmetric),
    code,
    integers: MATMUL_ARGUMENTS,
    buffers: MATRICES.map((buffer) =>
      buffer.name === "b" ? { ...buffer, type: "vec4<f32>" } : buffer
    ),
  };
  return { kernel, rows: 8 * tileRows, columns: 8 * tileColumns };
}

/** How a {@linkcode stagedKernel} is cut. */
export interface Staging {
  /** Threads side by side along the columns. */
  readonly threadsX: number;
  /** Threads side by side along the rows. */
  readonly threadsY: number;
  /** Rows of a thread's tile, a multiple of 4. */
  readonly tileRows: number;
  /** Columns of a thread's tile, a multiple of 4. */
  readonly tileColumns: number;
  /** Steps of k that are staged at a time. */
  readonly depth: number;
  /** Whether rows of a (after its transposition) are contiguous: neighbours then load along k. */
  readonly rowMajorA: boolean;
  /** The same for b, whose neighbours then load along n. */
  readonly rowMajorB: boolean;
  /** Whether half of the result is enough. */
  readonly isSymmetric: boolean;
}

/**
 * A tile in the registers of each thread, its operands staged in workgroup memory.
 *
 * The threads of a workgroup load a block of each operand together, neighbours from neighbouring
 * addresses, and then each element serves a whole row or column of threads: what GPUs are made for.
 */
export function stagedKernel(staging: Staging): MatmulKernel {
  const { threadsX, threadsY, tileRows, tileColumns, depth } = staging;
  const { rowMajorA, rowMajorB, isSymmetric } = staging;
  const [vectorRows, vectorColumns] = [range(tileRows / 4), range(tileColumns / 4)];
  const threads = threadsX * threadsY;
  const [rows, columns] = [threadsY * tileRows, threadsX * tileColumns];
  const eachSum = (write: (row: number, lane: string, v: number, h: number) => string) =>
    lines(
      vectorRows,
      (v) =>
        lines(range(4), (i) => lines(vectorColumns, (h) => write(4 * v + i, "xyzw"[i]!, v, h))),
    );
  const sums = range(tileRows).flatMap((r) => vectorColumns.map((h) => `sum${r}_${h}`));
  /** Loads a block whose four neighbouring lanes (rows of a, columns of b) make up a vector. */
  const stage = (name: "a" | "b", length: number, alongK: boolean) => {
    const [lane, stride, stepStride, size] = name === "a"
      ? ["firstRow", "aRow", "aColumn", "m"]
      : ["firstColumn", "bColumn", "bRow", "n"];
    const vectors = length / 4;
    return `
    for (var i = local; i < ${vectors * depth}; i += ${threads}) {
      let inner = ${alongK ? `i % ${depth}` : `i / ${vectors}`};
      let vector = ${alongK ? `i / ${depth}` : `i % ${vectors}`};
      let lane = ${lane} + 4 * vector;
      let at = ${name}Begin + lane * arguments.${stride} + (step + inner) * arguments.${stepStride};
      var value = vec4<f32>();
      if (step + inner < arguments.k) {
        if (lane < arguments.${size}) { value.x = ${name}[at]; }
        if (lane + 1 < arguments.${size}) { value.y = ${name}[at + arguments.${stride}]; }
        if (lane + 2 < arguments.${size}) { value.z = ${name}[at + 2 * arguments.${stride}]; }
        if (lane + 3 < arguments.${size}) { value.w = ${name}[at + 3 * arguments.${stride}]; }
      }
      ${name}Block[inner * ${vectors} + vector] = value;
    }`;
  };
  const code = () => `
var<workgroup> aBlock: array<vec4<f32>, ${depth * rows / 4}>;
var<workgroup> bBlock: array<vec4<f32>, ${depth * columns / 4}>;
${storeWgsl(isSymmetric)}
@compute @workgroup_size(${threadsX}, ${threadsY})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
) {
  let local = i32(thread.y) * ${threadsX} + i32(thread.x);
  let firstRow = i32(group.y) * ${rows};
  let firstColumn = i32(group.x) * ${columns};
  ${isSymmetric ? `if (firstColumn + ${columns} <= firstRow) { return; }` : ""}
  let aBegin = ${BEGIN_A};
  let bBegin = ${BEGIN_B};
  ${eachSum((row, _, __, h) => `var sum${row}_${h} = vec4<f32>();`)}
  for (var step = 0; step < arguments.k; step += ${depth}) {
    ${stage("a", rows, rowMajorA)}
    ${stage("b", columns, !rowMajorB)}
    workgroupBarrier();
    for (var inner = 0; inner < ${depth}; inner++) {
      let aAt = inner * ${rows / 4} + i32(thread.y);
      let bAt = inner * ${columns / 4} + i32(thread.x);
      ${lines(vectorRows, (v) => `let left${v} = aBlock[aAt + ${v * threadsY}];`)}
      ${lines(vectorColumns, (h) => `let right${h} = bBlock[bAt + ${h * threadsX}];`)}
      ${eachSum((row, lane, v, h) => `sum${row}_${h} += left${v}.${lane} * right${h};`)}
    }
    workgroupBarrier();
  }
  let cBegin = ${BEGIN_C};
  let row = firstRow + 4 * i32(thread.y);
  let column = firstColumn + 4 * i32(thread.x);
  var tile = array(${sums.join(", ")});
  for (var i = 0; i < ${sums.length}; i++) {
    let tileRow = i / ${vectorColumns.length};
    let h = i % ${vectorColumns.length};
    storeVector(
      cBegin,
      row + tileRow / 4 * ${4 * threadsY} + tileRow % 4,
      column + ${4 * threadsX} * h,
      tile[i],
    );
  }
}
`;
  const order = `${rowMajorA ? "N" : "T"}${rowMajorB ? "N" : "T"}`;
  const kernel = {
    key: nameOf(
      `matmul staged ${tileRows}×${tileColumns} by ${threadsX}×${threadsY}, ${depth} deep, ${order}`,
      isSymmetric,
    ),
    code,
    integers: MATMUL_ARGUMENTS,
    buffers: MATRICES,
  };
  return { kernel, rows, columns };
}

/**
 * A row of the result at a time: several threads share each sum, so that there are threads enough
 * although there are few elements, and neighbouring threads read neighbouring elements of b.
 *
 * @param rowMajorB Whether rows of b are contiguous; columns are otherwise.
 */
export function rowsKernel(rowMajorB: boolean): MatmulKernel {
  const threads = 128;
  const columns = rowMajorB ? 32 : 4;
  const lanes = threads / columns;
  const code = () => `
var<workgroup> parts: array<f32, ${threads}>;
${storeWgsl(false)}
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
      sum += a[aBegin + step * arguments.aColumn] * b[bBegin + step * arguments.bRow];
    }
  }
  parts[place * ${lanes} + lane] = sum;
  workgroupBarrier();
  if (lane == 0) {
    for (var other = 1; other < ${lanes}; other++) {
      sum += parts[place * ${lanes} + other];
    }
    store(${BEGIN_C}, row, column, sum);
  }
}
`;
  const kernel = {
    key: `matmul rows ${rowMajorB ? "N" : "T"}`,
    code,
    integers: MATMUL_ARGUMENTS,
    buffers: MATRICES,
  };
  return { kernel, rows: 1, columns };
}

/**
 * Copies b to rows that are contiguous and aligned, as {@linkcode registerKernel} wants them: each
 * thread a block of 4 × 4 elements. The result goes to `c`, in vectors.
 */
export const ALIGN_KERNEL: WgslKernel = {
  key: "matmul align",
  integers: ["offset", "row", "column", "outer", "inner", "innerCount", "rows", "columns", "first"],
  buffers: [
    { name: "b", type: "f32", writes: false },
    { name: "c", type: "vec4<f32>", writes: true },
  ],
  code: () => `
@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) thread: vec3<u32>,
) {
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
    c[to + i * vectors] = vec4<f32>(b[at], b[at + column1], b[at + column2], b[at + column3]);
  }
}
`,
};

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
