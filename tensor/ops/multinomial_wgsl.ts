/** Drawing indices on WebGPU. @module */

import type { View, WebGpuDevice, WgslKernel } from "../device.ts";
import { rowsInWindows } from "../devices/webgpu/windows.ts";
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
  if (sizeOf(uniforms.shape) === 0) return;
  const rows = sizeOf(weights.shape.slice(0, -1));
  for (const piece of rowsInWindows(device, [weights, uniforms, output], rows, "multinomial")) {
    const [pieceRows, length] = piece[0]!.shape as [number, number];
    const samples = piece[1]!.shape[1]!;
    const draws = pieceRows * samples;
    const offsets = piece.map(({ offset }) => offset);
    device.dispatch(
      MULTINOMIAL,
      piece.map((view) => view.allocation),
      { integers: [...offsets, draws, samples, length, pieceLength(length)] },
      workgroupGrid(draws, device.limits.maxComputeWorkgroupsPerDimension),
    );
  }
}

/**
 * The function `draw`: which of `length` weights from `first` on does `chance` fall into? It is for a
 * workgroup of {@linkcode SCAN_PIECES} lanes, each of which adds up `piece` weights, and needs the
 * function `weightAt`. The lane that finds the index returns it, and the others NOTHING; the first one
 * returns −1 if nothing can be drawn.
 */
export const drawWgsl = `
const NOTHING = -2;
var<workgroup> before: array<f32, ${SCAN_PIECES}>;
var<workgroup> isInvalid: atomic<u32>;
var<workgroup> goal: f32;

fn draw(lane: u32, first: u32, length: u32, piece: u32, chance: f32) -> i32 {
  let start = lane * piece;
  let end = min(start + piece, length);
  var sum = 0.0;
  for (var i = start; i < end; i++) {
    let weight = weightAt(first + i);
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
    goal = chance * total;
    let totalBits = bitcast<u32>(total);
    if (totalBits == 0u || totalBits >= 0x7f800000u || bitcast<u32>(chance) >= ${BITS_OF_ONE}u) {
      atomicStore(&isInvalid, 1u);
    }
  }
  workgroupBarrier();
  if (atomicLoad(&isInvalid) == 1u) { return select(NOTHING, -1, lane == 0u); }
  if (before[lane] > goal) { return NOTHING; }
  sum = 0.0;
  for (var i = start; i < end; i++) {
    sum += weightAt(first + i);
    if (before[lane] + sum > goal) { return i32(i); }
  }
  return NOTHING;
}
`;

/** A workgroup draws an index. */
const MULTINOMIAL: WgslKernel = {
  key: "multinomial",
  integers: [
    ...["weightsOffset", "uniformsOffset", "outputOffset"],
    ...["draws", "samples", "length", "piece"],
  ],
  buffers: [
    { name: "weights", type: "f32", writes: false },
    { name: "uniforms", type: "f32", writes: false },
    { name: "output", type: "i32", writes: true },
  ],
  code: () => `
${workgroupIndexWgsl}
${drawWgsl}
fn weightAt(place: u32) -> f32 { return weights[place]; }

@compute @workgroup_size(${SCAN_PIECES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) grid: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = workgroupIndex(group, grid);
  if (index >= u32(arguments.draws)) { return; }
  let length = u32(arguments.length);
  let first = u32(arguments.weightsOffset) + index / u32(arguments.samples) * length;
  let chance = uniforms[u32(arguments.uniformsOffset) + index];
  let drawn = draw(lane, first, length, u32(arguments.piece), chance);
  if (drawn != NOTHING) { output[u32(arguments.outputOffset) + index] = drawn; }
}
`,
};
