/**
 * Attention on the CPU by the fast matmuls, which multiply masked elements, too, by the weight 0.
 * That is right except for NaN and infinity, so a result with such elements is computed again.
 *
 * @module
 */

import { allocateView, type CpuDevice, type View, viewAs } from "../../device.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import type { FastPath } from "../../fast_paths.ts";
import { attend, attendBackward } from "../../ops/attention/body.ts";
import { runProgramOn } from "../../ops/program.ts";
import { sizeOf } from "../../layout.ts";

/** The plain body with fast matmuls. */
export const attentionByMatmuls: FastPath<"attention", "cpu"> = {
  operation: "attention",
  name: "matmuls",
  device: "cpu",
  gain: { factor: 1.86, of: "4 × 4 heads, 256 queries and keys, against plain; BLAS, 1024 3.17" },
  refuses: () => null,
  run: (call, device) => {
    attend(device, call.views, call, false);
    if (!areFinite(device, [call.views.y])) attend(device, call.views, call);
  },
};

/** The plain body of the gradient with fast matmuls. */
export const attentionGradientByMatmuls: FastPath<"attention gradient", "cpu"> = {
  operation: "attention gradient",
  name: "matmuls",
  device: "cpu",
  gain: { factor: 2.3, of: "4 × 4 heads, 256 queries and keys, against plain; BLAS, 1024 4.6" },
  refuses: () => null,
  run: (call, device) => {
    const { dq, dk, dv } = call.views;
    attendBackward(device, call.views, call, false);
    if (!areFinite(device, [dq, dk, dv])) attendBackward(device, call.views, call);
  },
};

/** 0 for a row of finite elements, else NaN. */
const difference = defineProgram(
  { name: "check of attention", inputs: ["x"] },
  ({ x }) => [ex.rowSum(ex.subtract(x, x))],
);

/** Whether all elements of contiguous views are finite. */
function areFinite(device: CpuDevice, views: readonly View[]): boolean {
  return views.every((view) => {
    const [batch, tokens] = view.shape as [number, number];
    const rows = batch * tokens;
    const length = sizeOf(view.shape) / Math.max(1, rows);
    const sums = allocateView(device, "float32", [rows, 1], "check of attention");
    runProgramOn(device, difference, [viewAs(view, [rows, length], [length, 1])], [sums]);
    const { buffer, byteOffset } = device.bytes(sums.allocation, 0, 4 * rows);
    const isFinite = new Float32Array(buffer, byteOffset, rows).every((sum) => sum === 0);
    device.free(sums.allocation);
    return isFinite;
  });
}
