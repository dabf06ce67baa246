/**
 * The kernel of a program: one loop nest for any sizes, strides and numbers, which are arguments.
 *
 * Around it stands a walk over *runs*, stretches of the innermost axis; see `layout.ts`. Inside, a
 * block of elements is loaded, computed and stored, so that outputs may lie where inputs lie.
 *
 * @module
 */

import { emitKernel } from "../emitter/module.ts";
import { writeColumns } from "./columns.ts";
import { KernelContext, type KernelVariant } from "./context.ts";
import { writeElements } from "./elements.ts";
import { writeRows } from "./rows.ts";

/** Emits the module of a program's kernel. */
export function emitProgram(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  return emitKernel(variant, (f, parameters) => {
    const context = new KernelContext(f, variant, parameters);
    const write = { elements: writeElements, rows: writeRows, columns: writeColumns }[variant.mode];
    context.forEachRun((from, to) => write(context, from, to), {
      movesPointers: variant.mode === "elements",
    });
  });
}
