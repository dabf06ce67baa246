/**
 * A small typed emitter for WebAssembly: kernels written as TypeScript functions, over values of
 * the types `I32`, `F32`, `F32x4` and `I32x4`.
 *
 * Source of the binary format: the WebAssembly specification 3.0, chapter 5.
 *
 * @module
 */

export { Value } from "./code.ts";
export { F32, F32x4, I32, I32x4 } from "./values.ts";
export { FunctionBuilder, type Local } from "./function.ts";
export { emitKernel, type KernelParameters } from "./module.ts";
