/** The running sum on WebGPU. @module */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { asMatrix, viewsInRanges } from "../../devices/webgpu/binding_ranges.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../../shape.ts";
import { pieceLength, SCAN_PIECES } from "./scan_wasm.ts";

/** Running sums along the last axis of contiguous views. */
export function cumulativeSumOnWebGpu(
  device: WebGpuDevice,
  x: View,
  output: View,
  reverse: boolean,
): void {
  const length = x.shape.at(-1)!;
  const rows = sizeOf(x.shape.slice(0, -1));
  if (length * rows === 0) return;
  const matrices = [asMatrix(x, rows), asMatrix(output, rows)];
  const pieces = viewsInRanges(device, matrices, 1, 2, "cumulative sum");
  const isCut = pieces.some(([x]) => x!.shape[1]! < length);
  // The pieces of a row are computed in order, each starting at the sum of the earlier ones.
  const carry = isCut ? device.allocate(4, "a sum so far") : null;
  let done = 0;
  for (const [x, output] of reverse ? pieces.toReversed() : pieces) {
    const [pieceRows, columns] = x!.shape as [number, number];
    const [first, step] = reverse ? [columns - 1, -1] : [0, 1];
    const integers = [x!.offset, output!.offset, pieceRows, columns, pieceLength(columns)];
    const buffers = [x!.allocation, output!.allocation];
    device.dispatch(
      carry === null ? CUMULATIVE_SUM : CUMULATIVE_SUM_OF_PIECE,
      carry === null ? buffers : [...buffers, carry],
      { integers: [...integers, first, step, ...(carry === null ? [] : [Number(done > 0)])] },
      workgroupGrid(pieceRows, device.limits.maxComputeWorkgroupsPerDimension),
    );
    done = (done + columns) % length;
  }
  if (carry !== null) device.free(carry);
}

/** One workgroup per row, with a piece per lane. */
const cumulativeSum = (carries: boolean): WgslKernel => ({
  key: `cumulative sum${carries ? " of a piece" : ""}`,
  integers: [
    ...["xOffset", "outputOffset", "rows", "length", "piece", "first", "step"],
    ...(carries ? ["continues"] : []),
  ],
  buffers: [
    { name: "x", type: "f32", writes: false },
    { name: "output", type: "f32", writes: true },
    ...(carries ? [{ name: "carry", type: "f32", writes: true }] : []),
  ],
  code: () => `
var<workgroup> before: array<f32, ${SCAN_PIECES}>;

${beginMain(SCAN_PIECES, "row")}
  if (row >= u32(arguments.rows)) { return; }
  let place = i32(row) * arguments.length + arguments.first;
  let start = i32(lane) * arguments.piece;
  let end = min(start + arguments.piece, arguments.length);
  var sum = 0.0;
  for (var i = start; i < end; i++) { sum += x[arguments.xOffset + place + i * arguments.step]; }
  before[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = ${carries ? "select(0.0, carry[0], arguments.continues != 0)" : "0.0"};
    for (var other = 0u; other < ${SCAN_PIECES}u; other++) {
      let own = before[other];
      before[other] = total;
      total += own;
    }${carries ? "\n    carry[0] = total;" : ""}
  }
  workgroupBarrier();
  sum = 0.0;
  for (var i = start; i < end; i++) {
    sum += x[arguments.xOffset + place + i * arguments.step];
    output[arguments.outputOffset + place + i * arguments.step] = before[lane] + sum;
  }
}
`,
});
const CUMULATIVE_SUM = cumulativeSum(false);
const CUMULATIVE_SUM_OF_PIECE = cumulativeSum(true);
