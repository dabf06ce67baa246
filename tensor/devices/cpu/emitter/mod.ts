/**
 * A small typed emitter for WebAssembly: kernels written as TypeScript functions, over values of
 * the types `I32`, `F32`, `F32x4` and `I32x4`.
 *
 * Source of the binary format: the WebAssembly specification 3.0, chapter 5.
 *
 * @module
 */

export { type Code, type CodeSink, type Lanes, type Type, Value } from "./code.ts";
export { F32, I32 } from "./scalars.ts";
export { F32x4, I32x4 } from "./vectors.ts";
export { FunctionBuilder, type FunctionReference, type Local, type ValuesOf } from "./function.ts";
export { emitKernel, type KernelParameters, ModuleBuilder } from "./module.ts";
export { exp, expOfNonPositive, polynomial } from "./math.ts";
export { loadWords } from "./words.ts";
