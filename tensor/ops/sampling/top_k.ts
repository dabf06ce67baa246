/** The plain form of top-k: a sort that keeps the first few. @module */

import { type Device, type View, viewAs } from "../../device.ts";
import { rowsInRanges } from "../../kernel/run.ts";
import type { Int, KernelBuilder } from "../../kernel/language.ts";
import { sizeOf } from "../../layout.ts";
import { copyView } from "../elementwise.ts";
import { takeAlong } from "../gather/kernels.ts";
import { defineSort, type Sort } from "../sort/sort.ts";

/** The input and the results of a top-k search along the last axis. All are contiguous. */
export interface TopKViews {
  /** `float32 [..., length]` */
  readonly x: View;
  /** `float32 [..., k]`, in descending order. */
  readonly values: View;
  /** `int32 [..., k]` */
  readonly indices: View;
}

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

/** Sorts floats, the largest first. */
export const sortDescending: Sort = defineSort("floats, descending", descendingKey);

/** Finds the largest elements of each row, as many as the results have. */
export function plainTopK(device: Device, { x, values, indices }: TopKViews): void {
  const k = values.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  for (const part of rowsInRanges(device, [x, values, indices], rows, "topK")) {
    const [x, values, indices] = part as [View, View, View];
    const length = x.shape[1]!;
    const sorted = sortDescending(device, x, k);
    copyView(device, viewAs(sorted, indices.shape, [length, 1]), indices);
    takeAlong(device, x, indices, values);
    device.free(sorted.allocation);
  }
}
