/**
 * Sorting on any device: a stable merge sort of indices by key, which can stop at the first few.
 *
 * Blocks are sorted by counting, for each element, those that go before it. Then neighboring runs are
 * merged, again and again: an element finds its place by a binary search in the other run. Source:
 * Satish et al., "Designing Efficient Sorting Algorithms for Manycore GPUs" (2009).
 *
 * @module
 */

import { allocateView, type Device, type View } from "../../device.ts";
import type { Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, type Kernel, runKernel } from "../../kernel/run.ts";

/** Elements of the shortest runs. */
const BLOCK = 32;

/** Elements to place that justify waking another thread. */
const ELEMENTS_PER_THREAD = 1024;

/**
 * Sorts the indices of each row of `x`, contiguous `[rows, length]`.
 *
 * @param wanted How many indices of a row are needed, the first ones.
 * @returns The indices, `int32 [rows, length]`; those after the first ones are undefined. The caller
 * frees them.
 */
export type Sort = (device: Device, x: View, wanted: number) => View;

/** The key of an element; smaller ones, as unsigned numbers, go first. */
type KeyOf = (k: KernelBuilder, element: Int) => Int;

/**
 * Defines a sort of 32-bit elements.
 *
 * @example Integers in ascending order, negative ones last
 * ```ts
 * import { openDevice } from "../../mod.ts";
 * import { defineSort } from "./sort.ts";
 *
 * const sort = defineSort("integers", (_, value) => value);
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const allocation = device.allocate(16, "integers");
 * device.write(allocation, 0, Int32Array.of(7, -1, 7, 2));
 * const x = { allocation, dtype: "int32", shape: [1, 4], strides: [4, 1], offset: 0 } as const;
 * const sorted = new Int32Array(await device.read(sort(device, x, 4).allocation, 0, 16));
 * if (sorted.join() !== "3,0,2,1") throw new Error(`expected 3, 0, 2, 1, got ${sorted}`);
 * await device.close();
 * ```
 */
export function defineSort(name: string, keyOf: KeyOf): Sort {
  const sortBlocks = defineBlockSort(name, keyOf);
  const merge = defineMerge(name, keyOf);
  return (device, x, wanted) => {
    const [rows, length] = x.shape as [number, number];
    const allocate = () => allocateView(device, "int32", [rows, length], `sorted ${name}`);
    let sorted = allocate();
    const grain = ELEMENTS_PER_THREAD;
    runKernel(device, sortBlocks, [x, sorted], [length], rows * length, { grain });
    if (length <= BLOCK) return sorted;
    let merged = allocate();
    for (let width = BLOCK; width < length; width *= 2) {
      const runsOfRow = Math.ceil(length / width);
      const wantedOfRun = Math.min(width, wanted);
      const steps = 32 - Math.clz32(wantedOfRun);
      const words = [length, width, runsOfRow, wantedOfRun, wanted, steps];
      const items = rows * runsOfRow * wantedOfRun;
      runKernel(device, merge, [x, sorted, merged], words, items, { grain });
      [sorted, merged] = [merged, sorted];
    }
    device.free(merged.allocation);
    return sorted;
  };
}

/**
 * Sorts blocks of a row by counting, for each element, those that go before it. Work items are
 * elements.
 */
function defineBlockSort(name: string, keyOf: KeyOf): Kernel {
  return defineKernel(
    {
      key: `sort ${name}: blocks`,
      buffers: { x: "i32", sorted: "i32" },
      writes: ["sorted"],
      arguments: ["length"],
    },
    (k, item, { x, sorted }, { length }) => {
      const column = k.let(item.remainder(length));
      const begin = k.let(item.subtract(column));
      const [row, target] = [x.from(begin), sorted.from(begin)];
      const key = k.let(keyOf(k, row.load(column)));
      const first = k.let(column.subtract(column.remainder(BLOCK)));
      const end = k.let(first.add(BLOCK));
      const place = k.variable(first);
      const goesAfter = () => k.set(place, place.add(1));
      k.loop(first, column, (other) => {
        k.unless(key.lessUnsigned(keyOf(k, row.load(other))), goesAfter);
      });
      k.loop(column.add(1), end.min(length), (other) => {
        k.if(keyOf(k, row.load(other)).lessUnsigned(key), goesAfter);
      });
      target.store(place, column);
    },
  );
}

/**
 * Merges pairs of sorted runs: each element finds its position in the other run by bisection. Work
 * items are the wanted elements of runs, which are `width` apart.
 */
function defineMerge(name: string, keyOf: KeyOf): Kernel {
  return defineKernel(
    {
      key: `sort ${name}: merge`,
      buffers: { x: "i32", runs: "i32", merged: "i32" },
      writes: ["merged"],
      arguments: ["length", "width", "runsOfRow", "wantedOfRun", "wanted", "steps"],
    },
    (k, item, { x, runs, merged }, { length, width, runsOfRow, wantedOfRun, wanted, steps }) => {
      const number = k.let(item.divide(wantedOfRun));
      const begin = k.let(number.divide(runsOfRow).multiply(length));
      const [row, source, target] = [x.from(begin), runs.from(begin), merged.from(begin)];
      const run = k.let(number.remainder(runsOfRow));
      const isSecond = k.let(run.remainder(2));
      const firstRun = k.let(run.subtract(isSecond).multiply(width));
      const place = k.variable(item.remainder(wantedOfRun));
      const at = k.let(run.multiply(width).add(place));
      k.if(at.less(length), () => {
        const column = k.let(source.load(at));
        const key = k.let(keyOf(k, row.load(column)));
        // How many of the other run go before: of equal elements, those of the first run.
        const otherRun = k.let(firstRun.add(k.int(1).subtract(isSecond).multiply(width)));
        const rest = k.let(length.subtract(otherRun));
        const [low, high] = [k.variable(k.int(0)), k.variable(rest.min(wantedOfRun))];
        k.loop(0, steps, () =>
          k.if(low.less(high), () => {
            const middle = k.let(low.add(high).divide(2));
            const other = k.let(keyOf(k, row.load(source.load(otherRun.add(middle)))));
            const goesBefore = other.lessUnsigned(key)
              .or(isSecond.notEqual(0).and(other.equal(key)));
            k.if(goesBefore, () => k.set(low, middle.add(1)), () => k.set(high, middle));
          }));
        k.set(place, place.add(low));
        k.if(place.less(wanted), () => target.store(firstRun.add(place), column));
      });
    },
  );
}
