/** The system's BLAS and oneDNN, as the CPU device runs them. @module */

import type { LibraryOptions, MatmulLibraries } from "../../devices/cpu/matmul_libraries.ts";
import type { Heap } from "../../devices/cpu/memory.ts";
import { openSystemBlas } from "./blas.ts";
import { openBlas } from "./blas_binding.ts";
import { missingBf16, ONEDNN_LIMITS, openSystemOneDnn } from "./onednn.ts";
import { openOneDnn } from "./onednn_binding.ts";
import { threadMatmuls } from "./sgemm.ts";

/** Opens the libraries of the system, or says why there is no BLAS. */
export function openSystemLibraries(
  blasChoice: true | string,
  { oneDnn: oneDnnChoice = true, matmulPrecision = "f32" }: LibraryOptions,
  heap: Heap,
): MatmulLibraries | string {
  const blas = openSystemBlas(blasChoice, heap);
  if (typeof blas === "string") return blas;
  const found = openSystemOneDnn(oneDnnChoice, blas, heap);
  const [oneDnn, description] = typeof found === "string"
    ? [null, found]
    : [found, found.description];
  const limits = oneDnn?.limits ?? ONEDNN_LIMITS;
  const start = { blas: blas.start, oneDnn: oneDnn?.start ?? null, limits };
  return {
    ...threadMatmuls(heap.memory, blas.thread, oneDnn?.thread ?? null, limits),
    blas: { isOpen: true, description: blas.description },
    oneDnn: { isOpen: oneDnn !== null, description },
    missingBf16: missingBf16(found, blas, heap, matmulPrecision),
    forWorkers: blas.isPerThread ? { code: CODE, start } : null,
  };
}

/** Opens both for a worker, which gets this text and `start`. */
const CODE = `(memory, start) => {
  const blas = (${openBlas})(Deno, start.blas);
  const oneDnn = start.oneDnn && (${openOneDnn})(Deno, start.oneDnn);
  return (${threadMatmuls})(memory, blas, oneDnn, start.limits);
}`;
