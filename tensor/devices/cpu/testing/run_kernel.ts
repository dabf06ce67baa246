/** Runs emitted modules in tests: one memory, one thread, no device. @module */

import type { WasmKernel } from "../../../device.ts";

export interface RunningKernel {
  readonly floats: Float32Array;
  readonly integers: Int32Array;
  run(words: number, start: number, end: number, scratch?: number): void;
}

export function instantiateKernel(
  emit: WasmKernel["emit"],
  relaxedSimd = false,
  memory: WebAssembly.Memory = new WebAssembly.Memory({
    initial: 64,
    maximum: 65536,
    shared: true,
  }),
): RunningKernel {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(emit(relaxedSimd)), {
    env: { memory },
  });
  const kernel = instance.exports.kernel;
  if (typeof kernel !== "function") throw new Error("Cannot run a kernel: the module exports none");
  return {
    floats: new Float32Array(memory.buffer),
    integers: new Int32Array(memory.buffer),
    run: (words, start, end, scratch = 0) => kernel(words, start, end, scratch),
  };
}
