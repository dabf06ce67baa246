/**
 * The gradient of an embedding on WebGPU: rows are sorted by id, then those of one id are added up.
 *
 * Where one id comes very often, a single invocation would have to add up nearly all rows. So the
 * sorted rows are cut into chunks, and chunks that hold but one id are added up first.
 *
 * @module
 */

import type { Allocation, View, WebGpuDevice, WgslKernel } from "../device.ts";
import { workgroupGrid, workgroupIndexWgsl } from "../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../shape.ts";
import { rowWidth, type Width } from "./gather_wgsl.ts";
import { keyOfWgsl, sortPositions } from "./sort_wgsl.ts";

/** Invocations in a workgroup. */
const LANES = 64;
/** Sorted rows in a chunk. */
const CHUNK = 64;

/** `output[ids[i]] += x[i]`, for rows, onto zeros; in the order of i within each chunk. */
export function sumRowsOnWebGpu(device: WebGpuDevice, x: View, ids: View, output: View): void {
  const width = rowWidth(x);
  const [rows, rowLength] = output.shape as [number, number];
  const columns = rowLength / width;
  if (rows * columns === 0) return;
  const count = sizeOf(ids.shape);
  const chunks = Math.floor(count / CHUNK);
  const sorted = sortPositions(device, ids, rows);
  const begins = device.allocate(4 * (rows + 1), "where ids begin");
  const chunkSums = device.allocate(4 * chunks * rowLength, "sums of chunks");

  const dispatch = (
    kernel: WgslKernel,
    allocations: readonly Allocation[],
    integers: readonly number[],
    items: number,
  ) => {
    const groups = Math.ceil(items / LANES);
    const grid = workgroupGrid(groups, device.limits.maxComputeWorkgroupsPerDimension);
    device.dispatch(kernel, allocations, { integers }, grid);
  };
  const place = [ids.offset, rows, count];
  dispatch(FIND_BEGINS, [ids.allocation, sorted, begins], place, rows + 1);
  const ofRows = [x.offset / width, columns];
  const { sumChunks, sumIds } = KERNELS[width];
  dispatch(
    sumChunks,
    [ids.allocation, sorted, x.allocation, chunkSums],
    [...place, ...ofRows, chunks * columns],
    chunks * columns,
  );
  dispatch(
    sumIds,
    [sorted, begins, chunkSums, x.allocation, output.allocation],
    [...ofRows, rows * columns],
    rows * columns,
  );
  for (const scratch of [sorted, begins, chunkSums]) device.free(scratch);
}

const head = `
@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let item = workgroupIndex(group, grid) * ${LANES}u + lane;
`;

/** Finds the first sorted row of each id, and after the last id where the rows end that have one. */
const FIND_BEGINS: WgslKernel = {
  key: "sum rows: find begins",
  integers: ["idsOffset", "keys", "count"],
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "sorted", type: "u32", writes: false },
    { name: "begins", type: "u32", writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
${keyOfWgsl}
${head}
  if (item > u32(arguments.keys)) { return; }
  var low = 0u;
  var high = u32(arguments.count);
  while (low < high) {
    let middle = (low + high) / 2u;
    if (keyOf(sorted[middle]) < item) { low = middle + 1u; } else { high = middle; }
  }
  begins[item] = low;
}
`,
};

/** Adds up the chunks that hold but one id. The others are left undefined, and nobody reads them. */
const sumChunks = (width: Width, type: string): WgslKernel => ({
  key: `sum rows: chunks ${width}`,
  integers: ["idsOffset", "keys", "count", "xOffset", "columns", "items"],
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "sorted", type: "u32", writes: false },
    { name: "x", type, writes: false },
    { name: "chunkSums", type, writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
${keyOfWgsl}
${head}
  if (item >= u32(arguments.items)) { return; }
  let columns = u32(arguments.columns);
  let first = item / columns * ${CHUNK}u;
  if (keyOf(sorted[first]) != keyOf(sorted[first + ${CHUNK - 1}u])) { return; }
  let column = u32(arguments.xOffset) + item % columns;
  var sum = ${type}();
  for (var i = first; i < first + ${CHUNK}u; i++) { sum += x[sorted[i] * columns + column]; }
  chunkSums[item] = sum;
}
`,
});

/** Adds up the rows of each id: those before the first whole chunk, the chunks, those after. */
const sumIds = (width: Width, type: string): WgslKernel => ({
  key: `sum rows: ids ${width}`,
  integers: ["xOffset", "columns", "items"],
  buffers: [
    { name: "sorted", type: "u32", writes: false },
    { name: "begins", type: "u32", writes: false },
    { name: "chunkSums", type, writes: false },
    { name: "x", type, writes: false },
    { name: "output", type, writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
${head}
  if (item >= u32(arguments.items)) { return; }
  let columns = u32(arguments.columns);
  let column = item % columns;
  let xColumn = u32(arguments.xOffset) + column;
  var i = begins[item / columns];
  let end = begins[item / columns + 1u];
  let firstChunk = (i + ${CHUNK - 1}u) / ${CHUNK}u;
  let endChunk = end / ${CHUNK}u;
  var sum = ${type}();
  if (firstChunk < endChunk) {
    for (; i < firstChunk * ${CHUNK}u; i++) { sum += x[sorted[i] * columns + xColumn]; }
    for (var chunk = firstChunk; chunk < endChunk; chunk++) {
      sum += chunkSums[chunk * columns + column];
    }
    i = endChunk * ${CHUNK}u;
  }
  for (; i < end; i++) { sum += x[sorted[i] * columns + xColumn]; }
  output[item] = sum;
}
`,
});

const kernelsOf = (width: Width, type: string) => ({
  sumChunks: sumChunks(width, type),
  sumIds: sumIds(width, type),
});
const KERNELS = { 1: kernelsOf(1, "f32"), 4: kernelsOf(4, "vec4<f32>") };
