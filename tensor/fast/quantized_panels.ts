/**
 * Matmuls of many rows with a packed matrix, as in prefill: rounded rows and panels of weights are
 * unpacked to float32, for the fastest matmul of floats. Each number is exact but for one rounding.
 *
 * @module
 */

import { allocateView, type Device, type View, viewAs } from "../device.ts";
import type { FastPath } from "../fast_paths.ts";
import { multiplyViews } from "../ops/matmul/multiply.ts";
import type { PackedRows } from "../ops/quantized/blocks.ts";
import { type QuantizedProblem, roundRows } from "../ops/quantized/multiply.ts";
import { unpackRows } from "../ops/quantized/unpack.ts";

/** Minimum rows that share the unpacking of a panel. */
const MIN_ROWS = 13;

/** Maximum numbers of a panel: 4 MiB, which caches hold. */
const MAX_PANEL = 2 ** 20;

function run({ x, weight, y, accumulate }: QuantizedProblem, device: Device): void {
  const [rows, n] = y.shape as [number, number];
  const k = x.shape[1]!;
  const rounded = roundRows(device, x);
  const left = allocateView(device, "float32", [rows, k], "rounded rows");
  unpackRows(device, { packing: "q8", ...rounded }, left);
  const height = Math.min(n, Math.max(1, Math.floor(MAX_PANEL / k)));
  const panel = allocateView(device, "float32", [height, k], "unpacked weights");
  for (let first = 0; first < n; first += height) {
    const count = Math.min(height, n - first);
    const right = viewAs(panel, [count, k], [k, 1]);
    unpackRows(device, rowsOf(weight, first, count), right);
    const result = { ...viewAs(y, [rows, count], [n, 1]), offset: y.offset + first };
    multiplyViews(device, left, right, result, { transposeB: true, accumulate });
  }
  for (const { allocation } of [rounded.numbers, rounded.scales, left, panel]) {
    device.free(allocation);
  }
}

function rowsOf(
  { packing, numbers, scales }: PackedRows,
  first: number,
  count: number,
): PackedRows {
  const part = (view: View): View => {
    const length = view.shape[1]!;
    return { ...viewAs(view, [count, length], [length, 1]), offset: view.offset + first * length };
  };
  return { packing, numbers: part(numbers), scales: part(scales) };
}

const refuses = ({ y }: QuantizedProblem) => y.shape[0]! >= MIN_ROWS ? null : "it has few rows";

/** On the CPU, by a BLAS if there is one. */
export const quantizedPanels: FastPath<"quantized matmul", "cpu"> = {
  operation: "quantized matmul",
  name: "unpacked panels",
  device: "cpu",
  gain: { factor: 2.71, of: "128×576×1536 q8, against plain" },
  refuses,
  run,
};

/** On a GPU. */
export const quantizedPanelsOnGpu: FastPath<"quantized matmul", "webgpu"> = {
  operation: "quantized matmul",
  name: "unpacked panels",
  device: "webgpu",
  gain: { unmeasured: "no real GPU was at hand" },
  refuses,
  run,
};
