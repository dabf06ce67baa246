/** The module around the functions. @module */

import type { WasmKernel } from "../../device.ts";
import { unsigned } from "./code.ts";
import { FunctionBuilder, namedLocal } from "./function.ts";
import { I32 } from "./values.ts";

/** A kernel's parameters: see `WasmKernel` in `tensor/device.ts`. */
export interface KernelParameters {
  readonly words: I32;
  readonly start: I32;
  readonly end: I32;
  readonly scratch: I32;
}

/**
 * Returns an emitter of a module with one kernel: the module imports `env.memory` and exports
 * `kernel`, which `body` writes. The emitter is called for code with fused multiply-add or without,
 * since not every engine supports relaxed SIMD.
 *
 * @example Multiply floats by the number in the second argument word, four at a time
 * ```ts
 * import { emitKernel } from "./module.ts";
 *
 * const emit = emitKernel((f, { words, start, end }) => {
 *   const x = f.local(words.loadI32(0));
 *   const factor = f.local(words.loadSplat(4));
 *   f.forRange(start, end, 4, (i) => {
 *     const address = f.local(x.add(i.shiftLeft(2)));
 *     f.store(address, address.loadF32x4().multiply(factor));
 *   });
 * });
 *
 * const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
 * const module = new WebAssembly.Module(emit(false));
 * const { exports } = new WebAssembly.Instance(module, { env: { memory } });
 * new Float32Array(memory.buffer, 64, 4).set([1, 2, 3, 4]);
 * new Int32Array(memory.buffer)[0] = 64;
 * new Float32Array(memory.buffer)[1] = 10;
 * if (typeof exports.kernel === "function") exports.kernel(0, 0, 4, 0);
 * if (new Float32Array(memory.buffer, 64, 4)[3] !== 40) throw new Error("expected 4 · 10");
 * ```
 */
export function emitKernel(
  body: (f: FunctionBuilder, parameters: KernelParameters) => void,
): WasmKernel["emit"] {
  return (relaxedSimd) => {
    const f = new FunctionBuilder(4, relaxedSimd);
    const zero = I32.of(0);
    const [words, start] = [namedLocal(zero, 0), namedLocal(zero, 1)];
    const [end, scratch] = [namedLocal(zero, 2), namedLocal(zero, 3)];
    body(f, { words, start, end, scratch });
    const code = f.finish();
    const { typeCode } = zero;
    return new Uint8Array([
      0x00,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      ...section(1, [1, 0x60, 4, typeCode, typeCode, typeCode, typeCode, 0]),
      // One shared memory of 1 to 65,536 pages.
      ...section(2, [1, ...name("env"), ...name("memory"), 2, 3, 1, 0x80, 0x80, 0x04]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name("kernel"), 0, 0]),
      ...section(10, [1, ...unsigned(code.length), ...code]),
    ]);
  };
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}
