/**
 * Matmuls by native libraries, as the CPU device runs them. `fast/cpu/` registers how to open them;
 * without it there are none.
 *
 * @module
 */

import type { OpenOptions } from "../../device.ts";
import { Error } from "../../errors.ts";
import type { Heap } from "./memory.ts";

/** Which libraries to open. */
export type LibraryOptions = Pick<OpenOptions, "blas" | "oneDnn" | "matmulPrecision">;

/** A kernel on one thread: the address of its arguments, its range of items, and its scratch memory. */
export type KernelFunction = (words: number, start: number, end: number, scratch: number) => void;

/** The matmuls of one thread. */
export interface ThreadMatmuls {
  /** They take the arguments of `sgemm` (see `CpuDevice.dispatch`), by precision. */
  readonly kernels: readonly [f32: KernelFunction, bf16: KernelFunction];
  close(): void;
}

/** How a worker opens the libraries. */
export interface WorkerMatmuls {
  /** The URL of a module with `openMatmuls(memory, start)`, which returns {@linkcode ThreadMatmuls}. */
  readonly module: string;
  readonly start: unknown;
}

export interface LibraryStatus {
  readonly isOpen: boolean;
  /** The name, or why it is not open. */
  readonly description: string;
}

/** The libraries, open and checked; `kernels` are for the main thread, and none without a BLAS. */
export interface MatmulLibraries {
  readonly blas: LibraryStatus;
  readonly oneDnn: LibraryStatus;
  /** Why there is no `bf16` though it is asked for, or not enough gain for `auto`. */
  readonly missingBf16: string | null;
  /** See `CpuDevice.bfloat16Speed`. */
  readonly bfloat16Speed: () => number;
  readonly kernels: ThreadMatmuls["kernels"] | readonly [];
  /** `null` if only the main thread may multiply. */
  readonly forWorkers: WorkerMatmuls | null;
  close(): void;
}

/** Opens any BLAS or the one at a path, and oneDNN beside it; or says why there is no BLAS. */
type LibraryOpener = (
  blas: true | string,
  options: LibraryOptions,
  heap: Heap,
) => MatmulLibraries | string | Promise<MatmulLibraries | string>;

let open: LibraryOpener = () => "no library is registered";

/** Sets how the libraries are opened. */
export function registerMatmulLibraries(by: LibraryOpener): void {
  open = by;
}

/** Opens the libraries; throws if a requested library is unavailable. */
export async function openLibraries(
  options: LibraryOptions,
  heap: Heap,
): Promise<MatmulLibraries> {
  const { blas = true } = options;
  const opened = blas === false ? "turned off" : await open(blas, options, heap);
  const libraries = typeof opened === "string" ? without(opened, options) : opened;
  const missing = problemWith(libraries, options);
  if (missing === null) return libraries;
  libraries.close();
  throw new Error(`Cannot open the cpu device: wanted ${missing}`);
}

function problemWith(
  { blas, oneDnn, missingBf16 }: MatmulLibraries,
  options: LibraryOptions,
): string | null {
  if (typeof options.blas === "string" && !blas.isOpen) {
    return `the BLAS ${options.blas}, got none (${blas.description})`;
  }
  if (typeof options.oneDnn === "string" && !oneDnn.isOpen) {
    return `the oneDNN ${options.oneDnn}, got none (${oneDnn.description})`;
  }
  return options.matmulPrecision === "bf16" && missingBf16 !== null
    ? `matmuls in bf16, got f32 only (${missingBf16})`
    : null;
}

function without(reason: string, { oneDnn, matmulPrecision = "f32" }: LibraryOptions) {
  const description = oneDnn === false ? "turned off" : `no BLAS beside it: ${reason}`;
  return {
    blas: { isOpen: false, description: reason },
    oneDnn: { isOpen: false, description },
    missingBf16: matmulPrecision === "f32" ? null : `no oneDNN: ${description}`,
    bfloat16Speed: () => 0,
    kernels: [],
    forWorkers: null,
    close: () => {},
  } as const;
}
