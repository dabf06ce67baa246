/** The plain form of top-k: a sort that keeps the first few. @module */

import type { Device, View } from "../../device.ts";
import { rowsInRanges } from "../../devices/webgpu/split.ts";
import type { Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import { sizeOf } from "../../shape.ts";
import { defineSort } from "../sort/sort.ts";

/** What to find the largest elements of, along the last axis, and where to. All contiguous. */
export interface TopKViews {
  /** `float32 [..., length]` */
  readonly x: View;
  /** `float32 [..., k]`, in descending order. */
  readonly values: View;
  /** `int32 [..., k]` */
  readonly indices: View;
}

/** Elements to copy that justify waking another thread. */
const ELEMENTS_PER_THREAD = 32_768;

const [BITS_OF_INFINITY, SIGN_BIT] = [0x7f800000, 0x80000000 | 0];
const KEY_OF_NAN = BITS_OF_INFINITY + 1;

/**
 * A key by which larger floats, given as bits, go first as unsigned numbers: zeros of both signs are
 * equal, and NaN is largest. Compilers for GPUs may assume the absence of NaN among floats.
 */
export function descendingKey(k: KernelBuilder, bits: Int): Int {
  const key = k.variable(bits);
  k.if(key.less(0), () => k.set(key, k.int(SIGN_BIT).subtract(key)));
  k.if(key.less(-BITS_OF_INFINITY), () => k.set(key, k.int(KEY_OF_NAN)));
  return k.int(KEY_OF_NAN).subtract(key.min(KEY_OF_NAN));
}

const sortDescending = defineSort("floats", descendingKey);

/** Finds the largest elements of each row, as many as the results have. */
export function plainTopK(device: Device, { x, values, indices }: TopKViews): void {
  const k = values.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  for (const part of rowsInRanges(device, [x, values, indices], rows, "topK")) {
    const [x, values, indices] = part as [View, View, View];
    const [rows, length] = x.shape as [number, number];
    const sorted = sortDescending(device, x, k);
    const options = { grain: ELEMENTS_PER_THREAD };
    runKernel(device, TAKE_FIRST, [x, sorted, values, indices], [length, k], rows * k, options);
    device.free(sorted.allocation);
  }
}

/** Work items are results. */
const TAKE_FIRST = defineKernel(
  {
    key: "top k: take the first",
    buffers: { x: "i32", sorted: "i32", values: "i32", indices: "i32" },
    writes: ["values", "indices"],
    arguments: ["length", "k"],
  },
  (k, item, { x, sorted, values, indices }, { length, k: wanted }) => {
    const begin = k.let(item.divide(wanted).multiply(length));
    const index = k.let(sorted.load(begin.add(item.remainder(wanted))));
    values.store(item, x.load(begin.add(index)));
    indices.store(item, index);
  },
);
