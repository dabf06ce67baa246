/**
 * The gradient of an embedding: sorts rows by id, then sums the rows of each id.
 *
 * A very frequent id would leave nearly all additions to one thread. So the sorted rows are cut
 * into chunks, and chunks with a single id are summed first.
 *
 * @module
 */

import { viewAs } from "../../apply.ts";
import { allocateView, type Device, type View } from "../../device.ts";
import { split } from "../../devices/webgpu/split.ts";
import { findFastPath } from "../../fast_paths.ts";
import type { Float, Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import { sizeOf } from "../../shape.ts";
import { Storage } from "../../storage.ts";
import { Tensor } from "../../tensor.ts";
import { fillView } from "../elementwise.ts";
import { defineSort } from "../sort/sort.ts";
import { grainFor, rowWidth, type Width } from "./kernels.ts";

const CHUNK = 64;

/** Negative ids go last. */
const sortIds = defineSort("ids", (_, id) => id);

/** Indices sorted by id. */
interface Order {
  readonly sorted: Tensor;
  /** Cache key: the range of ids, and the version of their memory. */
  readonly key: string;
}

/** The latest sort orders, by the memory of the ids. */
const orders = new WeakMap<Storage, Order>();

/** `output[ids[i]] += x[i]`, for rows of contiguous matrices; invalid ids are skipped. */
export interface RowSums {
  readonly x: View;
  /** `int32`, contiguous. */
  readonly ids: Tensor;
  /** `[rows, columns]` */
  readonly output: View;
  /** Whether to add to existing values, instead of zeros. */
  readonly accumulate: boolean;
}

/**
 * Sums rows by id, in the order of i within each chunk. A batch changes few rows of a large table,
 * and existing values of others are not touched.
 *
 * Several tables are often indexed by the same ids, so the sort order is cached while the ids live.
 */
export function sumRows(device: Device, sums: RowSums): void {
  if (sizeOf(sums.output.shape) === 0) return;
  const path = findFastPath("sum rows", sums, device);
  if (path === undefined) sumSorted(device, sums);
  else path.run(sums, device);
}

/** The plain form. */
export function sumSorted(device: Device, { x, ids, output, accumulate }: RowSums): void {
  const [rows, rowLength] = output.shape as [number, number];
  if (!accumulate) fillView(device, output, 0);
  const shape = [rows, sizeOf(ids.shape), rowLength];
  const views = [
    viewAs(ids, shape, [0, 1, 0]),
    viewAs(x, shape, [0, rowLength, 1]),
    viewAs(output, shape, [rowLength, 0, 1]),
  ];
  const cut = { name: "sum rows", axes: 3, firstOutput: 2 };
  // Those of the same ids follow each other, so that each order is found once.
  const parts = split(device, views, cut).toSorted((p, q) => p.begin[1]! - q.begin[1]!);
  for (const { views: part, begin } of parts) {
    const [firstRow, first] = begin as [number, number];
    const [someIds, someX, range] = part as [View, View, View];
    const count = someIds.shape[1]!;
    const key = [first, count, ids.offset, ids.storage.version].join();
    const sorted = orderOf(device, ids, viewAs(someIds, [1, count], [count, 1]), key);
    addSorted(device, rowWidth(x), [someIds, sorted, someX, range], firstRow);
  }
}

/** The sort order of some of the ids, cached or new. */
function orderOf(device: Device, { storage }: Tensor, ids: View, key: string): View {
  const known = orders.get(storage);
  if (known?.key === key) return known.sorted;
  known?.sorted.dispose();
  const count = sizeOf(ids.shape);
  const { allocation } = sortIds(device, ids, count);
  const memory = new Storage(device, allocation);
  const sorted = new Tensor(memory, "int32", [count], [1], 0, storage.derived);
  orders.set(storage, { sorted, key });
  return sorted;
}

/** Adds rows to a range of the table: views as {@linkcode split} cuts them, and the order. */
function addSorted(
  device: Device,
  width: Width,
  [ids, sorted, x, output]: readonly [View, View, View, View],
  firstRow: number,
): void {
  const [rows, count, rowLength] = output.shape as [number, number, number];
  const [columns, stride] = [rowLength / width, output.strides[0]! / width];
  const chunks = Math.floor(count / CHUNK);
  const chunkSums = allocateView(device, "float32", [chunks, rowLength], "sums of chunks");
  const { sumChunks, addIds } = KERNELS[x.dtype === "float16" ? "f16" : "f32"][width];
  const views = [ids, sorted, x, chunkSums];
  const grain = grainFor(rowLength);
  const ofChunks = { columns, grain: Math.ceil(grain / CHUNK) };
  runKernel(device, sumChunks, views, [columns, stride], chunks, ofChunks);
  const words = [count, 32 - Math.clz32(count), firstRow, rows, columns, stride];
  runKernel(device, addIds, [...views, output], words, count, { columns, grain });
  device.free(chunkSums.allocation);
}

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
      ...{ writes: ["chunkSums"], arguments: ["columns", "stride"], spread: "rows" },
    },
    (k, chunk, { ids, sorted, x, chunkSums }, { columns, stride }) => {
      const rows = sorted.from(chunk.multiply(CHUNK));
      const idOf = (row: number) => ids.load(rows.load(row));
      k.if(idOf(0).equal(idOf(CHUNK - 1)), () =>
        k.spread(columns, (column) => {
          const sum = k.variable(zero(k));
          k.loop(0, CHUNK, (i) =>
            k.set(sum, sum.add(x.load(rows.load(i).multiply(stride).add(column)))));
          chunkSums.store(chunk.multiply(columns).add(column), sum);
        }));
    },
  );

  /** Adds the rows of each id: those before the first whole chunk, the chunks, those after. */
  const addIds = defineKernel(
    {
      key: `sum rows: ids ${stored} ${width}`,
      buffers: { ids: "i32", sorted: "i32", x: rowType, chunkSums: sumType, output: rowType },
      writes: ["output"],
      arguments: ["count", "steps", "firstRow", "rows", "columns", "stride"],
      spread: "rows",
    },
    (
      k,
      begin,
      { ids, sorted, x, chunkSums, output },
      { count, steps, firstRow, rows, columns, stride },
    ) => {
      const idOf = (i: Int) => ids.load(sorted.load(i));
      const id = k.let(idOf(begin));
      const row = k.let(id.subtract(firstRow));
      const isFirst = k.variable(begin.equal(0));
      k.unless(isFirst, () => k.set(isFirst, idOf(begin.subtract(1)).notEqual(id)));
      k.if(isFirst.and(row.lessUnsigned(rows)), () => {
        const [end, limit] = [k.variable(begin.add(1)), k.variable(count)];
        k.loop(0, steps, () =>
          k.if(end.less(limit), () => {
            const middle = k.let(end.add(limit).divide(2));
            const isSame = idOf(middle).equal(id);
            k.if(isSame, () => k.set(end, middle.add(1)), () => k.set(limit, middle));
          }));
        const firstChunk = k.let(begin.add(CHUNK - 1).divide(CHUNK));
        const endChunk = k.let(end.divide(CHUNK));
        // Without a whole chunk, all rows are taken to be before it.
        const [endBefore, beginAfter] = [k.variable(end), k.variable(end)];
        k.if(firstChunk.less(endChunk), () => {
          k.set(endBefore, firstChunk.multiply(CHUNK));
          k.set(beginAfter, endChunk.multiply(CHUNK));
        });
        const target = output.from(row.multiply(stride));
        k.spread(columns, (column) => {
          const sum = k.variable(zero(k));
          const addRow = (i: Int) =>
            k.set(sum, sum.add(x.load(sorted.load(i).multiply(stride).add(column))));
          k.loop(begin, endBefore, addRow);
          k.loop(
            firstChunk,
            endChunk,
            (chunk) => k.set(sum, sum.add(chunkSums.load(chunk.multiply(columns).add(column)))),
          );
          k.loop(beginAfter, end, addRow);
          target.store(column, sum.add(target.load(column)));
        });
      });
    },
  );
  return { sumChunks, addIds };
};
const KERNELS = {
  f32: { 1: kernelsOf(1, "f32"), 4: kernelsOf(4, "f32") },
  f16: { 1: kernelsOf(1, "f16"), 4: kernelsOf(4, "f16") },
};
