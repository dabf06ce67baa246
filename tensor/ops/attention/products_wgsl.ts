/**
 * Attention on processors that pretend to be a GPU: the products of blocks of queries with all the keys
 * that they see, by the kernels of matrix products, and the softmax between them.
 *
 * Such a processor has its caches anyway and pays for each barrier, so that the kernels by tiles, which
 * stage everything in workgroup memory, take it more than twice as long. Memory is bounded by the block.
 *
 * A product also multiplies what a query does not see, by the weight 0. That is right but for what is
 * not finite, which spoils the sum. So the kernels by tiles come last and compute those tiles again in
 * which they find something that is not finite.
 *
 * @module
 */

import type { Allocation, View, WebGpuDevice } from "../../device.ts";
import type { GradientViews } from "./gradient_wasm.ts";
import { type AttentionProblem, LOG2_E } from "./problem.ts";
import { SOFTMAX, SOFTMAX_GRADIENT, SOFTMAX_QUERIES } from "./softmax_wgsl.ts";
import type { ForwardViews } from "./wasm.ts";
import { fillView } from "../elementwise.ts";
import { matmulOnWebGpu } from "../matmul/wgsl.ts";

/** With fewer multiplications for the scores, starting several kernels takes longer than one does. */
const FEW_MULTIPLICATIONS = 2 ** 21;

/** Room for the scores of a block, in bytes: more gains nothing. */
const MOST_SCORES = 2 ** 22;

/** Queries of a block, at most, and below which products become slow. */
const MOST_QUERIES = 256;
const LEAST_QUERIES = 32;

/** How a problem is cut: items of the batch, key heads and queries that are done together. */
interface Cut {
  readonly batch: number;
  readonly keyHeads: number;
  readonly queries: number;
}

/** How the products of a problem are cut; `null` where the kernels by tiles do better. */
function cutFor(device: WebGpuDevice, { dtype }: View, problem: AttentionProblem): Cut | null {
  const { batch, queries, keys, heads, keyHeads, headSize } = problem;
  const isWorthIt = device.info.details.software === true && dtype === "float32" &&
    batch * heads * queries * keys * headSize >= FEW_MULTIPLICATIONS;
  if (!isWorthIt) return null;
  const room = Math.min(MOST_SCORES, device.limits.maxStorageBufferBindingSize);
  for (const items of [{ batch, keyHeads }, { batch: 1, keyHeads }, { batch: 1, keyHeads: 1 }]) {
    const fitting = Math.floor(room / (4 * keys * items.batch * items.keyHeads));
    if (fitting >= LEAST_QUERIES) {
      // Rows of scores begin at multiples of four elements.
      const most = Math.min(MOST_QUERIES, fitting - fitting % 4);
      return { ...items, queries: Math.min(queries, most) };
    }
  }
  return null;
}

/** Queries of some items, and the keys that they see: what is computed together. */
interface Block {
  /** The first item of the batch, and how many there are. */
  readonly item: number;
  readonly items: number;
  /** The first key head, and how many there are. */
  readonly keyHead: number;
  readonly keyHeads: number;
  /** Which of the query heads that each key head serves. */
  readonly member: number;
  /** The first query, and how many there are. */
  readonly query: number;
  readonly queries: number;
  /** The first key, and how many there are. */
  readonly key: number;
  readonly keys: number;
  /** Whether it is the first that has to do with these key heads. */
  readonly isFirst: boolean;
}

/** All blocks; of the same heads, the last queries come first: without a window they see all keys. */
function* blocksOf(problem: AttentionProblem, cut: Cut): Generator<Block> {
  const { batch, queries, keys, heads, keyHeads, left, right } = problem;
  const lastQuery = Math.floor((queries - 1) / cut.queries) * cut.queries;
  for (let item = 0; item < batch; item += cut.batch) {
    for (let keyHead = 0; keyHead < keyHeads; keyHead += cut.keyHeads) {
      let isFirst = true;
      for (let query = lastQuery; query >= 0; query -= cut.queries) {
        const count = Math.min(cut.queries, queries - query);
        const position = keys - queries + query;
        const key = Math.min(keys, Math.max(0, position - left));
        const seen = Math.max(0, Math.min(keys, position + count + right) - key);
        for (let member = 0; member < heads / keyHeads; member++) {
          yield {
            ...{ item, items: cut.batch, keyHead, keyHeads: cut.keyHeads, member },
            ...{ query, queries: count, key, keys: seen, isFirst },
          };
          isFirst = false;
        }
      }
    }
  }
}

/** The rows of the query heads of a block, [items, key heads, queries, D]. */
function ofQueries(view: View, block: Block, { heads, keyHeads }: AttentionProblem): View {
  const group = heads / keyHeads;
  return rows(view, block, block.query, block.queries, group, block.member);
}

/** The rows of the keys that a block sees, [items, key heads, keys, D]. */
function ofKeys(view: View, block: Block): View {
  return rows(view, block, block.key, block.keys, 1, 0);
}

function rows(
  { allocation, dtype, shape, strides, offset }: View,
  { item, items, keyHead, keyHeads }: Block,
  token: number,
  tokens: number,
  group: number,
  member: number,
): View {
  const [ofItem, ofToken, ofHead] = strides as [number, number, number];
  return {
    ...{ allocation, dtype, shape: [items, keyHeads, tokens, shape[3]!] },
    strides: [ofItem, group * ofHead, ofToken, 1],
    offset: offset + item * ofItem + token * ofToken + (keyHead * group + member) * ofHead,
  };
}

/** Scores of a block, [items, key heads, keys, queries]: neighbouring threads have neighbouring queries. */
function scoresOf({ items, keyHeads, keys, queries }: Block, allocation: Allocation): View {
  const row = 4 * Math.ceil(queries / 4);
  return {
    ...{ allocation, dtype: "float32", offset: 0 },
    shape: [items, keyHeads, keys, queries],
    strides: [keyHeads * keys * row, keys * row, row, 1],
  };
}

/** The integers of {@linkcode SOFTMAX}. */
function softmaxIntegers(
  { strides }: View,
  { offset }: View,
  block: Block,
  { queries, keys, heads, keyHeads, left, right }: AttentionProblem,
): number[] {
  const group = heads / keyHeads;
  const firstHead = block.item * heads + block.keyHead * group + block.member;
  const position = keys - queries + block.query;
  return [
    ...[block.queries, block.keys, strides[1]!, strides[2]!],
    ...[left, right, block.key - position],
    ...[offset + firstHead * queries + block.query, heads * queries, group * queries],
    block.keyHeads,
  ];
}

function softmaxGroups({ items, keyHeads, queries }: Block): [number, number] {
  return [Math.ceil(queries / SOFTMAX_QUERIES), items * keyHeads];
}

/** Room for the scores of the largest block, `copies` times; it is given back at the end. */
function withScores(
  device: WebGpuDevice,
  { keys }: AttentionProblem,
  cut: Cut,
  copies: number,
  use: (allocations: readonly Allocation[]) => void,
): void {
  const bytes = 4 * cut.batch * cut.keyHeads * keys * 4 * Math.ceil(cut.queries / 4);
  const allocations: Allocation[] = [];
  try {
    for (let i = 0; i < copies; i++) {
      allocations.push(device.allocate(bytes, "the scores of attention"));
    }
    use(allocations);
  } finally {
    for (const allocation of allocations) device.free(allocation);
  }
}

const COMPARED = { transposeA: false, transposeB: true };
const WEIGHTED = { transposeA: true, transposeB: false };
const SUMMED = { transposeA: false, transposeB: false };

/**
 * Computes attention, where products do better than the kernels by tiles.
 *
 * @returns Whether it did. Then tiles with something that is not finite are still to be mended.
 */
export function attendByProducts(
  device: WebGpuDevice,
  { q, k, v, y, logSums }: ForwardViews,
  problem: AttentionProblem,
): boolean {
  const cut = cutFor(device, q, problem);
  if (cut === null) return false;
  withScores(device, problem, cut, 1, ([allocation]) => {
    for (const block of blocksOf(problem, cut)) {
      const scores = scoresOf(block, allocation!);
      matmulOnWebGpu(device, ofKeys(k, block), ofQueries(q, block, problem), scores, COMPARED);
      device.dispatch(
        SOFTMAX,
        [scores.allocation, logSums.allocation],
        {
          integers: softmaxIntegers(scores, logSums, block, problem),
          floats: [problem.scale * LOG2_E],
        },
        softmaxGroups(block),
        () => ({ name: "attention, softmax" }),
      );
      matmulOnWebGpu(device, scores, ofKeys(v, block), ofQueries(y, block, problem), WEIGHTED);
    }
  });
  return true;
}

/**
 * Computes all three gradients, where products do better than the kernels by tiles.
 *
 * @param deltas Σ dO·O of each query, [B, H, Tq].
 * @returns Whether it did. Then tiles with something that is not finite are still to be mended.
 */
export function attentionGradientByProducts(
  device: WebGpuDevice,
  { q, k, v, logSums, dy, dq, dk, dv }: GradientViews,
  deltas: Allocation,
  problem: AttentionProblem,
): boolean {
  const cut = cutFor(device, q, problem);
  if (cut === null) return false;
  const seesAll = problem.left >= problem.keys;
  for (const sum of seesAll ? [] : [dk, dv]) fillView(device, sum, 0);
  withScores(device, problem, cut, 2, ([first, second]) => {
    for (const block of blocksOf(problem, cut)) {
      const [scores, changes] = [scoresOf(block, first!), scoresOf(block, second!)];
      const [blockQ, blockDy] = [ofQueries(q, block, problem), ofQueries(dy, block, problem)];
      matmulOnWebGpu(device, ofKeys(k, block), blockQ, scores, COMPARED);
      matmulOnWebGpu(device, ofKeys(v, block), blockDy, changes, COMPARED);
      device.dispatch(
        SOFTMAX_GRADIENT,
        [scores, changes, logSums].map(({ allocation }) => allocation).concat(deltas),
        {
          integers: softmaxIntegers(scores, logSums, block, problem).concat(logSums.offset),
          floats: [problem.scale * LOG2_E, problem.scale],
        },
        softmaxGroups(block),
        () => ({ name: "gradient of attention, softmax" }),
      );
      const sum = { ...SUMMED, accumulate: !(seesAll && block.isFirst) };
      matmulOnWebGpu(device, scores, blockDy, ofKeys(dv, block), sum);
      matmulOnWebGpu(device, changes, blockQ, ofKeys(dk, block), sum);
      matmulOnWebGpu(device, changes, ofKeys(k, block), ofQueries(dq, block, problem), WEIGHTED);
    }
  });
  return true;
}
