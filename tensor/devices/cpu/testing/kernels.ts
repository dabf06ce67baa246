/** Kernels for tests and benchmarks. @module */

import type { WasmKernel } from "../../../device.ts";
import { emitKernel, F32 } from "../../../kernel/emitter.ts";

/**
 * Adds `float 0 · i + float 1` to element `i` of the floats at the address in integer 0, after
 * counting to integer 1, so that no thread finishes before another has started.
 */
export const addRamp: WasmKernel = {
  key: "test: add ramp",
  emit: emitKernel((f, { words, start, end }) => {
    const base = f.local(words.loadI32(0));
    const delay = f.local(words.loadI32(4));
    const slope = f.local(words.loadF32(8));
    const constant = f.local(words.loadF32(12));
    f.forRange(0, delay, 1, () => {});
    f.forRange(start, end, 1, (i) => {
      const address = f.local(base.add(i.shiftLeft(2)));
      const value = F32.lane(i.splat().toF32x4(), 0).multiply(slope).add(constant);
      f.store(address, address.loadF32().add(value));
    });
  }),
};

/** Fills its scratch memory of integer 1 words with `i`, and stores their sum as element `i`. */
export const sumScratch: WasmKernel = {
  key: "test: sum scratch",
  emit: emitKernel((f, { words, start, end, scratch }) => {
    const base = f.local(words.loadI32(0));
    const count = f.local(words.loadI32(4));
    f.forRange(start, end, 1, (i) => {
      const at = (j: typeof i) => scratch.add(j.shiftLeft(2));
      f.forRange(0, count, 1, (j) => f.store(at(j), i));
      const address = f.local(base.add(i.shiftLeft(2)));
      f.store(address, i.subtract(i));
      f.forRange(0, count, 1, (j) => f.store(address, address.loadI32().add(at(j).loadI32())));
    });
  }),
};

/** Traps at item integer 0. */
export const trapAt: WasmKernel = {
  key: "test: trap",
  emit: emitKernel((f, { words, start, end, scratch }) => {
    const item = f.local(words.loadI32(0));
    f.forRange(start, end, 1, (i) => f.store(scratch, i.divide(i.subtract(item))));
  }),
};

export const nothing: WasmKernel = {
  key: "test: nothing",
  emit: emitKernel(() => {}),
};
