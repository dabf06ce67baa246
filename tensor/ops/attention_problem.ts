/** What attention is asked to compute, in numbers that the kernels of both devices share. @module */

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
