/**
 * The matmuls of one thread by libraries. A worker imports this module to open them for itself.
 *
 * @module
 */

import type { MatmulPrecision } from "../../device.ts";
import type { KernelFunction, ThreadMatmuls } from "../../devices/cpu/matmul_libraries.ts";
import { type BlasStart, BlasThread } from "./blas_binding.ts";
import { deno } from "./deno_subset.ts";
import type { ONEDNN_LIMITS } from "./onednn.ts";
import { type OneDnnStart, OneDnnThread } from "./onednn_binding.ts";
import { readSgemm, type Sgemm } from "./sgemm_call.ts";

/** Arguments for opening the libraries in a worker. */
export interface MatmulsStart {
  readonly blas: BlasStart;
  readonly oneDnn: OneDnnStart | null;
  readonly limits: typeof ONEDNN_LIMITS;
}

/** Opens the libraries for the calling worker, without checking their results. */
export function openMatmuls(
  memory: WebAssembly.Memory,
  { blas, oneDnn, limits }: MatmulsStart,
): ThreadMatmuls {
  const runtime = deno()!;
  return threadMatmuls(
    memory,
    new BlasThread(runtime, blas),
    oneDnn === null ? null : new OneDnnThread(runtime, oneDnn),
    limits,
  );
}

/** The matmuls of the calling thread, by libraries that it has opened. */
export function threadMatmuls(
  memory: WebAssembly.Memory,
  blas: BlasThread,
  oneDnn: OneDnnThread | null,
  limits: typeof ONEDNN_LIMITS,
): ThreadMatmuls {
  // A view made before the memory grew ends at its old size, but the arguments do not move.
  const words = new Int32Array(memory.buffer);
  const kernel = (precision: MatmulPrecision): KernelFunction => (address, start, end) => {
    const part = readSgemm(words, address, start, end);
    // No BLAS takes operands that are bf16 in memory, and without oneDNN there are none here.
    const isForBlas = part.operandBytes === 4 && !isForOneDnn(part, precision, limits);
    if (oneDnn === null || isForBlas) blas.multiply(part);
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

/**
 * Whether oneDNN computes the part of one thread: it may be too narrow where the whole is not. An
 * axis of length 1 is never oneDNN's: it computes such results wrongly, and writes outside of them.
 */
function isForOneDnn(
  { transposeB, m, n, k, ldb, count, outer }: Sgemm,
  precision: MatmulPrecision,
  { minOperations, maxBlasRows, inPlace }: typeof ONEDNN_LIMITS,
): boolean {
  if (m === 1 || n === 1 || 2 * m * n * k * count * outer < minOperations[precision]) return false;
  const isSlow = transposeB === 0 && ldb > inPlace.row && k > inPlace.sum;
  return precision === "bf16" || (m > maxBlasRows && !isSlow);
}
