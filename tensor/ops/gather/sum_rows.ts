/** The gradient of an embedding: sorts rows by id, then sums the rows of each id. @module */

import { type Device, type View, viewAs } from "../../device.ts";
import { defineKernel, defineKernels, runKernel, split } from "../../kernel/run.ts";
import { runFastest } from "../../fast_paths.ts";
import type { Float, Int } from "../../kernel/language.ts";
import { sizeOf } from "../../layout.ts";
import { Storage } from "../../storage.ts";
import { Tensor } from "../../tensor.ts";
import { fillView } from "../elementwise.ts";
import { type Element, elementOf } from "../matmul/plain.ts";
import { defineSort } from "../sort/sort.ts";
import { grainFor, rowWidth, type Width } from "./kernels.ts";

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
 * Sums rows by id, in the order of i. A batch changes few rows of a large table, and existing values
 * of others are not touched.
 *
 * Several tables are often indexed by the same ids, so the sort order is cached while the ids live.
 */
export function sumRows(device: Device, sums: RowSums): void {
  if (sizeOf(sums.output.shape) === 0) return;
  runFastest("sum rows", sums, device, () => sumSorted(device, sums));
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
  const width = rowWidth(x);
  const kernel = kernelFor(width, elementOf(x.dtype));
  for (const { views: part, begin: [firstRow, first] } of parts) {
    const [someIds, someX, range] = part as [View, View, View];
    const [rows, count, length] = range.shape as [number, number, number];
    const key = [first, count, ids.offset, ids.storage.version].join();
    const sorted = orderOf(device, ids, viewAs(someIds, [1, count], [count, 1]), key);
    const columns = length / width;
    const steps = 32 - Math.clz32(count);
    const words = [count, steps, firstRow!, rows, columns, rowLength / width];
    const options = { columns, grain: grainFor(length) };
    runKernel(device, kernel, [someIds, sorted, someX, range], words, count, options);
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

/**
 * The kernel for rows of these types in memory. Additions are in `f32`. Work items are places in the
 * order: the first of an id adds the rows of that id.
 */
const kernelFor = defineKernels((width: Width, stored: Element) => {
  // The body is the same for vectors.
  const type = (width === 1 ? stored : `vec4<${stored}>`) as "f32";
  return defineKernel(
    {
      key: `sum rows ${stored} ${width}`,
      buffers: { ids: "i32", sorted: "i32", x: type, output: type },
      writes: ["output"],
      arguments: ["count", "steps", "firstRow", "rows", "columns", "stride"],
      spread: "rows",
    },
    (k, begin, { ids, sorted, x, output }, { count, steps, firstRow, rows, columns, stride }) => {
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
        const target = output.from(row.multiply(stride));
        k.spread(columns, (column) => {
          const sum = k.variable((width === 1 ? k.float(0) : k.vector(0)) as Float);
          k.loop(
            begin,
            end,
            (i) => k.set(sum, sum.add(x.load(sorted.load(i).multiply(stride).add(column)))),
          );
          target.store(column, sum.add(target.load(column)));
        });
      });
    },
  );
});
