/** Matmul by a system BLAS, opened through Deno's foreign function interface. @module */

import { Error } from "../../errors.ts";
import { deno, type DenoSubset, type ForeignFunction, type ForeignLibrary } from "./deno_subset.ts";
import type { Heap } from "./memory.ts";
import { ROW_MAJOR, type Sgemm, transposition } from "./sgemm.ts";
import type { WorkerStart } from "./worker.ts";

/** Numbers instead of pointer objects: 30 ns per call instead of a microsecond. */
const SGEMM: ForeignFunction = {
  name: "cblas_sgemm",
  // deno-fmt-ignore
  parameters: [
    "i32", "i32", "i32", "i32", "i32", "i32", // order, transposes of A and B, m, n, k
    "f32", "usize", "i32", "usize", "i32", // alpha, A, lda, B, ldb
    "f32", "usize", "i32", // beta, C, ldc
  ],
  result: "void",
};

/** Only OpenBLAS reports its configuration and can be limited to one thread. */
const OPENBLAS = {
  getConfig: {
    name: "openblas_get_config",
    parameters: [],
    result: "pointer",
    optional: true,
  },
  getParallel: { name: "openblas_get_parallel", parameters: [], result: "i32", optional: true },
  setThreads: {
    name: "openblas_set_num_threads",
    parameters: ["i32"],
    result: "void",
    optional: true,
  },
} as const satisfies Record<string, ForeignFunction>;

/** `openblas_get_parallel` of a build with threads. Others (0) may lack locks: main thread only. */
const POSIX_THREADS = 1;
const OPENMP = 2;

const FUNCTIONS = { sgemm: SGEMM, ...OPENBLAS };

type Library = ForeignLibrary<keyof typeof FUNCTIONS>;

export class Blas {
  readonly description: string;
  readonly path: string;
  /** Address of the memory's first byte in this process. */
  readonly base: number;
  /**
   * Whether threads may call it concurrently. Other libraries split a matmul over threads
   * themselves.
   */
  readonly isPerThread: boolean;
  readonly #library: Library;
  readonly #sgemm: (...values: number[]) => unknown;

  private constructor(library: Library, path: string, base: number) {
    const { sgemm, getConfig, getParallel, setThreads } = library.symbols;
    if (sgemm === null) throw new Error("it has no cblas_sgemm");
    this.#library = library;
    this.#sgemm = sgemm;
    this.path = path;
    this.base = base;
    const config = getConfig === null
      ? ""
      : deno()?.UnsafePointerView.getCString(getConfig()) ?? "";
    if (config.includes("USE64BITINT")) throw new Error("its integers have 64 bits");
    const name = /^OpenBLAS \S+/.exec(config)?.[0] ?? "BLAS";
    this.description = `${name} (${path.split(/[\\/]/).at(-1)})`;
    const parallel = getParallel?.();
    if (parallel === OPENMP) {
      throw new Error("it was built with OpenMP, whose threads crash a process that ends");
    }
    this.isPerThread = setThreads !== null && parallel === POSIX_THREADS;
    // Not undone on close: another device may still use the library.
    if (this.isPerThread) setThreads?.(1);
  }

  /**
   * Opens the system's BLAS, or the one at a path, without prompting for a permission; or says why
   * not.
   */
  static open(choice: boolean | string, heap: Heap): Blas | string {
    if (choice === false) return "turned off";
    const runtime = deno();
    if (runtime === undefined) return "none in a browser";
    if (runtime.permissions.querySync({ name: "ffi" }).state !== "granted") {
      return "run with --allow-ffi to use one";
    }
    const paths = choice === true ? candidates(runtime.build.os) : [choice];
    const failures: string[] = [];
    for (const path of paths) {
      const opened = tryOpen(runtime, path, heap);
      if (typeof opened !== "string") return opened;
      failures.push(`${path}: ${opened}`);
    }
    return choice === true ? `none found; tried ${paths.join(", ")}` : failures.join("; ");
  }

  /**
   * Opens the library at `path` without checking its results; throws if it is not a usable BLAS.
   */
  static openLibrary(runtime: DenoSubset, path: string, base: number): Blas {
    const library = runtime.dlopen(path, FUNCTIONS);
    try {
      return new Blas(library, path, base);
    } catch (error) {
      library.close();
      throw error;
    }
  }

  get forWorkers(): NonNullable<WorkerStart["blas"]> {
    return { path: this.path, functions: { sgemm: SGEMM }, base: this.base };
  }

  multiply(call: Sgemm): void {
    const { m, n, k, alpha, beta, lda, ldb, ldc } = call;
    const [transposeA, transposeB] = [
      transposition(call.transposeA),
      transposition(call.transposeB),
    ];
    const sgemm = this.#sgemm;
    let [a, b, c] = [this.base + call.a, this.base + call.b, this.base + call.c];
    for (let i = 0; i < call.count; i++) {
      sgemm(ROW_MAJOR, transposeA, transposeB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
      a += call.stepA;
      b += call.stepB;
      c += call.stepC;
    }
  }

  close(): void {
    this.#library.close();
  }
}

function candidates(os: string): string[] {
  if (os === "windows") return ["libopenblas.dll", "openblas.dll"];
  if (os === "darwin") {
    return [
      "/System/Library/Frameworks/Accelerate.framework/Accelerate",
      "libopenblas.dylib",
      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    ];
  }
  return ["libopenblas.so.0", "libopenblas.so"];
}

function tryOpen(runtime: DenoSubset, path: string, heap: Heap): Blas | string {
  try {
    const { of, value } = runtime.UnsafePointer;
    const blas = Blas.openLibrary(runtime, path, Number(value(of(heap.bytes))));
    if (multipliesRightly(blas, heap)) return blas;
    blas.close();
    return "it failed a small check";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Checks C = 2·A·Bᵀ + 3·C, with A 3×2 in rows of 4: any wrong calling convention fails. */
function multipliesRightly(blas: Blas, heap: Heap): boolean {
  const allocation = heap.reserve(4 * 64, "check of the BLAS");
  const base = allocation.address / 4;
  const [a, b, c] = [base, base + 16, base + 32];
  for (let i = 0; i < 16; i++) {
    heap.floats[a + i] = i + 1;
    heap.floats[b + i] = 5 - i;
    heap.floats[c + i] = i * i;
  }
  blas.multiply({
    transposeA: 0,
    transposeB: 1,
    m: 3,
    n: 3,
    k: 2,
    a: a * 4,
    lda: 4,
    b: b * 4,
    ldb: 3,
    c: c * 4,
    ldc: 5,
    alpha: 2,
    beta: 3,
    split: "rows",
    ...{ count: 1, stepA: 0, stepB: 0, stepC: 0 },
  });
  let isRight = true;
  for (let i = 0; i < 16; i++) {
    const [row, column] = [Math.floor(i / 5), i % 5];
    let wanted = i * i;
    if (row < 3 && column < 3) {
      let sum = 0;
      for (let p = 0; p < 2; p++) sum += (row * 4 + p + 1) * (5 - (column * 3 + p));
      wanted = 2 * sum + 3 * wanted;
    }
    if (heap.floats[c + i] !== wanted) isRight = false;
  }
  heap.release(allocation);
  return isRight;
}
