/** The running sum on WebGPU. @module */

import type { View, WebGpuDevice, WgslKernel } from "../device.ts";
import { workgroupGrid, workgroupIndexWgsl } from "../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../shape.ts";
import { pieceLength, SCAN_PIECES } from "./scan_wasm.ts";

/** Running sums along the last axis of contiguous views. */
export function cumulativeSumOnWebGpu(
  device: WebGpuDevice,
  x: View,
  output: View,
  reverse: boolean,
): void {
  const length = x.shape.at(-1)!;
  if (length === 0) return;
  const rows = sizeOf(x.shape.slice(0, -1));
  const [first, step] = reverse ? [length - 1, -1] : [0, 1];
  device.dispatch(
    CUMULATIVE_SUM,
    [x.allocation, output.allocation],
    { integers: [x.offset, rows, length, pieceLength(length), first, step] },
    workgroupGrid(rows, device.limits.maxComputeWorkgroupsPerDimension),
  );
}

/** A workgroup takes a row, and each lane a piece of it. */
const CUMULATIVE_SUM: WgslKernel = {
  key: "cumulative sum",
  integers: ["xOffset", "rows", "length", "piece", "first", "step"],
  buffers: [
    { name: "x", type: "f32", writes: false },
    { name: "output", type: "f32", writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
var<workgroup> before: array<f32, ${SCAN_PIECES}>;

@compute @workgroup_size(${SCAN_PIECES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroupIndex(group, grid);
  if (row >= u32(arguments.rows)) { return; }
  let place = i32(row) * arguments.length + arguments.first;
  let start = i32(lane) * arguments.piece;
  let end = min(start + arguments.piece, arguments.length);
  var sum = 0.0;
  for (var i = start; i < end; i++) { sum += x[arguments.xOffset + place + i * arguments.step]; }
  before[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var other = 0u; other < ${SCAN_PIECES}u; other++) {
      let own = before[other];
      before[other] = total;
      total += own;
    }
  }
  workgroupBarrier();
  sum = 0.0;
  for (var i = start; i < end; i++) {
    sum += x[arguments.xOffset + place + i * arguments.step];
    output[place + i * arguments.step] = before[lane] + sum;
  }
}
`,
};
