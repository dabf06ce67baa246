/** Drawing indices on WebGPU. @module */

import { viewAs } from "../../apply.ts";
import type { View, WebGpuDevice, WgslKernel } from "../../device.ts";
import { allocateView } from "../../devices/webgpu/allocation.ts";
import { runProgramOnWebGpu } from "../../devices/webgpu/program_wgsl.ts";
import { asMatrix, isRowSeen, rowOf, rowsInWindows } from "../../devices/webgpu/windows.ts";
import { beginMain, workgroupGrid } from "../../devices/webgpu/workgroup_grid.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram } from "../../expression/program.ts";
import { sizeOf } from "../../shape.ts";
import { partsOfRows } from "../gather/gather_wgsl.ts";
import { BITS_OF_ONE } from "./multinomial_wasm.ts";
import { pieceLength, SCAN_PIECES } from "../scan/scan_wasm.ts";
import { cumulativeSumOnWebGpu } from "../scan/scan_wgsl.ts";

/** Draws an index for each uniform number. All views are contiguous. */
export function multinomialOnWebGpu(
  device: WebGpuDevice,
  weights: View,
  uniforms: View,
  output: View,
): void {
  if (sizeOf(uniforms.shape) === 0) return;
  const rows = sizeOf(weights.shape.slice(0, -1));
  const matrices = [weights, uniforms, output].map((view) => asMatrix(view, rows));
  if (!matrices.every((view) => isRowSeen(device, view, view.shape[1]!))) {
    const [weights, uniforms, output] = matrices as [View, View, View];
    return drawFromLongRows(device, weights, uniforms, output);
  }
  for (const piece of rowsInWindows(device, matrices, rows, "multinomial")) {
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

// What is negative or NaN is found among the weights, and what is infinite in their sum.
const validTotal = defineProgram(
  { name: "check weights", inputs: ["weights", "total"], perRow: ["total"] },
  ({ weights, total }) => [
    ex.select(
      ex.multiply(ex.lessEqual(0, ex.rowMin(weights)), ex.less(total, Infinity)),
      total,
      -1,
    ),
  ],
);

/** Draws from rows of which a kernel cannot see all: by a search in their running sums. */
function drawFromLongRows(
  device: WebGpuDevice,
  weights: View,
  uniforms: View,
  output: View,
): void {
  const [rows, length] = weights.shape as [number, number];
  const make = (length: number, label: string) =>
    allocateView(device, "float32", [rows, length], label);
  const [sums, totals] = [make(length, "running sums of weights"), make(1, "sums of weights")];
  cumulativeSumOnWebGpu(device, weights, sums, false);
  const last = { ...viewAs(sums, [rows, 1], [length, 1]), offset: length - 1 };
  runProgramOnWebGpu(device, validTotal, [weights, last], [totals], []);
  for (let row = 0; row < rows; row++) {
    const of = [sums, uniforms, output].map((matrix) => rowOf(matrix, row)) as [View, View, View];
    const parts = partsOfRows(device, ...of, "multinomial");
    for (const { rows: sums, firstColumn, positions: uniforms, elements: output } of parts) {
      const [length, draws] = [sums.shape[1]!, output.shape[1]!];
      device.dispatch(
        SEARCH,
        [sums, totals, uniforms, output].map((view) => view.allocation),
        {
          integers: [
            ...[sums.offset, row, uniforms.offset, output.offset],
            ...[firstColumn, length, draws],
          ],
        },
        workgroupGrid(
          Math.ceil(draws / SEARCH_LANES),
          device.limits.maxComputeWorkgroupsPerDimension,
        ),
      );
    }
  }
  for (const { allocation } of [sums, totals]) device.free(allocation);
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
${drawWgsl}
fn weightAt(place: u32) -> f32 { return weights[place]; }

${beginMain(SCAN_PIECES, "index")}
  if (index >= u32(arguments.draws)) { return; }
  let length = u32(arguments.length);
  let first = u32(arguments.weightsOffset) + index / u32(arguments.samples) * length;
  let chance = uniforms[u32(arguments.uniformsOffset) + index];
  let drawn = draw(lane, first, length, u32(arguments.piece), chance);
  if (drawn != NOTHING) { output[u32(arguments.outputOffset) + index] = drawn; }
}
`,
};

/** Invocations in a workgroup of the search. */
const SEARCH_LANES = 64;

/**
 * Finds the first running sum that is above the share of the total: in a part of a row, for what was not
 * found in the parts before. Such sums never decrease.
 */
const SEARCH: WgslKernel = {
  key: "multinomial: search",
  integers: [
    ...["sumsOffset", "row", "uniformsOffset", "outputOffset"],
    ...["first", "length", "draws"],
  ],
  buffers: [
    { name: "sums", type: "f32", writes: false },
    { name: "totals", type: "f32", writes: false },
    { name: "uniforms", type: "f32", writes: false },
    { name: "output", type: "i32", writes: true },
  ],
  code: () => `
${beginMain(SEARCH_LANES)}
  let i = i32(group * ${SEARCH_LANES}u + lane);
  if (i >= arguments.draws) { return; }
  let place = arguments.outputOffset + i;
  if (arguments.first > 0 && output[place] >= 0) { return; }
  let chance = uniforms[arguments.uniformsOffset + i];
  let total = totals[arguments.row];
  let goal = chance * total;
  let isValid = total > 0.0 && bitcast<u32>(chance) < ${BITS_OF_ONE}u;
  var found = -1;
  if (isValid && sums[arguments.sumsOffset + arguments.length - 1] > goal) {
    var low = 0;
    var high = arguments.length - 1;
    while (low < high) {
      let middle = (low + high) / 2;
      if (sums[arguments.sumsOffset + middle] > goal) { high = middle; } else { low = middle + 1; }
    }
    found = arguments.first + low;
  }
  output[place] = found;
}
`,
};
