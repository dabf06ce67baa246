/**
 * The gradient of an embedding on WebGPU: sorts rows by id, then sums the rows of each id.
 *
 * A very frequent id would leave nearly all additions to one thread. So the sorted rows are cut
 * into chunks, and chunks with a single id are summed first.
 *
 * @module
 */

import { viewAs } from "../../apply.ts";
import type { Allocation, View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { viewsInRanges } from "../../devices/webgpu/binding_ranges.ts";
import { sizeOf } from "../../shape.ts";
import { Storage } from "../../storage.ts";
import { Tensor } from "../../tensor.ts";
import { rowPieces, rowsGrid, rowsWgsl, rowWidth, type Width } from "./gather_wgsl.ts";
import { inColumns } from "../wide_rows_wgsl.ts";
import { keyOfWgsl, maxPositions, sortPositions } from "../sampling/sort_wgsl.ts";

const CHUNK = 64;
/** Threads per workgroup, in the kernel that does not work on rows. */
const LANES = 64;

/** Indices sorted by id, and the start of each id among them. */
interface Order {
  readonly sorted: Tensor;
  readonly begins: Tensor;
  /** Cache key: the range of ids, the number of rows, and the version of the ids' memory. */
  readonly key: string;
}

/** The latest sort orders, by the memory of the ids. */
const orders = new WeakMap<Storage, Order>();

/**
 * `output[ids[i]] += x[i]`, for rows, in the order of i within each chunk: onto zeros, or with
 * `accumulate` onto existing values.
 *
 * Several tables are often indexed by the same ids, so the sort order is cached while the ids live.
 */
export function sumRowsOnWebGpu(
  device: WebGpuDevice,
  x: View,
  ids: Tensor,
  output: View,
  accumulate: boolean,
): void {
  if (sizeOf(output.shape) === 0) return;
  const matrices = [
    { view: x, isRead: true, isWritten: false },
    { view: output, isRead: accumulate, isWritten: true },
  ];
  inColumns(device, matrices, ([x, output]) => sumRows(device, x!, ids, output!, accumulate));
}

/** The same, for rows that fit a binding. */
function sumRows(
  device: WebGpuDevice,
  x: View,
  ids: Tensor,
  output: View,
  accumulate: boolean,
): void {
  const [rows, rowLength] = output.shape as [number, number];
  const pieces = rowPieces(device, ids, x, rowLength, maxPositions(device));
  // If x exceeds a binding, or there are too many ids to sort, sums of pieces are accumulated.
  for (const [i, [pieceIds, pieceX]] of pieces.entries()) {
    const key = [i, pieces.length, ids.offset, pieceIds.shape[0], rows, ids.storage.version].join();
    const order = orderOf(device, ids, pieceIds, rows, key);
    sumPiece(device, pieceX, pieceIds, output, accumulate || i > 0, order);
  }
}

/** The sort order of some of the ids, cached or new. */
function orderOf(
  device: WebGpuDevice,
  { storage }: Tensor,
  ids: View,
  rows: number,
  key: string,
): Order {
  const known = orders.get(storage);
  if (known?.key === key) return known;
  known?.sorted.dispose();
  known?.begins.dispose();
  const count = sizeOf(ids.shape);
  const hold = (allocation: Allocation, length: number) =>
    new Tensor(new Storage(device, allocation), "int32", [length], [1], 0, storage.derived);
  const sorted = hold(sortPositions(device, ids, rows), count);
  const begins = hold(device.allocate(4 * (rows + 1), "where ids begin"), rows + 1);
  let first = 0;
  for (const [part] of viewsInRanges(device, [begins], 0, 1, "find where ids begin")) {
    const partIds = part!.shape[0]!;
    device.dispatch(
      FIND_BEGINS,
      [ids.allocation, sorted.allocation, part!.allocation],
      { integers: [ids.offset, rows, count, part!.offset, first, partIds] },
      workgroupGrid(Math.ceil(partIds / LANES), device.limits.maxComputeWorkgroupsPerDimension),
    );
    first += partIds;
  }
  const order = { sorted, begins, key };
  orders.set(storage, order);
  return order;
}

/** Sums rows that fit a binding, or adds the sums to existing values. */
function sumPiece(
  device: WebGpuDevice,
  x: View,
  ids: View,
  output: View,
  accumulate: boolean,
  order: Order,
): void {
  const width = rowWidth(x);
  const [rows, rowLength] = output.shape as [number, number];
  const columns = rowLength / width;
  const count = sizeOf(ids.shape);
  const chunks = Math.floor(count / CHUNK);
  const sorted = order.sorted.allocation;
  const chunkSums = device.allocate(4 * chunks * rowLength, "sums of chunks");
  const { sumChunks, sumIds } = KERNELS[x.dtype === "float16" ? "f16" : "f32"][width];
  device.dispatch(
    sumChunks,
    [ids.allocation, sorted, x.allocation, chunkSums],
    { integers: [ids.offset, rows, x.offset / width, columns, chunks] },
    rowsGrid(device, chunks, columns),
  );
  // If the result exceeds a binding, its ranges are computed one after the other.
  const whole = viewAs(output, [rows, rowLength], [rowLength, 1]);
  // An id ends where the next one starts.
  const bounds = viewAs(order.begins, [rows, 2], [1, 1]);
  for (const [begins, part] of viewsInRanges(device, [bounds, whole], 1, 1, "sum rows")) {
    const partRows = part!.shape[0]!;
    device.dispatch(
      sumIds,
      [sorted, begins!.allocation, chunkSums, x.allocation, part!.allocation],
      {
        integers: [
          ...[x.offset / width, columns, begins!.offset, partRows, part!.offset / width],
          Number(accumulate),
        ],
      },
      rowsGrid(device, partRows, columns),
    );
  }
  device.free(chunkSums);
}

/** Finds the first sorted row of each id, and the end of the rows with valid ids. */
const FIND_BEGINS: WgslKernel = {
  key: "sum rows: find begins",
  integers: ["idsOffset", "keys", "count", "beginsOffset", "firstId", "idCount"],
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "sorted", type: "u32", writes: false },
    { name: "begins", type: "u32", writes: true },
  ],
  code: () => `
${keyOfWgsl}
${beginMain(LANES)}
  let i = group * ${LANES}u + lane;
  if (i >= u32(arguments.idCount)) { return; }
  let id = u32(arguments.firstId) + i;
  var low = 0u;
  var high = u32(arguments.count);
  while (low < high) {
    let middle = (low + high) / 2u;
    if (keyOf(sorted[middle]) < id) { low = middle + 1u; } else { high = middle; }
  }
  begins[u32(arguments.beginsOffset) + i] = low;
}
`,
};

/** Storage type of rows and sums; additions are in `f32`. */
type Stored = "f32" | "f16";

const typeOf = (stored: Stored, width: Width): string => width === 1 ? stored : `vec4<${stored}>`;

/** Sums the chunks with a single id. The others are left undefined, and are never read. */
const sumChunks = (width: Width, stored: Stored): WgslKernel => ({
  key: `sum rows: chunks ${stored} ${width}`,
  integers: ["idsOffset", "keys", "xOffset", "columns", "chunks"],
  buffers: [
    { name: "ids", type: "i32", writes: false },
    { name: "sorted", type: "u32", writes: false },
    { name: "x", type: typeOf(stored, width), writes: false },
    { name: "chunkSums", type: typeOf("f32", width), writes: true },
  ],
  code: () => `
${keyOfWgsl}
${rowsWgsl}
  if (row >= u32(arguments.chunks)) { return; }
  let columns = u32(arguments.columns);
  let first = row * ${CHUNK}u;
  let end = first + ${CHUNK}u;
  if (keyOf(sorted[first]) != keyOf(sorted[end - 1u])) { return; }
  for (var column = firstColumn; column < columns; column += columnStep) {
    let xColumn = u32(arguments.xOffset) + column;
    var sum = ${typeOf("f32", width)}();
    for (var i = first; i < end; i++) {
      sum += ${typeOf("f32", width)}(x[sorted[i] * columns + xColumn]);
    }
    chunkSums[row * columns + column] = sum;
  }
}
`,
});

/** Sums the rows of each id: those before the first whole chunk, the chunks, those after. */
const sumIds = (width: Width, stored: Stored): WgslKernel => ({
  key: `sum rows: ids ${stored} ${width}`,
  integers: ["xOffset", "columns", "beginsOffset", "rows", "outputOffset", "accumulate"],
  buffers: [
    { name: "sorted", type: "u32", writes: false },
    { name: "begins", type: "u32", writes: false },
    { name: "chunkSums", type: typeOf("f32", width), writes: false },
    { name: "x", type: typeOf(stored, width), writes: false },
    { name: "output", type: typeOf(stored, width), writes: true },
  ],
  code: () => `
${rowsWgsl}
  if (row >= u32(arguments.rows)) { return; }
  let columns = u32(arguments.columns);
  let id = u32(arguments.beginsOffset) + row;
  let begin = begins[id];
  let end = begins[id + 1u];
  // Without a whole chunk, all rows are taken to be before it.
  let firstChunk = (begin + ${CHUNK - 1}u) / ${CHUNK}u;
  let endChunk = end / ${CHUNK}u;
  let hasChunks = firstChunk < endChunk;
  let endBefore = select(end, firstChunk * ${CHUNK}u, hasChunks);
  let beginAfter = select(end, endChunk * ${CHUNK}u, hasChunks);
  for (var column = firstColumn; column < columns; column += columnStep) {
    let xColumn = u32(arguments.xOffset) + column;
    var sum = ${typeOf("f32", width)}();
    for (var i = begin; i < endBefore; i++) {
      sum += ${typeOf("f32", width)}(x[sorted[i] * columns + xColumn]);
    }
    for (var chunk = firstChunk; chunk < endChunk; chunk++) {
      sum += chunkSums[chunk * columns + column];
    }
    for (var i = beginAfter; i < end; i++) {
      sum += ${typeOf("f32", width)}(x[sorted[i] * columns + xColumn]);
    }
    let at = u32(arguments.outputOffset) + row * columns + column;
    if (arguments.accumulate != 0) { sum += ${typeOf("f32", width)}(output[at]); }
    output[at] = ${typeOf(stored, width)}(sum);
  }
}
`,
});

const kernelsOf = (width: Width, stored: Stored) => ({
  sumChunks: sumChunks(width, stored),
  sumIds: sumIds(width, stored),
});
const KERNELS = {
  f32: { 1: kernelsOf(1, "f32"), 4: kernelsOf(4, "f32") },
  f16: { 1: kernelsOf(1, "f16"), 4: kernelsOf(4, "f16") },
};
