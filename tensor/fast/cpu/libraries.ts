/** The system's BLAS and oneDNN, as the CPU device runs them. @module */

import type {
  LibraryOptions,
  LibraryStatus,
  MatmulLibraries,
  ThreadMatmuls,
} from "../../devices/cpu/matmul_libraries.ts";
import type { Heap } from "../../devices/cpu/memory.ts";
import { openSystemBlas } from "./blas.ts";
import { type BlasStart, openBlas } from "./blas_binding.ts";
import type { DenoSubset } from "./deno_subset.ts";
import { missingBf16, ONEDNN_LIMITS, openSystemOneDnn } from "./onednn.ts";
import { type OneDnnStart, openOneDnn } from "./onednn_binding.ts";
import { sgemmKernels } from "./sgemm.ts";

/** Opens the libraries of the system, or says why there is no BLAS. */
export function openSystemLibraries(
  blasChoice: true | string,
  { oneDnn: oneDnnChoice = true, matmulPrecision = "f32" }: LibraryOptions,
  heap: Heap,
): MatmulLibraries | string {
  const blas = openSystemBlas(blasChoice, heap);
  if (typeof blas === "string") return blas;
  const found = openSystemOneDnn(oneDnnChoice, blas, heap);
  const oneDnn = typeof found === "string" ? null : found;
  const limits = oneDnn?.limits ?? ONEDNN_LIMITS;
  const start: ThreadStart = { blas: blas.start, oneDnn: oneDnn?.start ?? null, limits };
  return {
    blas: statusOf(blas),
    oneDnn: statusOf(found),
    missingBf16: matmulPrecision === "f32"
      ? null
      : missingBf16(found, blas, heap, matmulPrecision === "auto"),
    kernels: sgemmKernels(heap.memory, blas.thread, oneDnn?.thread ?? null, limits),
    forWorkers: blas.isPerThread ? { code: CODE, start } : null,
    close() {
      oneDnn?.thread.close();
      blas.thread.close();
    },
  };
}

function statusOf(library: string | { readonly description: string }): LibraryStatus {
  return typeof library === "string"
    ? { isOpen: false, description: library }
    : { isOpen: true, description: library.description };
}

interface ThreadStart {
  readonly blas: BlasStart;
  readonly oneDnn: OneDnnStart | null;
  readonly limits: typeof ONEDNN_LIMITS;
}

/** Opens both for a worker. It may only use its arguments: it is sent as text. */
function openInWorker(
  runtime: DenoSubset,
  memory: WebAssembly.Memory,
  start: ThreadStart,
  open: typeof openBlas,
  openBeside: typeof openOneDnn,
  kernelsOf: typeof sgemmKernels,
): ThreadMatmuls {
  const blas = open(runtime, start.blas);
  const oneDnn = start.oneDnn && openBeside(runtime, start.oneDnn);
  return {
    kernels: kernelsOf(memory, blas, oneDnn, start.limits),
    close() {
      oneDnn?.close();
      blas.close();
    },
  };
}

const CODE = `(memory, start) => (${openInWorker})(Deno, memory, start, ` +
  `${openBlas}, ${openOneDnn}, ${sgemmKernels})`;
