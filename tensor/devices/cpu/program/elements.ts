/** Elementwise programs: vectors run along the innermost axis. @module */

import { hoist } from "../../../kernel/formulas.ts";
import type { Local } from "../emitter/function.ts";
import type { I32 } from "../emitter/scalars.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";

/** Maximum vectors per loop iteration. */
const MAX_VECTORS = 4;

export function writeElements(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const { variant, pointers, runStrides: strides } = context;
  const { program, classes } = variant;
  const known = hoist(context.target, program.outputs, context.uniform, (e) => {
    const isFixed = e.kind === "input" && classes[e.index] === "0";
    return isFixed ? context.loadOne(e.index, pointers[e.index]!) : undefined;
  });
  const most = vectorsAtOnce(program.outputs, MAX_VECTORS);
  forEachBlock(context, from, to, most, (vector, isFull) => {
    const values = context.compute(program.outputs, (e) => {
      if (known.has(e) || e.kind !== "input") return known.get(e);
      return context.load(e.index, pointers[e.index]!, strides[e.index]!, vector, isFull);
    });
    values.forEach((value, o) => {
      const k = context.operandOf(o);
      context.store(k, pointers[k]!, strides[k]!, vector, isFull, value);
    });
  });
}

/**
 * Advances the pointers from `from` to `to` in blocks of `most` vectors, then single vectors, then
 * single elements. Advancing the pointers saves an address register per operand: with five operands
 * or more, registers run out otherwise.
 */
function forEachBlock(
  context: KernelContext,
  from: I32,
  to: I32,
  most: number,
  body: (vector: number, isFull: boolean) => void,
): void {
  const { f, pointers, runStrides, variant: { classes } } = context;
  const left = f.local(to.subtract(from));
  const move = (elements: number) => {
    f.set(left, left.subtract(elements));
    pointers.forEach((p, k) => {
      if (classes[k] === "0") return;
      f.set(p, p.add(classes[k] === "1" ? 4 * elements : runStrides[k]!.multiply(elements)));
    });
  };
  for (const vectors of most > 1 ? [most, 1] : [1]) {
    f.if(left.greaterEqual(4 * vectors), () =>
      f.doWhile(() => {
        for (let vector = 0; vector < vectors; vector++) body(vector, true);
        move(4 * vectors);
        return left.greaterEqual(4 * vectors);
      }));
  }
  f.while(left.greater(0), () => {
    body(0, false);
    move(1);
  });
}
