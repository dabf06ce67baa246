/** The GEMMs of one thread: the same text runs on the main thread and in workers. @module */

import type { MatmulPrecision } from "../../device.ts";
import type { KernelFunction, ThreadMatmuls } from "../../devices/cpu/matmul_libraries.ts";
import type { BlasThread } from "./blas_binding.ts";
import type { ONEDNN_LIMITS } from "./onednn.ts";
import type { OneDnnThread } from "./onednn_binding.ts";

/** A batched GEMM, or part of one: C = op(A)·op(B), or C += op(A)·op(B). */
export interface Sgemm {
  /** 1 if A is stored as k×m or B as n×k, 0 for m×k and k×n. */
  readonly transposeA: number;
  readonly transposeB: number;
  /** C is m×n; sums have length k. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Byte addresses, and row strides in elements. */
  readonly a: number;
  readonly lda: number;
  readonly b: number;
  readonly ldb: number;
  readonly c: number;
  readonly ldc: number;
  /** Batch size, and the batch strides in bytes. */
  readonly count: number;
  readonly stepA: number;
  readonly stepB: number;
  readonly stepC: number;
  /** 1 to add to C, 0 to replace it. */
  readonly accumulate: number;
}

/**
 * The matmuls of the calling thread, by libraries that it has opened. It may only use its arguments:
 * workers are started from its source text.
 */
export function threadMatmuls(
  memory: WebAssembly.Memory,
  blas: BlasThread,
  oneDnn: OneDnnThread | null,
  { minOperations, maxBlasRows, inPlace }: typeof ONEDNN_LIMITS,
): ThreadMatmuls {
  // A view made before the memory grew ends at its old size, but the arguments do not move.
  const integers = new Int32Array(memory.buffer);

  /** Work items `[start, end)`: columns, rows, or matmuls of the batch. */
  const partAt = (address: number, start: number, end: number): Sgemm => {
    const word = (index: number): number => integers[address / 4 + index]! >>> 0;
    const whole = {
      ...{ transposeA: word(0), transposeB: word(1), m: word(2), n: word(3), k: word(4) },
      ...{ a: word(5), lda: word(6), b: word(7), ldb: word(8), c: word(9), ldc: word(10) },
      ...{ count: word(12), stepA: word(13), stepB: word(14), stepC: word(15) },
      accumulate: word(16),
    };
    const { transposeA, transposeB, a, lda, b, ldb, c, ldc, stepA, stepB, stepC } = whole;
    const length = end - start;
    const part = (sizes: Partial<Sgemm>, ofA: number, ofB: number, ofC: number): Sgemm => {
      return { ...whole, ...sizes, a: a + start * ofA, b: b + start * ofB, c: c + start * ofC };
    };
    const split = word(11);
    if (split === 0) return part({ n: length }, 0, transposeB === 0 ? 4 : 4 * ldb, 4);
    if (split === 1) return part({ m: length }, transposeA === 0 ? 4 * lda : 4, 0, 4 * ldc);
    return part({ count: length }, stepA, stepB, stepC);
  };

  /**
   * Chosen by part: a part may be too narrow for oneDNN where the whole is not. An axis of length 1
   * is never oneDNN's: it computes such results wrongly, and writes outside of them.
   */
  const isForOneDnn = (part: Sgemm, precision: MatmulPrecision): boolean => {
    const { transposeB, m, n, k, ldb, count } = part;
    if (m === 1 || n === 1 || 2 * m * n * k * count < minOperations[precision]) return false;
    const isSlow = transposeB === 0 && ldb > inPlace.row && k > inPlace.sum;
    return precision === "bf16" || (m > maxBlasRows && !isSlow);
  };

  const kernel = (precision: MatmulPrecision): KernelFunction => (address, start, end) => {
    const part = partAt(address, start, end);
    if (oneDnn === null || !isForOneDnn(part, precision)) blas.multiply(part);
    else oneDnn.multiply(part, precision === "bf16");
  };
  return {
    kernels: [kernel("f32"), kernel("bf16")],
    close() {
      oneDnn?.close();
      blas.close();
    },
  };
}
