/** Drawing indices on WebGPU. @module */

import type { View, WebGpuDevice, WgslKernel } from "../device.ts";
import { workgroupGrid, workgroupIndexWgsl } from "../devices/webgpu/workgroup_grid.ts";
import { sizeOf } from "../shape.ts";
import { BITS_OF_ONE } from "./multinomial_wasm.ts";
import { pieceLength, SCAN_PIECES } from "./scan_wasm.ts";

/** Draws an index for each uniform number. All views are contiguous. */
export function multinomialOnWebGpu(
  device: WebGpuDevice,
  weights: View,
  uniforms: View,
  output: View,
): void {
  const length = weights.shape.at(-1)!;
  const draws = sizeOf(uniforms.shape);
  if (draws === 0) return;
  const samples = draws / sizeOf(weights.shape.slice(0, -1));
  device.dispatch(
    MULTINOMIAL,
    [weights, uniforms, output].map((view) => view.allocation),
    {
      integers: [weights.offset, uniforms.offset, draws, samples, length, pieceLength(length)],
    },
    workgroupGrid(draws, device.limits.maxComputeWorkgroupsPerDimension),
  );
}

/** A workgroup draws an index; each lane adds up a piece of the row, and one of them finds the index. */
const MULTINOMIAL: WgslKernel = {
  key: "multinomial",
  integers: ["weightsOffset", "uniformsOffset", "draws", "samples", "length", "piece"],
  buffers: [
    { name: "weights", type: "f32", writes: false },
    { name: "uniforms", type: "f32", writes: false },
    { name: "output", type: "i32", writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
var<workgroup> before: array<f32, ${SCAN_PIECES}>;
var<workgroup> isInvalid: atomic<u32>;
var<workgroup> threshold: f32;

@compute @workgroup_size(${SCAN_PIECES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let draw = workgroupIndex(group, grid);
  if (draw >= u32(arguments.draws)) { return; }
  let length = u32(arguments.length);
  let row = u32(arguments.weightsOffset) + draw / u32(arguments.samples) * length;
  let start = lane * u32(arguments.piece);
  let end = min(start + u32(arguments.piece), length);
  var sum = 0.0;
  for (var i = start; i < end; i++) {
    let weight = weights[row + i];
    // Bits tell what is negative, infinite or NaN; a compiler may take it that nothing is NaN.
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
    let chance = uniforms[u32(arguments.uniformsOffset) + draw];
    threshold = chance * total;
    let totalBits = bitcast<u32>(total);
    if (totalBits == 0u || totalBits >= 0x7f800000u || bitcast<u32>(chance) >= ${BITS_OF_ONE}u) {
      atomicStore(&isInvalid, 1u);
    }
    if (atomicLoad(&isInvalid) == 1u) { output[draw] = -1; }
  }
  workgroupBarrier();
  if (atomicLoad(&isInvalid) == 1u || before[lane] > threshold) { return; }
  sum = 0.0;
  for (var i = start; i < end; i++) {
    sum += weights[row + i];
    if (before[lane] + sum > threshold) {
      output[draw] = i32(i);
      return;
    }
  }
}
`,
};
