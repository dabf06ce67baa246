/** Matmuls by a BLAS on one thread: the main thread or a worker, each of which opens the library. @module */

import type { DenoSubset, ForeignFunction, ForeignLibrary } from "./deno_subset.ts";
import type { Sgemm } from "./sgemm_call.ts";

// Values of the enumerations of CBLAS; that of a transposed matrix is 112.
const ROW_MAJOR = 101;
const NO_TRANSPOSE = 111;

export const BLAS_FUNCTIONS = {
  /** Addresses as `bigint`: 30 ns a call, instead of half a microsecond as numbers. */
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

/** Arguments for opening the library; workers receive them in a message. */
export interface BlasStart {
  readonly path: string;
  /** Address of the memory's first byte in this process. */
  readonly base: number;
}

/** A BLAS, opened for the calling thread, without a check of its results. */
export class BlasThread {
  readonly #library: ForeignLibrary<keyof typeof BLAS_FUNCTIONS>;
  readonly #base: number;

  constructor(runtime: Pick<DenoSubset, "dlopen">, { path, base }: BlasStart) {
    this.#library = runtime.dlopen(path, BLAS_FUNCTIONS);
    this.#base = base;
  }

  get symbols(): ForeignLibrary<keyof typeof BLAS_FUNCTIONS>["symbols"] {
    return this.#library.symbols;
  }

  multiply(gemm: Sgemm): void {
    const { m, n, k, lda, ldb, ldc, count, stepA, stepB, stepC, accumulate } = gemm;
    const { outer, outerA, outerB, outerC } = gemm;
    const sgemm = this.#library.symbols.sgemm!;
    const transposeA = NO_TRANSPOSE + gemm.transposeA;
    const transposeB = NO_TRANSPOSE + gemm.transposeB;
    for (let j = 0; j < outer; j++) {
      let a = this.#base + gemm.a + j * outerA;
      let b = this.#base + gemm.b + j * outerB;
      let c = this.#base + gemm.c + j * outerC;
      for (let i = 0; i < count; i++) {
        const [atA, atB, atC] = [BigInt(a), BigInt(b), BigInt(c)];
        // deno-fmt-ignore
        sgemm(
          ROW_MAJOR, transposeA, transposeB, m, n, k,
          1, atA, lda, atB, ldb, accumulate, atC, ldc,
        );
        a += stepA;
        b += stepB;
        c += stepC;
      }
    }
  }

  close(): void {
    this.#library.close();
  }
}
