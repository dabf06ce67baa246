/** The module around the functions. @module */

import type { WasmKernel } from "../../../device.ts";
import {
  FunctionBuilder,
  type FunctionReference,
  type Local,
  namedLocal,
  type ValuesOf,
} from "./function.ts";
import { type Type, unsigned } from "./code.ts";
import { I32 } from "./values.ts";

/** A kernel's parameters: see `WasmKernel` in `tensor/device.ts`. */
export interface KernelParameters {
  readonly words: I32;
  readonly start: I32;
  readonly end: I32;
  readonly scratch: I32;
}

/** The functions of a module, the kernel first. */
export class ModuleBuilder {
  /** Whether to emit fused multiply-add: not every engine supports relaxed SIMD. */
  readonly relaxedSimd: boolean;
  readonly #types: number[][] = [];
  readonly #bodies: number[][] = [];

  constructor(relaxedSimd: boolean) {
    this.relaxedSimd = relaxedSimd;
  }

  /** Defines a function without a result, which those defined before it can call, too. */
  define<const P extends readonly Type[]>(
    parameters: P,
    body: (f: FunctionBuilder, ...values: ValuesOf<P>) => void,
  ): FunctionReference<P> {
    const values = parameters.map((type, i) => namedLocal(new type(() => {}), i));
    const typeCodes = values.map(({ typeCode }) => typeCode);
    const index = this.#types.push([0x60, typeCodes.length, ...typeCodes, 0]) - 1;
    const f = new FunctionBuilder(parameters.length, this.relaxedSimd);
    body(f, ...values as ValuesOf<P>);
    this.#bodies[index] = f.finish();
    return { index, parameters };
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    const functions = this.#types.map((_, index) => index);
    section(bytes, 1, list(this.#types));
    // One shared memory of 1 to 65,536 pages.
    section(bytes, 2, [1, ...name("env"), ...name("memory"), 2, 3, 1, 0x80, 0x80, 0x04]);
    section(bytes, 3, list(functions.map((index) => unsigned(index))));
    section(bytes, 7, [1, ...name("kernel"), 0, 0]);
    section(bytes, 10, list(this.#bodies.map((body) => [unsigned(body.length), body].flat())));
    return new Uint8Array(bytes);
  }
}

/**
 * What emits a module with one kernel: it imports `env.memory` and exports `kernel`. `body` writes
 * the kernel; its module is for helper functions.
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
  body: (f: FunctionBuilder, parameters: KernelParameters, module: ModuleBuilder) => void,
): WasmKernel["emit"] {
  return (relaxedSimd) => {
    const module = new ModuleBuilder(relaxedSimd);
    module.define([I32, I32, I32, I32], (f, words, start, end, scratch) => {
      body(f, { words, start, end, scratch }, module);
    });
    return module.finish();
  };
}

/** Loads the argument words of a kernel into variables, by name and in order. */
export function loadWords<N extends string>(
  f: FunctionBuilder,
  words: I32,
  names: readonly N[],
): Record<N, Local<I32>> {
  const loaded = {} as Record<N, Local<I32>>;
  names.forEach((name, i) => loaded[name] = f.local(words.loadI32(4 * i)));
  return loaded;
}

function name(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function list(items: readonly (readonly number[])[]): number[] {
  return [unsigned(items.length), ...items].flat();
}

function section(bytes: number[], id: number, content: readonly number[]): void {
  for (const byte of [id, ...unsigned(content.length), ...content]) bytes.push(byte);
}
