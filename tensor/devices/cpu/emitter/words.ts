/** Kernel arguments. @module */

import type { FunctionBuilder, Local } from "./function.ts";
import type { I32 } from "./scalars.ts";

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
