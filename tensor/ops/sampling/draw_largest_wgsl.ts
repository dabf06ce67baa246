/** Drawing among the largest on WebGPU, in one kernel. @module */

import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { functionsFor, unaryCode } from "../../devices/webgpu/wgsl_functions.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import { drawWgsl } from "./multinomial_wgsl.ts";
import { pieceLength } from "../scan/scan_wasm.ts";
import { LANES, topKWgsl } from "./top_k_wgsl.ts";

/** So many are sorted in the memory of a workgroup, of which 16 KiB are there on every adapter. */
export const MOST_CANDIDATES = 1024;

/**
 * Draws an index for each row of `logits`, among the `k` largest of it.
 *
 * @param logits `[rows, length]`; what is in a row lies side by side.
 * @param uniforms `[rows]`, contiguous, as is the output.
 */
export function drawAmongLargestOnWebGpu(
  device: WebGpuDevice,
  logits: View,
  uniforms: View,
  output: View,
  k: number,
  temperature: number,
): void {
  const [rows, length] = logits.shape as [number, number];
  device.dispatch(
    DRAW,
    [logits, uniforms, output].map((view) => view.allocation),
    {
      integers: [
        ...[logits.offset, logits.strides[0]!, uniforms.offset, output.offset],
        ...[rows, length, k, pieceLength(k)],
      ],
      floats: [temperature],
    },
    workgroupGrid(rows, device.limits.maxComputeWorkgroupsPerDimension),
  );
}

/**
 * A workgroup takes a row: it sorts the candidates, turns each into a weight in its place, and draws.
 * The weights are not divided by their sum, by which the goal of the draw is multiplied. Finding
 * candidates and drawing both take 128 lanes, `LANES` and `SCAN_PIECES`.
 */
const DRAW: WgslKernel = {
  key: "draw among largest",
  integers: [
    ...["xOffset", "rowStride", "uniformsOffset", "outputOffset", "rows", "length", "k", "piece"],
  ],
  floats: ["temperature"],
  buffers: [
    { name: "x", type: "u32", writes: false },
    { name: "uniforms", type: "f32", writes: false },
    { name: "output", type: "i32", writes: true },
  ],
  code: () => {
    const main = `
var<workgroup> values: array<u32, ${MOST_CANDIDATES}>;
var<workgroup> indices: array<u32, ${MOST_CANDIDATES}>;

fn weightAt(place: u32) -> f32 { return bitcast<f32>(values[place]); }

${beginMain(LANES, "index")}
  if (index >= u32(arguments.rows)) { return; }
  let row = u32(arguments.xOffset) + index * u32(arguments.rowStride);
  let k = u32(arguments.k);
  findThreshold(lane, row);
  collect(lane, row, 0u);
  workgroupBarrier();
  sort(lane, 0u);
  workgroupBarrier();
  let largest = bitcast<f32>(x[row + indices[0]]) / arguments.temperature;
  // From an infinite one or NaN there is no distance: a negative weight lets nothing be drawn.
  let isFinite = (bitcast<u32>(largest) & 0x7fffffffu) < 0x7f800000u;
  for (var i = lane; i < k; i += ${LANES}u) {
    let scaled = bitcast<f32>(x[row + indices[i]]) / arguments.temperature;
    values[i] = bitcast<u32>(select(-1.0, ${unaryCode("exp", "scaled - largest", 1)}, isFinite));
  }
  workgroupBarrier();
  let chance = uniforms[u32(arguments.uniformsOffset) + index];
  let drawn = draw(lane, 0u, k, u32(arguments.piece), chance);
  if (drawn == NOTHING) { return; }
  let place = u32(arguments.outputOffset) + index;
  if (drawn < 0) { output[place] = -1; } else { output[place] = i32(indices[drawn]); }
}
`;
    const pieces = topKWgsl("workgroupBarrier") + drawWgsl;
    return pieces + functionsFor(main) + main;
  },
};
