/** Multinomial sampling on the CPU. @module */

import type { CpuDevice, View, WasmKernel } from "../../device.ts";
import { emitKernel, F32, I32 } from "../../devices/cpu/emitter/mod.ts";
import { sizeOf } from "../../shape.ts";
import { loadWords } from "../matmul/words_wasm.ts";
import { pieceLength } from "../scan/scan_wasm.ts";

/** Weights to add that justify waking another thread. */
const WEIGHTS_PER_THREAD = 8192;

/** Samples an index for each uniform number. All views are contiguous. */
export function multinomialOnCpu(
  device: CpuDevice,
  weights: View,
  uniforms: View,
  output: View,
): void {
  const length = weights.shape.at(-1)!;
  const count = sizeOf(uniforms.shape);
  const samples = count / sizeOf(weights.shape.slice(0, -1));
  device.dispatch(
    MULTINOMIAL,
    {
      integers: [
        ...[weights, uniforms, output].map((view) => device.address(view)),
        ...[length, pieceLength(length), samples],
      ],
    },
    count,
    { grain: Math.ceil(WEIGHTS_PER_THREAD / length) },
  );
}

/** The bits of 1.0: all non-negative floats below it are smaller integers. */
export const BITS_OF_ONE = 0x3f800000;

/** Work items are samples. */
const MULTINOMIAL: WasmKernel = {
  key: "multinomial",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const names = ["weights", "uniforms", "output", "length", "piece", "samples"] as const;
      const word = loadWords(f, words, names);
      f.forRange(start, end, 1, (sample) => {
        const row = f.local(sample.divide(word.samples));
        const from = f.local(word.weights.add(row.multiply(word.length).shiftLeft(2)));
        const address = f.local(from);
        const uniform = f.local(word.uniforms.add(sample.shiftLeft(2)));

        // In the order of the running sum, so that the last sum below equals this one.
        const total = f.local(F32.of(0));
        const isValid = f.local(uniform.loadI32().lessUnsigned(BITS_OF_ONE));
        f.forRange(0, word.length, word.piece, (first) => {
          const sum = f.local(F32.of(0));
          const last = f.local(first.add(word.piece));
          f.forRange(first, last.min(word.length), 1, () => {
            const weight = f.local(address.loadF32());
            f.set(isValid, isValid.and(weight.greaterEqual(0)));
            f.set(sum, sum.add(weight));
            f.set(address, address.add(4));
          });
          f.set(total, total.add(sum));
        });
        f.set(isValid, isValid.and(total.greater(0)).and(total.less(Infinity)));

        const index = f.local(I32.of(-1));
        f.if(isValid, () => {
          const threshold = f.local(uniform.loadF32().multiply(total));
          const before = f.local(F32.of(0));
          const sum = f.local(F32.of(0));
          const running = f.local(F32.of(0));
          const left = f.local(word.piece);
          // Terminates: u is at most 1 − 2⁻²⁴, which rounds u · total below the total.
          f.while(running.lessEqual(threshold), () => {
            f.if(left.isZero(), () => {
              f.set(before, running);
              f.set(sum, F32.of(0));
              f.set(left, word.piece);
            });
            f.set(index, index.add(1));
            f.set(left, left.subtract(1));
            f.set(sum, sum.add(from.add(index.shiftLeft(2)).loadF32()));
            f.set(running, before.add(sum));
          });
        });
        f.store(word.output.add(sample.shiftLeft(2)), index);
      });
    }),
};
