/** The calls of a BLAS that one thread makes: the same text runs on the main thread and in workers. @module */

import type { DenoSubset, ForeignFunction, ForeignLibrary } from "./deno_subset.ts";
import type { Sgemm } from "./sgemm.ts";

export const BLAS_FUNCTIONS = {
  /** Numbers instead of pointer objects: 30 ns per call instead of a microsecond. */
  sgemm: {
    name: "cblas_sgemm",
    // deno-fmt-ignore
    parameters: [
      "i32", "i32", "i32", "i32", "i32", "i32", // order, transposes of A and B, m, n, k
      "f32", "usize", "i32", "usize", "i32", // alpha, A, lda, B, ldb
      "f32", "usize", "i32", // beta, C, ldc
    ],
    result: "void",
  },
  // Only OpenBLAS reports its configuration and can be limited to one thread.
  getConfig: { name: "openblas_get_config", parameters: [], result: "pointer", optional: true },
  getParallel: { name: "openblas_get_parallel", parameters: [], result: "i32", optional: true },
  setThreads: {
    name: "openblas_set_num_threads",
    parameters: ["i32"],
    result: "void",
    optional: true,
  },
} as const satisfies Record<string, ForeignFunction>;

export interface BlasStart {
  readonly path: string;
  readonly functions: typeof BLAS_FUNCTIONS;
  /** Address of the memory's first byte in this process. */
  readonly base: number;
}

export interface BlasThread {
  readonly symbols: ForeignLibrary<keyof typeof BLAS_FUNCTIONS>["symbols"];
  readonly multiply: (gemm: Sgemm) => void;
  readonly close: () => void;
}

/**
 * Opens the library for the calling thread, without checking its results. It may only use its
 * arguments: workers are started from its source text.
 */
export function openBlas(
  runtime: Pick<DenoSubset, "dlopen">,
  { path, functions, base }: BlasStart,
): BlasThread {
  const [ROW_MAJOR, NO_TRANSPOSE] = [101, 111];
  const library = runtime.dlopen(path, functions);
  const sgemm = library.symbols.sgemm!;
  const multiply = (gemm: Sgemm): void => {
    const { m, n, k, lda, ldb, ldc, count, stepA, stepB, stepC, accumulate } = gemm;
    const transposeA = NO_TRANSPOSE + gemm.transposeA;
    const transposeB = NO_TRANSPOSE + gemm.transposeB;
    let [a, b, c] = [base + gemm.a, base + gemm.b, base + gemm.c];
    for (let i = 0; i < count; i++) {
      sgemm(ROW_MAJOR, transposeA, transposeB, m, n, k, 1, a, lda, b, ldb, accumulate, c, ldc);
      a += stepA;
      b += stepB;
      c += stepC;
    }
  };
  return { symbols: library.symbols, multiply, close: () => library.close() };
}
