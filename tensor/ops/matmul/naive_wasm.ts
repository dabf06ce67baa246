/**
 * Naive matmul on the CPU: three loops, one element at a time. The reference for the fast kernels,
 * and used when the sums are empty.
 *
 * @module
 */

import type { CpuDevice, WasmKernel } from "../../device.ts";
import { emitKernel, F32 } from "../../devices/cpu/emitter/mod.ts";
import { loadWords, locateItem, OPERAND_WORDS, operandWords } from "./words_wasm.ts";
import { type MatmulProblem, matmulWork } from "./problem.ts";

const WORDS = [...OPERAND_WORDS, ...["m", "n", "k", "accumulate"] as const];

export function naiveMatmul(device: CpuDevice, problem: MatmulProblem, accumulate: boolean): void {
  const { m, n, k, outer, inner } = problem;
  device.dispatch(
    NAIVE_KERNEL,
    {
      integers: [...operandWords(device, problem), m, n, k, Number(accumulate)],
    },
    outer * inner * m,
    { work: () => matmulWork(problem, { accumulate }) },
  );
}

/** Work items are rows of the result. */
const NAIVE_KERNEL: WasmKernel = {
  key: "matmul naive",
  emit: () =>
    emitKernel({ relaxedSimd: false }, (f, { words, start, end }) => {
      const word = loadWords(f, words, WORDS);
      f.forRange(start, end, 1, (item) => {
        const row = f.local(item.remainder(word.m));
        const { a, b, c } = locateItem(f, word, f.local(item.divide(word.m)));
        const element = f.local(c.add(row.multiply(word.cRow)));
        f.forRange(0, word.n, 1, (column) => {
          const left = f.local(a.add(row.multiply(word.aRow)));
          const right = f.local(b.add(column.multiply(word.bColumn)));
          const sum = f.local(F32.of(0));
          f.forRange(0, word.k, 1, () => {
            f.set(sum, sum.add(left.loadF32().multiply(right.loadF32())));
            f.set(left, left.add(word.aColumn));
            f.set(right, right.add(word.bRow));
          });
          f.if(word.accumulate, () => f.set(sum, sum.add(element.loadF32())));
          f.store(element, sum);
          f.set(element, element.add(word.cColumn));
        });
      });
    }),
};
