/** Validates ids before a kernel uses them as indices. @module */

import { bytesPerElement } from "../../dtype.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";

/**
 * Throws a `RangeError` if ids that the host wrote are out of range. Those that were computed on
 * the device, or are a slice of what was written, are checked by the kernels, which return NaN.
 */
export function checkIds(
  operation: string,
  what: string,
  ids: Tensor,
  low: number,
  count: number,
): void {
  if (ids.dtype !== "int32") throw wrongType(operation, `${what}s of type int32`, ids.dtype);
  const range = integerRange(ids);
  if (range === null) return;
  const bad = range[0] < low ? range[0] : range[1] >= count ? range[1] : null;
  if (bad !== null) throw wrongValue(operation, `${what}s from ${low} to ${count - 1}`, bad);
}

export function integerRange(ids: Tensor): readonly [low: number, high: number] | null {
  const isWhole = ids.size * bytesPerElement(ids.dtype) === ids.storage.allocation.bytes;
  return isWhole && ids.size > 0 ? ids.storage.integerRange : null;
}
