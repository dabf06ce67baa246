/** The running sum on the CPU. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import { emitKernel, F32 } from "../../devices/cpu/emitter/mod.ts";
import { sizeOf } from "../../shape.ts";
import { loadWords } from "../matmul/words_wasm.ts";

/**
 * Pieces per row. Each piece is summed from 0, and the sum of the earlier pieces is added: in the
 * same way on both devices, so that their results agree.
 */
export const SCAN_PIECES = 128;

/** Elements per piece; the last pieces of a row may have fewer, or none. */
export function pieceLength(rowLength: number): number {
  return Math.max(1, Math.ceil(rowLength / SCAN_PIECES));
}

/** Elements to add that justify waking another thread. */
const ELEMENTS_PER_THREAD = 8192;

/** Running sums along the last axis of contiguous views. */
export function cumulativeSumOnCpu(
  device: CpuDevice,
  x: View,
  output: View,
  reverse: boolean,
): void {
  const length = x.shape.at(-1)!;
  const [first, step] = reverse ? [4 * (length - 1), -4] : [0, 4];
  const addresses = [device.address(x) + first, device.address(output) + first];
  device.dispatch(
    CUMULATIVE_SUM,
    { integers: [...addresses, length, pieceLength(length), step] },
    sizeOf(x.shape.slice(0, -1)),
    { grain: Math.ceil(ELEMENTS_PER_THREAD / Math.max(1, length)) },
  );
}

/** Work items are rows. */
const CUMULATIVE_SUM: WasmKernel = {
  key: "cumulative sum",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, ["x", "output", "length", "piece", "step"]);
      f.forRange(start, end, 1, (row) => {
        const rowBytes = f.local(row.multiply(word.length).shiftLeft(2));
        const from = f.local(word.x.add(rowBytes));
        const to = f.local(word.output.add(rowBytes));
        const before = f.local(F32.of(0));
        f.forRange(0, word.length, word.piece, (first) => {
          const sum = f.local(F32.of(0));
          const last = f.local(first.add(word.piece));
          f.forRange(first, last.min(word.length), 1, () => {
            f.set(sum, sum.add(from.loadF32()));
            f.store(to, before.add(sum));
            f.set(from, from.add(word.step));
            f.set(to, to.add(word.step));
          });
          f.set(before, before.add(sum));
        });
      });
    }),
};
