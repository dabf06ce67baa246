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
    context.forEachRun((from, to) => {
      if (variant.mode === "elements") writeElements(context, from, to);
      else if (variant.mode === "rows") writeRows(context, from, to);
      else writeColumns(context, from, to);
    });
  });
}
