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
import { MAX_BLAS_ROWS, MIN_ONEDNN_OPERATIONS, missingBf16, openSystemOneDnn } from "./onednn.ts";
import { type OneDnnStart, openOneDnn } from "./onednn_binding.ts";
import { type OneDnnRules, sgemmKernels } from "./sgemm.ts";

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
  const rules = {
    isUsedInF32: oneDnn?.isUsedInF32 ?? false,
    minOperations: MIN_ONEDNN_OPERATIONS,
    maxBlasRows: MAX_BLAS_ROWS,
  };
  const whyNoBf16 = (): string | null => {
    if (matmulPrecision === "f32") return null;
    if (oneDnn === null) return `no oneDNN: ${found}`;
    return missingBf16(oneDnn, blas, heap, matmulPrecision === "auto");
  };
  const start: ThreadStart = { blas: blas.start, oneDnn: oneDnn?.start ?? null, rules };
  return {
    blas: statusOf(blas),
    oneDnn: statusOf(found),
    missingBf16: whyNoBf16(),
    kernels: sgemmKernels(heap.memory, blas.thread, oneDnn?.thread ?? null, rules),
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
  readonly rules: OneDnnRules;
}

interface Parts {
  readonly openBlas: typeof openBlas;
  readonly openOneDnn: typeof openOneDnn;
  readonly sgemmKernels: typeof sgemmKernels;
}

/** Opens both for a worker. It may only use its arguments: it is sent as text. */
function openInWorker(
  runtime: DenoSubset,
  memory: WebAssembly.Memory,
  start: ThreadStart,
  { openBlas, openOneDnn, sgemmKernels }: Parts,
): ThreadMatmuls {
  const blas = openBlas(runtime, start.blas);
  const oneDnn = start.oneDnn && openOneDnn(runtime, start.oneDnn);
  return {
    kernels: sgemmKernels(memory, blas, oneDnn, start.rules),
    close() {
      oneDnn?.close();
      blas.close();
    },
  };
}

const CODE = `(memory, start) => (${openInWorker})(Deno, memory, start, { ` +
  `openBlas: ${openBlas}, openOneDnn: ${openOneDnn}, sgemmKernels: ${sgemmKernels} })`;
