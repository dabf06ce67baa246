/** What the kernels of attention on the CPU are told, and where they find it. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import type { FunctionBuilder, I32, Local } from "../../devices/cpu/emitter/mod.ts";
import { loadWords } from "../matmul/places_wasm.ts";

/** A kernel that exists once for each head size. */
export interface HeadKernel {
  readonly at: (headSize: number, relaxedSimd: boolean) => WasmKernel;
  /** What a thread needs. */
  readonly scratchBytes: (headSize: number, keys: number) => number;
}

/** The argument words of the forward kernels: integers, and the scale as the bits of a float. */
const WORDS = [
  ...["q", "qBatch", "qToken", "qHead"] as const,
  ...["k", "kBatch", "kToken", "kHead"] as const,
  ...["v", "vBatch", "vToken", "vHead"] as const,
  ...["y", "yBatch", "yToken", "yHead"] as const,
  ...["logSums", "queries", "keys", "heads", "group", "left", "right", "flags"] as const,
  "scale" as const,
];

/** The argument words of the forward kernels, in locals. */
export type ForwardWords = Readonly<Record<typeof WORDS[number], Local<I32>>>;

/** Loads the argument words of the forward kernels. */
export function loadForwardWords(f: FunctionBuilder, words: I32): ForwardWords {
  return loadWords(f, words, WORDS);
}

/** Where the heads of a tensor [B, T, H, D] lie: its address, and three distances in bytes. */
export function place(device: CpuDevice, view: View): number[] {
  return [device.address(view), ...view.strides.slice(0, 3).map((stride) => 4 * stride)];
}

/** The address of a head of a tensor. */
export function headAddress(
  f: FunctionBuilder,
  [tensor, batchBytes, headBytes]: readonly [I32, I32, I32],
  batch: I32,
  head: I32,
): Local<I32> {
  return f.local(tensor.add(batch.multiply(batchBytes)).add(head.multiply(headBytes)));
}

/** In place of the address of the flags: every head is computed. */
export const ALWAYS = 0;

/** Whether a head is to be computed: there are no flags, or its own one is set. */
export function isMarked(flags: I32, head: I32): I32 {
  return flags.equal(ALWAYS).or(flags.add(head.shiftLeft(2)).loadI32());
}
