/** Arguments of the attention kernels on the CPU, and the call of the forward ones. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import {
  type FunctionBuilder,
  type I32,
  loadWords,
  type Local,
} from "../../devices/cpu/emitter/mod.ts";
import {
  type AttentionCall,
  attentionWork,
  type ForwardViews,
  LOG2_E,
} from "../../ops/attention/problem.ts";

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

/** Below this many operations, another thread costs more than it gains. */
const OPERATIONS_PER_THREAD = 200_000;

/**
 * Runs a forward kernel, whose work items are blocks of `atOnce` queries.
 *
 * @param flags Address of the flags of the heads to compute, or {@linkcode ALWAYS}.
 */
export function runForward(
  device: CpuDevice,
  kernel: HeadKernel,
  call: AttentionCall<ForwardViews>,
  atOnce: number,
  flags: number,
): void {
  const { q, k, v, y, logSums } = call.views;
  const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = call;
  const integers = [
    ...[q, k, v, y].flatMap((view) => place(device, view)),
    ...[device.address(logSums), queries, keys, heads, heads / keyHeads, left, right, flags],
  ];
  const visible = Math.min(keys, left + right + 1);
  const operations = 4 * headSize * visible * Math.min(queries, atOnce);
  device.dispatch(
    kernel.at(headSize, device.relaxedSimd),
    { integers, floats: [scale * LOG2_E] },
    batch * heads * Math.ceil(queries / atOnce),
    {
      grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
      scratchBytes: kernel.scratchBytes(headSize, keys),
      work: () =>
        flags === ALWAYS
          ? attentionWork("attention", call, 2, [q, k, v, y, logSums])
          : { name: "attention" },
    },
  );
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
