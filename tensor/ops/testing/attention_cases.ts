/** Attention problems for tests, with operands. @module */

import type { AttentionArrays, AttentionCase } from "./attention_reference.ts";

/** A single head of size eight, causal, unless overridden. */
export function sizes(given: Partial<AttentionCase>): AttentionCase {
  const headSize = given.headSize ?? 8;
  const queries = given.queries ?? 5;
  return {
    batch: 1,
    queries,
    keys: queries,
    heads: 1,
    keyHeads: 1,
    headSize,
    causal: true,
    window: -1,
    scale: 1 / Math.sqrt(headSize),
    ...given,
  };
}

const LENGTHS = [1, 2, 5, 17, 64, 65, 130];
/** Sizes of heads with many cases: one tile or less, and several tiles. */
export const HEAD_SIZES: readonly number[] = [1, 3, 8, 16, 64];

/** Many tiles, and with a BLAS one block of queries or several. */
const LARGE_CASES: readonly AttentionCase[] = [
  sizes({ queries: 257, headSize: 64 }),
  sizes({ queries: 300, heads: 4, keyHeads: 2, headSize: 20, batch: 2 }),
  sizes({ queries: 515, headSize: 16, window: 100 }),
  sizes({ queries: 130, keys: 301, heads: 3, keyHeads: 1, headSize: 33, window: 150 }),
  sizes({ queries: 270, keys: 260, heads: 2, headSize: 32, causal: false }),
  sizes({ queries: 290, keys: 150, heads: 2, headSize: 32, causal: false, window: 9 }),
];

export const CASES: readonly AttentionCase[] = [
  ...LENGTHS.map((queries, i) => sizes({ queries, headSize: HEAD_SIZES[i % 5]! })),
  ...HEAD_SIZES.map((headSize, i) => sizes({ headSize, queries: LENGTHS[i + 2]!, batch: 2 })),
  ...HEAD_SIZES.map((headSize, i) => sizes({ headSize, queries: 1 + i, keys: 70 + i, heads: 2 })),
  sizes({ queries: 65, heads: 4, keyHeads: 4, batch: 2 }),
  sizes({ queries: 65, heads: 4, keyHeads: 2, batch: 2 }),
  sizes({ queries: 65, heads: 4, keyHeads: 1, batch: 2, headSize: 33 }),
  sizes({ queries: 3, keys: 65, heads: 4, keyHeads: 2, batch: 2, headSize: 100 }),
  ...[0, 1, 5, 6, 31, 64, 1000].map((window) => sizes({ queries: 130, window, headSize: 16 })),
  ...[0, 3, 50].map((window) => sizes({ queries: 17, keys: 130, window, headSize: 16 })),
  ...[0, 3, 50].map((window) => sizes({ queries: 2, keys: 130, window, headSize: 16 })),
  sizes({ queries: 65, keys: 130 }),
  sizes({ queries: 5, keys: 17, heads: 4, keyHeads: 2 }),
  sizes({ queries: 64, keys: 64, causal: false }),
  sizes({ queries: 65, keys: 17, causal: false, headSize: 3 }),
  sizes({ queries: 17, keys: 130, causal: false, window: 20 }),
  sizes({ queries: 130, keys: 100, causal: false, window: 7 }),
  ...[3, -1, 0].map((scale) => sizes({ queries: 17, scale })),
  ...[-1, 0].map((scale) => sizes({ queries: 2, keys: 9, scale })),
  sizes({ queries: 65, headSize: 128 }),
  sizes({ queries: 33, headSize: 100, heads: 2 }),
  ...LARGE_CASES,
];

/** Deterministic pseudorandom numbers between about −1 and 1. */
function numbers(length: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    state ^= state >>> 12;
    return state / 2 ** 31;
  });
}

export function arraysFor(
  of: AttentionCase,
): Record<keyof AttentionArrays, Float32Array<ArrayBuffer>> {
  const queries = of.batch * of.queries * of.heads * of.headSize;
  const keys = of.batch * of.keys * of.keyHeads * of.headSize;
  return {
    q: numbers(queries, 1),
    k: numbers(keys, 2),
    v: numbers(keys, 3),
    dy: numbers(queries, 4),
  };
}
