/** What attention is asked to compute, in numbers that the kernels of both devices share. @module */

import type { View } from "../../device.ts";
import { viewBytes, type Work } from "../../profile.ts";

/** The sizes of one call, and which keys a query sees. */
export interface AttentionProblem {
  readonly batch: number;
  /** Queries of a sequence: Tq. */
  readonly queries: number;
  /** Keys of a sequence: Tk. Query `i` stands at position `keys − queries + i`. */
  readonly keys: number;
  /** Query heads: H. */
  readonly heads: number;
  /** Key and value heads: Hkv. Each serves `heads / keyHeads` query heads that follow each other. */
  readonly keyHeads: number;
  /** Elements of a head: D. */
  readonly headSize: number;
  /** The factor of the products of queries and keys. */
  readonly scale: number;
  /** A query at position p sees the keys from p − left … */
  readonly left: number;
  /** … to p + right: 0 where attention is causal. */
  readonly right: number;
}

/** Beyond every position, and small enough to be added to one in 32 bits. */
export const UNLIMITED = 1 << 29;

/**
 * Scores are taken to the base 2, since that is the exponential that processors have. The factor of
 * the products is multiplied by this, and log-sum-exp is saved as log₂ Σ 2^score.
 */
export const LOG2_E = Math.LOG2E;

/**
 * What there is to do for a kernel, for profiles.
 *
 * @param products How many products of a query's or key's head it takes for each pair that see each
 * other: two forward, for the score and for the value.
 * @param views What it reads and writes.
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
