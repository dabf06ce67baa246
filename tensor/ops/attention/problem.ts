/** The attention problem in numbers, as the kernels of both devices need it. @module */

import type { View } from "../../device.ts";
import { viewBytes, type Work } from "../../profile.ts";
import type { Tensor } from "../../tensor.ts";

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

/** The views of a call, of one float dtype, with stride 1 along the last axis. */
export interface ForwardViews {
  /** [B, Tq, H, D] */
  readonly q: View;
  /** [B, Tk, Hkv, D] */
  readonly k: View;
  readonly v: View;
  /** The result, [B, Tq, H, D]. */
  readonly y: View;
  /** log₂ Σ 2^score of each query, float32 [B, H, Tq], contiguous. */
  readonly logSums: View;
}

/** The views of the gradient: dy and dq have the shape of q, and dk and dv that of k. */
export interface GradientViews extends ForwardViews {
  readonly dy: View;
  readonly dq: View;
  readonly dk: View;
  readonly dv: View;
}

/** A problem with its views: those of the result, or of the gradient. */
export interface AttentionCall<V extends ForwardViews> extends AttentionProblem {
  readonly views: V;
}

/**
 * The softmax of a block of scores, and its log-sum-exps; or its gradient, which reads these. Query
 * `i` is at `position + i`, and sees the keys as in an {@linkcode AttentionProblem}.
 */
export interface SoftmaxCall
  extends Pick<AttentionProblem, "queries" | "keys" | "scale" | "left" | "right"> {
  readonly position: number;
  /** Products of queries and keys, float32 [B, Hkv, H / Hkv, queries, keys]. Overwritten. */
  readonly products: View;
  /** Gradients of the weights, likewise; `null` for the softmax. */
  readonly upstream: View | null;
  /**
   * Where the weights go, and after them the gradients of the products if there are any: 0 for keys that
   * are not seen. In float32 they are `products` and `upstream` themselves.
   */
  readonly results: readonly View[];
  /** [B, Hkv, H / Hkv, queries, 1] */
  readonly logSums: View;
}

/**
 * Attention of one new token of each of several sequences to those before it, in KV caches of their
 * own, to which its key and value are appended. The result has the shape of `q`.
 */
export interface CachedAttention extends Pick<AttentionProblem, "scale" | "left"> {
  /** [sequences, 1, H, D] */
  readonly q: Tensor;
  /** [sequences, 1, Hkv, D] */
  readonly k: Tensor;
  readonly v: Tensor;
  /**
   * Keys and values of one or more of the sequences, [sequences, capacity, Hkv, D], and how many there are
   * of each: fewer than fit.
   */
  readonly caches: readonly {
    readonly keys: Tensor;
    readonly values: Tensor;
    readonly position: number;
  }[];
}

/** Rows of scores are a multiple of this many apart: then vectors do not reach into the next one. */
export const ROW_MULTIPLE = 8;

/** Beyond every position, and small enough to be added to one in 32 bits. */
export const UNLIMITED = 1 << 29;

/**
 * Scores are in base 2, the native exponential of processors: the scale is multiplied by this, and
 * log-sum-exps are stored as log₂ Σ 2^score.
 */
export const LOG2_E = Math.LOG2E;

/** The pairs of a key and one of `count` queries that sees it, from a query on. */
export function visiblePairs(
  { queries, keys, left, right }: AttentionProblem,
  from: number,
  count: number,
): number {
  let pairs = 0;
  const end = keys - queries + from + count;
  for (let position = end - count; position < end; position++) {
    const first = Math.max(0, position - left);
    const last = Math.min(keys - 1, position + right);
    pairs += Math.max(0, last - first + 1);
  }
  return pairs;
}

/**
 * The work of a kernel that reads and writes `views`, for profiles. `products` counts dot products
 * of length D per visible pair of query and key: two forward, for the score and for the value.
 */
export function attentionWork(
  name: string,
  problem: AttentionProblem,
  products: number,
  views: readonly View[],
): Work {
  const { batch, queries, heads, headSize } = problem;
  const pairs = visiblePairs(problem, 0, queries);
  const flops = 2 * products * headSize * pairs * batch * heads;
  return { name, flops, bytes: viewBytes(views) };
}
