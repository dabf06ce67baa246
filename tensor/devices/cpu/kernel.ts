/** Kernels on the main thread, ready to run. @module */

import type { WasmKernel } from "../../device.ts";
import { Error, TypeError } from "../../errors.ts";

export type KernelFunction = (words: number, start: number, end: number, scratch: number) => void;

export interface CompiledKernel {
  readonly id: number;
  /** Its module, for the workers. Engines compile equal modules once for all threads. */
  readonly bytes: Uint8Array;
  readonly run: KernelFunction;
  /** Which threads have it; the main thread is the first. */
  readonly isKnown: boolean[];
}

/** Emits a kernel and compiles it for the main thread. */
export function compileKernel(
  { key, emit }: WasmKernel,
  id: number,
  relaxedSimd: boolean,
  memory: WebAssembly.Memory,
  threads: number,
): CompiledKernel {
  const bytes = emit(relaxedSimd);
  let run: unknown;
  try {
    const module = new WebAssembly.Module(bytes);
    run = new WebAssembly.Instance(module, { env: { memory } }).exports.kernel;
  } catch (error) {
    throw new Error(`Cannot compile kernel "${key}": ${error}`, { cause: error });
  }
  if (typeof run !== "function") {
    throw new TypeError(
      `Cannot compile kernel "${key}": wanted an exported function "kernel", got ${typeof run}`,
    );
  }
  const isKnown = Array.from({ length: threads }, (_, thread) => thread === 0);
  return { id, bytes, run: run as KernelFunction, isKnown };
}
