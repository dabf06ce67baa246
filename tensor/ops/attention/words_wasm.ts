/** Arguments of the attention kernels on the CPU. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import type { FunctionBuilder, I32, Local } from "../../devices/cpu/emitter/mod.ts";
import { loadWords } from "../matmul/words_wasm.ts";

export interface HeadKernel {
  readonly at: (headSize: number, relaxedSimd: boolean) => WasmKernel;
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

export function loadForwardWords(f: FunctionBuilder, words: I32): ForwardWords {
  return loadWords(f, words, WORDS);
}

/** The position of a tensor [B, T, H, D]: its address, and three strides in bytes. */
export function place(device: CpuDevice, view: View): number[] {
  return [device.address(view), ...view.strides.slice(0, 3).map((stride) => 4 * stride)];
}

export function headAddress(
  f: FunctionBuilder,
  [tensor, batchBytes, headBytes]: readonly [I32, I32, I32],
  batch: I32,
  head: I32,
): Local<I32> {
  return f.local(tensor.add(batch.multiply(batchBytes)).add(head.multiply(headBytes)));
}

/** In place of the flags' address: compute every head. */
export const ALWAYS = 0;

/** Whether to compute a head: there are no flags, or its flag is set. */
export function isMarked(flags: I32, head: I32): I32 {
  return flags.equal(ALWAYS).or(flags.add(head.shiftLeft(2)).loadI32());
}
