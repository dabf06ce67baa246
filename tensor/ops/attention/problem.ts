/** The attention problem in numbers, as the kernels of both devices need it. @module */

import type { View } from "../../device.ts";
import { viewBytes, type Work } from "../../profile.ts";

export interface AttentionProblem {
  readonly batch: number;
  /** Queries per sequence: Tq. */
  readonly queries: number;
  /** Keys per sequence: Tk. Query `i` is at position `keys − queries + i`. */
  readonly keys: number;
  /** Query heads: H. */
  readonly heads: number;
  /** Key and value heads: Hkv. Each serves `heads / keyHeads` consecutive query heads. */
  readonly keyHeads: number;
  readonly headSize: number;
  readonly scale: number;
  /** A query at position p attends to the keys from p − left … */
  readonly left: number;
  /** … to p + right: 0 with a causal mask. */
  readonly right: number;
}

/** Beyond every position, and small enough to be added to one in 32 bits. */
export const UNLIMITED = 1 << 29;

/**
 * Scores are in base 2, the native exponential of processors: the scale is multiplied by this, and
 * log-sum-exps are stored as log₂ Σ 2^score.
 */
export const LOG2_E = Math.LOG2E;

/**
 * The work of a kernel that reads and writes `views`, for profiles. `products` counts dot products
 * of length D per visible pair of query and key: two forward, for the score and for the value.
 */
export function attentionWork(
  name: string,
  { batch, queries, keys, heads, headSize, left, right }: AttentionProblem,
  products: number,
  views: readonly View[],
): Work {
  let pairs = 0;
  for (let position = keys - queries; position < keys; position++) {
    const first = Math.max(0, position - left);
    const last = Math.min(keys - 1, position + right);
    pairs += Math.max(0, last - first + 1);
  }
  const flops = 2 * products * headSize * pairs * batch * heads;
  return { name, flops, bytes: viewBytes(views) };
}
