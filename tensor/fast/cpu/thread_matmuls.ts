/**
 * The matmuls of one thread by libraries. A worker imports this module to open them for itself.
 *
 * @module
 */

import type { MatmulPrecision } from "../../device.ts";
import type { KernelFunction, ThreadMatmuls } from "../../devices/cpu/matmul_libraries.ts";
import { type BlasStart, BlasThread } from "./blas_binding.ts";
import { deno } from "./deno_subset.ts";
import { type OneDnnStart, OneDnnThread } from "./onednn_binding.ts";
import { readSgemm, type Sgemm } from "./sgemm_call.ts";

/** Limits of the matmuls that oneDNN computes; the BLAS computes the others. */
export const ONEDNN_LIMITS = {
  /** Operations of a thread's part below which the BLAS is as fast. */
  minOperations: { f32: 8_000_000, bf16: 300_000 },
  /**
   * With up to this many rows, the BLAS is faster in float32 at any size: the logits of 16
   * sequences, 16×256×4096, take it 0.7 of the time.
   */
  maxBlasRows: 16,
  /**
   * With longer rows of B and longer sums, the BLAS is faster in float32: oneDNN reads such rows
   * where they are, and takes up to three times as long.
   */
  inPlace: { row: 1024, sum: 512 },
};

/** Arguments for opening the libraries in a worker. */
export interface MatmulsStart {
  readonly blas: BlasStart;
  readonly oneDnn: OneDnnStart | null;
}

/** Opens the libraries for the calling worker, without checking their results. */
export function openMatmuls(
  memory: WebAssembly.Memory,
  { blas, oneDnn }: MatmulsStart,
): ThreadMatmuls {
  const runtime = deno()!;
  return threadMatmuls(
    memory,
    new BlasThread(runtime, blas),
    oneDnn === null ? null : new OneDnnThread(runtime, oneDnn),
  );
}

/** The matmuls of the calling thread, by libraries that it has opened. */
export function threadMatmuls(
  memory: WebAssembly.Memory,
  blas: BlasThread,
  oneDnn: OneDnnThread | null,
): ThreadMatmuls {
  // A view made before the memory grew ends at its old size, but the arguments do not move.
  const words = new Int32Array(memory.buffer);
  const kernel = (precision: MatmulPrecision): KernelFunction => (address, start, end) => {
    const part = readSgemm(words, address, start, end);
    // No BLAS takes operands that are bf16 in memory, and without oneDNN there are none here.
    const isForBlas = part.operandBytes === 4 && !isForOneDnn(part, precision);
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
): boolean {
  const { minOperations, maxBlasRows, inPlace } = ONEDNN_LIMITS;
  if (m === 1 || n === 1 || 2 * m * n * k * count * outer < minOperations[precision]) return false;
  const isSlow = transposeB === 0 && ldb > inPlace.row && k > inPlace.sum;
  return precision === "bf16" || (m > maxBlasRows && !isSlow);
}
