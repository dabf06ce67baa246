/**
 * The kernel of a program: one loop nest for any sizes, strides and scalars, which are arguments.
 *
 * The outer loop is over *runs*, segments of the innermost axis; see `layout.ts`. The inner loop
 * loads, computes and stores one block of elements at a time, so that outputs may alias inputs.
 *
 * @module
 */

import type { WasmKernel } from "../../../device.ts";
import { emitKernel } from "../emitter/module.ts";
import { KernelContext, type KernelVariant } from "./context.ts";
import { writeRows } from "./rows.ts";
import { writeRuns } from "./runs.ts";

export function emitProgram(variant: KernelVariant): WasmKernel["emit"] {
  return emitKernel((f, parameters) => {
    const context = new KernelContext(f, variant, parameters);
    const write = variant.vectors === "row" ? writeRows : writeRuns;
    context.forEachRun((length) => write(context, length));
  });
}
