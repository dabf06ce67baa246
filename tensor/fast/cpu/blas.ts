/** The system's BLAS, opened through Deno's foreign function interface. @module */

import { Error } from "../../errors.ts";
import type { Heap } from "../../devices/cpu/memory.ts";
import { type BlasStart, BlasThread } from "./blas_binding.ts";
import { deno, type DenoSubset, ONLY_DENO, openFirst } from "./deno_subset.ts";

/** `openblas_get_parallel` of a build with threads. Others (0) may lack locks: main thread only. */
const POSIX_THREADS = 1;
const OPENMP = 2;

/** A BLAS, open and checked. */
export interface Blas {
  readonly description: string;
  readonly start: BlasStart;
  readonly thread: BlasThread;
  /**
   * Whether threads may call it concurrently. Other libraries split a matmul over threads
   * themselves.
   */
  readonly isPerThread: boolean;
}

/**
 * Opens the system's BLAS, or the one at a path, without prompting for a permission; or says why
 * not.
 */
export function openSystemBlas(choice: true | string, heap: Heap): Blas | string {
  const runtime = deno();
  if (runtime === undefined) return ONLY_DENO;
  if (runtime.permissions.querySync({ name: "ffi" }).state !== "granted") {
    return "run with --allow-ffi to use one";
  }
  const { of, value } = runtime.UnsafePointer;
  const base = Number(value(of(heap.bytes)));
  const paths = candidates(runtime.build.os);
  return openFirst(choice, paths, (path) => {
    const start = { path, base };
    const thread = new BlasThread(runtime, start);
    try {
      return check(runtime, start, thread, heap);
    } catch (error) {
      thread.close();
      throw error;
    }
  });
}

/** Limits it to one thread, if it can be; throws if it is not usable. */
function check(runtime: DenoSubset, start: BlasStart, thread: BlasThread, heap: Heap): Blas {
  const { getConfig, getParallel, setThreads } = thread.symbols;
  const config = getConfig === null ? "" : runtime.UnsafePointerView.getCString(getConfig());
  if (config.includes("USE64BITINT")) throw new Error("its integers have 64 bits");
  const parallel = getParallel?.();
  if (parallel === OPENMP) {
    throw new Error("it was built with OpenMP, whose threads crash a process that ends");
  }
  const isPerThread = setThreads !== null && parallel === POSIX_THREADS;
  // Not undone on close: another device may still use the library.
  if (isPerThread) setThreads(1);
  if (!multipliesRightly(thread, heap)) throw new Error("it failed a small check");
  const name = /^OpenBLAS \S+/.exec(config)?.[0] ?? "BLAS";
  const description = `${name} (${start.path.split(/[\\/]/).at(-1)})`;
  return { description, start, thread, isPerThread };
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

/** C = A·Bᵀ + C for the operands below, with what stands around it in rows of 5. */
const RIGHT = [13, 5, -1, 9, 16, 74, 52, 32, 64, 81, 185, 149, 115, 169, 196, 225];

/** A small check, with A 3×2 in rows of 4: any wrong calling convention fails. */
function multipliesRightly(blas: BlasThread, heap: Heap): boolean {
  const allocation = heap.reserve(4 * 64, "check of the BLAS");
  const a = allocation.address;
  const [b, c] = [a + 64, a + 128] as const;
  for (let i = 0; i < 16; i++) {
    heap.floats[a / 4 + i] = i + 1;
    heap.floats[b / 4 + i] = 5 - i;
    heap.floats[c / 4 + i] = i * i;
  }
  blas.multiply({
    transposeA: 0,
    transposeB: 1,
    m: 3,
    n: 3,
    k: 2,
    a,
    lda: 4,
    b,
    ldb: 3,
    c,
    ldc: 5,
    count: 1,
    stepA: 0,
    stepB: 0,
    stepC: 0,
    outer: 1,
    outerA: 0,
    outerB: 0,
    outerC: 0,
    accumulate: 1,
    operandBytes: 4,
    resultBytes: 4,
  });
  const isRight = RIGHT.every((value, i) => heap.floats[c / 4 + i] === value);
  heap.release(allocation);
  return isRight;
}
