/** Addresses and strides of a matmul's operands, as kernel arguments. @module */

import type { CpuDevice } from "../../device.ts";
import type { FunctionBuilder, I32, Local } from "../../devices/cpu/emitter/mod.ts";
import { type MatmulProblem, type Matrix, viewOf } from "../../ops/matmul/problem.ts";

/** The words that {@linkcode operandWords} returns: addresses, and strides in bytes. */
export const OPERAND_WORDS = [
  ...["a", "aRow", "aColumn", "aOuter", "aInner"] as const,
  ...["b", "bRow", "bColumn", "bOuter", "bInner"] as const,
  ...["c", "cRow", "cColumn", "cOuter", "cInner", "inner"] as const,
];

export function operandWords(device: CpuDevice, { a, b, c, inner }: MatmulProblem): number[] {
  const words: number[] = [];
  for (const matrix of [a, b, c]) {
    const { row, column, outer, inner } = matrix;
    words.push(addressOf(device, matrix), 4 * row, 4 * column, 4 * outer, 4 * inner);
  }
  words.push(inner);
  return words;
}

export function addressOf(device: CpuDevice, matrix: Matrix): number {
  return device.address(viewOf(matrix));
}

/** Computes the addresses of the matrices of one batch item. */
export function locateItem(
  f: FunctionBuilder,
  word: Readonly<Record<typeof OPERAND_WORDS[number], Local<I32>>>,
  item: I32,
): { readonly a: Local<I32>; readonly b: Local<I32>; readonly c: Local<I32> } {
  const outer = f.local(item.divide(word.inner));
  const inner = f.local(item.remainder(word.inner));
  const begin = (base: I32, outerBytes: I32, innerBytes: I32) =>
    f.local(base.add(outer.multiply(outerBytes)).add(inner.multiply(innerBytes)));
  return {
    a: begin(word.a, word.aOuter, word.aInner),
    b: begin(word.b, word.bOuter, word.bInner),
    c: begin(word.c, word.cOuter, word.cInner),
  };
}
