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
import { allocateView } from "../../devices/webgpu/allocation.ts";
import { viewsInRanges } from "../../devices/webgpu/binding_ranges.ts";
import { sizeOf } from "../../shape.ts";
import { Storage } from "../../storage.ts";
import { Tensor } from "../../tensor.ts";
import type { Float, Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import { rowPieces, rowWidth, type Width } from "./kernels.ts";
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
  const chunks = Math.floor(sizeOf(ids.shape) / CHUNK);
  const chunkSums = allocateView(device, "float32", [chunks, rowLength], "sums of chunks");
  const { sumChunks, sumIds } = KERNELS[x.dtype === "float16" ? "f16" : "f32"][width];
  const { sorted } = order;
  runKernel(device, sumChunks, [ids, sorted, x, chunkSums], { columns }, chunks, { columns });
  // If the result exceeds a binding, its ranges are computed one after the other.
  const whole = viewAs(output, [rows, rowLength], [rowLength, 1]);
  // An id ends where the next one starts.
  const bounds = viewAs(order.begins, [rows, 2], [1, 1]);
  for (const [begins, part] of viewsInRanges(device, [bounds, whole], 1, 1, "sum rows")) {
    const views = [sorted, begins!, chunkSums, x, part!];
    const words = { columns, accumulate: Number(accumulate) };
    runKernel(device, sumIds, views, words, part!.shape[0]!, { columns });
  }
  device.free(chunkSums.allocation);
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

/** The kernels for rows and sums of these types in memory. Additions are in `f32`. */
const kernelsOf = (width: Width, stored: "f32" | "f16") => {
  // The bodies are the same for vectors.
  const typeOf = (scalar: "f32" | "f16") => (width === 1 ? scalar : `vec4<${scalar}>`) as "f32";
  const [rowType, sumType] = [typeOf(stored), typeOf("f32")];
  const zero = (k: KernelBuilder) => (width === 1 ? k.float(0) : k.vector(0)) as Float;

  /** Sums the chunks with a single valid id. Those of several are undefined, and never read. */
  const sumChunks = defineKernel(
    {
      key: `sum rows: chunks ${stored} ${width}`,
      buffers: { ids: "i32", sorted: "i32", x: rowType, chunkSums: sumType },
      ...{ writes: ["chunkSums"], arguments: ["columns"], spread: "rows" },
    },
    (k, chunk, { ids, sorted, x, chunkSums }, { columns }) => {
      const rows = sorted.from(chunk.multiply(CHUNK));
      const idOf = (row: number) => ids.load(rows.load(row));
      k.if(idOf(0).equal(idOf(CHUNK - 1)), () =>
        k.spread(columns, (column) => {
          const sum = k.variable(zero(k));
          k.loop(0, CHUNK, (i) =>
            k.set(sum, sum.add(x.load(rows.load(i).multiply(columns).add(column)))));
          chunkSums.store(chunk.multiply(columns).add(column), sum);
        }));
    },
  );

  /** Sums the rows of each id: those before the first whole chunk, the chunks, those after. */
  const sumIds = defineKernel(
    {
      key: `sum rows: ids ${stored} ${width}`,
      buffers: { sorted: "i32", begins: "i32", chunkSums: sumType, x: rowType, output: rowType },
      ...{ writes: ["output"], arguments: ["columns", "accumulate"], spread: "rows" },
    },
    (k, row, { sorted, begins, chunkSums, x, output }, { columns, accumulate }) => {
      const begin = k.let(begins.load(row));
      const end = k.let(begins.load(row.add(1)));
      const firstChunk = k.let(begin.add(CHUNK - 1).divide(CHUNK));
      const endChunk = k.let(end.divide(CHUNK));
      // Without a whole chunk, all rows are taken to be before it.
      const [endBefore, beginAfter] = [k.variable(end), k.variable(end)];
      k.if(firstChunk.less(endChunk), () => {
        k.set(endBefore, firstChunk.multiply(CHUNK));
        k.set(beginAfter, endChunk.multiply(CHUNK));
      });
      k.spread(columns, (column) => {
        const sum = k.variable(zero(k));
        const addRow = (i: Int) =>
          k.set(sum, sum.add(x.load(sorted.load(i).multiply(columns).add(column))));
        k.loop(begin, endBefore, addRow);
        k.loop(
          firstChunk,
          endChunk,
          (chunk) => k.set(sum, sum.add(chunkSums.load(chunk.multiply(columns).add(column)))),
        );
        k.loop(beginAfter, end, addRow);
        const at = k.let(row.multiply(columns).add(column));
        k.if(accumulate.notEqual(0), () => k.set(sum, sum.add(output.load(at))));
        output.store(at, sum);
      });
    },
  );
  return { sumChunks, sumIds };
};
const KERNELS = {
  f32: { 1: kernelsOf(1, "f32"), 4: kernelsOf(4, "f32") },
  f16: { 1: kernelsOf(1, "f16"), 4: kernelsOf(4, "f16") },
};
