/**
 * The kernel of a program: one loop nest for any sizes, strides and scalars, which are arguments.
 *
 * The outer loop is over *runs*, segments of the innermost axis; see `layout.ts`. The inner loop
 * loads, computes and stores one block of elements at a time, so that outputs may alias inputs.
 *
 * @module
 */

import { emitKernel } from "../emitter/module.ts";
import { writeColumns } from "./columns.ts";
import { KernelContext, type KernelVariant } from "./context.ts";
import { writeElements } from "./elements.ts";
import { writeRows } from "./rows.ts";

export function emitProgram(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  return emitKernel(variant, (f, parameters) => {
    const context = new KernelContext(f, variant, parameters);
    const write = { elements: writeElements, rows: writeRows, columns: writeColumns }[variant.mode];
    context.forEachRun((from, to) => write(context, from, to), {
      movesPointers: variant.mode === "elements",
    });
  });
}
