/** The system's BLAS and oneDNN, as the CPU device runs them. @module */

import type {
  LibraryOptions,
  MatmulLibraries,
  WorkerMatmuls,
} from "../../devices/cpu/matmul_libraries.ts";
import type { Heap } from "../../devices/cpu/memory.ts";
import { openSystemBlas } from "./blas.ts";
import { deno } from "./deno_subset.ts";
import { bfloat16Speed, missingBf16, openSystemOneDnn } from "./onednn.ts";
import { type MatmulsStart, threadMatmuls } from "./thread_matmuls.ts";

/** The module that workers import. In a constant, so that no bundle contains it twice. */
const MODULE = "./thread_matmuls.ts";

/** Opens the libraries of the system, or says why there is no BLAS. */
export async function openSystemLibraries(
  blasChoice: true | string,
  { oneDnn: oneDnnChoice = true, matmulPrecision = "f32" }: LibraryOptions,
  heap: Heap,
): Promise<MatmulLibraries | string> {
  const blas = openSystemBlas(blasChoice, heap);
  if (typeof blas === "string") return blas;
  const found = openSystemOneDnn(oneDnnChoice, blas, heap);
  const [oneDnn, description] = typeof found === "string"
    ? [null, found]
    : [found, found.description];
  const start = { blas: blas.start, oneDnn: oneDnn?.start ?? null };
  const inWorkers = blas.isPerThread ? await workerMatmuls(start) : null;
  const limit = typeof inWorkers === "string" ? ` on one thread (${inWorkers})` : "";
  return {
    ...threadMatmuls(heap.memory, blas.thread, oneDnn?.thread ?? null),
    blas: { isOpen: true, description: blas.description + limit },
    oneDnn: { isOpen: oneDnn !== null, description },
    missingBf16: missingBf16(found, blas, heap, matmulPrecision),
    bfloat16Speed: () => bfloat16Speed(found, blas, heap),
    forWorkers: typeof inWorkers === "string" ? null : inWorkers,
  };
}

/**
 * The module that workers open the libraries with; or why they cannot import it, so that only the main
 * thread may multiply. From a disk they need the permission to read, which is not prompted for.
 */
async function workerMatmuls(start: MatmulsStart): Promise<WorkerMatmuls | string> {
  const module = URL.parse(MODULE, import.meta.url);
  const library = URL.parse("../../", import.meta.url);
  if (module === null || library === null) return "a classic script has no modules for workers";
  const isReadable = module.protocol !== "file:" ||
    deno()?.permissions.querySync({ name: "read", path: library }).state === "granted";
  if (!isReadable) return "run with --allow-read for more";
  try {
    // It is loaded already, but not beside a bundle.
    await import(MODULE);
    return { module: module.href, start };
  } catch {
    return "a bundle has no modules for workers";
  }
}
