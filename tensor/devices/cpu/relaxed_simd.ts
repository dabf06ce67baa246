/** Whether this engine has relaxed SIMD. @module */

import { emitKernel, F32x4 } from "./emitter/mod.ts";

/** A fused multiply-add of zeros. */
const probe = emitKernel((f) => void f.local(F32x4.of(0).multiplyAdd(0, 0)));

export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(probe(true));
}
