/** Argument words of kernels that are written with the emitter. @module */

import type { FunctionBuilder, I32, Local } from "../../kernel/emitter.ts";

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
