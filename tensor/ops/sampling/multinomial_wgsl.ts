/** Multinomial sampling on WebGPU. @module */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { rowsInRanges } from "../../devices/webgpu/binding_ranges.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../../shape.ts";
import { BITS_OF_ONE } from "./multinomial_wasm.ts";
import { pieceLength, SCAN_PIECES } from "../scan/scan_wasm.ts";

/** Samples an index for each uniform number. All views are contiguous. */
export function multinomialOnWebGpu(
  device: WebGpuDevice,
  weights: View,
  uniforms: View,
  output: View,
): void {
  if (sizeOf(uniforms.shape) === 0) return;
  const rows = sizeOf(weights.shape.slice(0, -1));
  for (const piece of rowsInRanges(device, [weights, uniforms, output], rows, "multinomial")) {
    const [pieceRows, length] = piece[0]!.shape as [number, number];
    const samples = piece[1]!.shape[1]!;
    const count = pieceRows * samples;
    const offsets = piece.map(({ offset }) => offset);
    device.dispatch(
      MULTINOMIAL,
      piece.map((view) => view.allocation),
      { integers: [...offsets, count, samples, length, pieceLength(length)] },
      workgroupGrid(count, device.limits.maxComputeWorkgroupsPerDimension),
    );
  }
}

/**
 * A workgroup samples an index; each lane adds `piece` weights. The lane whose weights contain the
 * goal writes the index; if the row is invalid, the first lane writes −1.
 */
const MULTINOMIAL: WgslKernel = {
  key: "multinomial",
  integers: [
    ...["weightsOffset", "uniformsOffset", "outputOffset"],
    ...["count", "samples", "length", "piece"],
  ],
  buffers: [
    { name: "weights", type: "f32", writes: false },
    { name: "uniforms", type: "f32", writes: false },
    { name: "output", type: "i32", writes: true },
  ],
  code: () => `
var<workgroup> before: array<f32, ${SCAN_PIECES}>;
var<workgroup> isInvalid: atomic<u32>;
var<workgroup> goal: f32;

${beginMain(SCAN_PIECES, "index")}
  if (index >= u32(arguments.count)) { return; }
  let first = u32(arguments.weightsOffset) + index / u32(arguments.samples) * u32(arguments.length);
  let place = u32(arguments.outputOffset) + index;
  let start = lane * u32(arguments.piece);
  let end = min(start + u32(arguments.piece), u32(arguments.length));
  var sum = 0.0;
  for (var i = start; i < end; i++) {
    let weight = weights[first + i];
    // Only the bits are safe to test: a compiler may assume that nothing is NaN.
    let bits = bitcast<u32>(weight);
    if (bits >= 0x7f800000u && bits != 0x80000000u) { atomicStore(&isInvalid, 1u); }
    sum += weight;
  }
  before[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var other = 0u; other < ${SCAN_PIECES}u; other++) {
      let own = before[other];
      before[other] = total;
      total += own;
    }
    let chance = uniforms[u32(arguments.uniformsOffset) + index];
    goal = chance * total;
    let totalBits = bitcast<u32>(total);
    if (totalBits == 0u || totalBits >= 0x7f800000u || bitcast<u32>(chance) >= ${BITS_OF_ONE}u) {
      atomicStore(&isInvalid, 1u);
    }
  }
  workgroupBarrier();
  if (atomicLoad(&isInvalid) == 1u) {
    if (lane == 0u) { output[place] = -1; }
    return;
  }
  if (before[lane] > goal) { return; }
  sum = 0.0;
  for (var i = start; i < end; i++) {
    sum += weights[first + i];
    if (before[lane] + sum > goal) {
      output[place] = i32(i);
      return;
    }
  }
}
`,
};
