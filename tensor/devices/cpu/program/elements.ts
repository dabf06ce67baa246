/** Elementwise programs: vectors lie along the run. @module */

import type { Local } from "../emitter/function.ts";
import type { I32 } from "../emitter/scalars.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";
import { hoist } from "./formulas.ts";

/** Writes the loop over a part of a run. */
export function writeElements(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const { variant, pointers, runStrides: strides } = context;
  const { program, classes } = variant;
  if (isIntegerCopy(context)) return writeCopy(context, from, to);
  const known = hoist(context.f, program.outputs, context.uniform, (e) => {
    const isFixed = e.kind === "input" && classes[e.index] === "0";
    return isFixed ? context.loadOne(e.index, pointers[e.index]!) : undefined;
  });
  const most = vectorsAtOnce(program.outputs, 2);
  context.forEachBlock(from, to, most, (at, vectors, isFull) => {
    const addresses = pointers.map((p, k) => context.addressAt(k, p, at, strides[k]!));
    for (let v = 0; v < vectors; v++) {
      const values = context.compute(program.outputs, (e) => {
        if (known.has(e) || e.kind !== "input") return known.get(e);
        return context.load(e.index, addresses[e.index]!, strides[e.index]!, v, isFull);
      });
      values.forEach((value, o) => {
        const k = context.operandOf(o);
        context.store(k, addresses[k]!, strides[k]!, v, isFull, value);
      });
    }
  });
}

/** Whether the program copies integers, which must not pass through floats: those have 24 bits only. */
function isIntegerCopy({ variant: { program, dtypes } }: KernelContext): boolean {
  return program.outputs.length === 1 && program.outputs[0]!.kind === "input" &&
    dtypes.every((dtype) => dtype === "int32");
}

function writeCopy(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const { pointers, runStrides: strides } = context;
  context.forEachBlock(from, to, 2, (at, vectors, isFull) => {
    const addresses = pointers.map((p, k) => context.addressAt(k, p, at, strides[k]!));
    for (let v = 0; v < vectors; v++) {
      const bits = context.loadBits(0, addresses[0]!, strides[0]!, v, isFull);
      context.storeBits(1, addresses[1]!, strides[1]!, v, isFull, bits);
    }
  });
}
