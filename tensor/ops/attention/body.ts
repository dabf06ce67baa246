/**
 * Attention, for every device: for a block of queries at a time, a softmax between two matmuls. So
 * memory is not quadratic in the number of queries. The gradient recomputes the scores.
 *
 * @module
 */

import { allocateView, type Device, type View, viewAs } from "../../device.ts";
import { bindingLimit } from "../../kernel/run.ts";
import type { DType } from "../../layout.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { Tensor } from "../../tensor.ts";
import { copyView, fillView } from "../elementwise.ts";
import { runFastest } from "../../fast_paths.ts";
import type { MatmulForm } from "../matmul/problem.ts";
import { multiplyViews } from "../matmul/multiply.ts";
import { runProgramOn } from "../program.ts";
import {
  type AttentionProblem,
  type ForwardViews,
  type GradientViews,
  LOG2_E,
  ROW_MULTIPLE,
  type SoftmaxCall,
  visiblePairs,
} from "./problem.ts";

/** Maximum number of queries of a block. With a causal mask, a part of its scores is not needed. */
const MAX_QUERIES = 64;
/** Maximum number of scores of a block, unless a single query has more. */
const MAX_SCORES = 2 ** 20;

/** `x` for the keys that a query at `position` attends to, `hidden` for others. */
function ifVisible(
  { position, left, right }: Readonly<Record<"position" | "left" | "right", ex.Expression>>,
  x: ex.Expression,
  hidden: number,
): ex.Expression {
  const isFirst = ex.lessEqual(ex.subtract(position, left), ex.columnIndex);
  const isLast = ex.lessEqual(ex.columnIndex, ex.add(position, right));
  return ex.select(isLast, ex.select(isFirst, x, hidden), hidden);
}

/**
 * The softmax over the keys that a query at a position attends to: at least one, if there are any.
 * And its log-sum-exp in base 2.
 */
export const maskedSoftmax = defineProgram(
  {
    name: "attention softmax",
    inputs: ["products", "position"],
    perRow: ["position"],
    integers: ["position"],
    scalars: ["scale", "left", "right"],
  },
  ({ products, scale, ...mask }) => {
    const scores = ifVisible(mask, ex.multiply(scale, products), -Infinity);
    const largest = ex.rowMax(scores);
    const powers = ex.exp(ex.subtract(scores, largest));
    const sum = ex.rowSum(powers);
    return [
      ex.multiply(powers, ex.divide(1, sum)),
      ex.multiply(ex.add(largest, ex.log(sum)), LOG2_E),
    ];
  },
);

/** The softmax P again, and the gradient P · (dP − Σ P · dP) of the products. */
export const softmaxGradient = defineProgram(
  {
    name: "gradient of attention softmax",
    inputs: ["products", "upstream", "position", "logSum"],
    perRow: ["position", "logSum"],
    integers: ["position"],
    scalars: ["scale", "left", "right"],
  },
  ({ products, upstream, scale, logSum, ...mask }) => {
    const logWeights = ex.subtract(ex.multiply(scale, products), ex.divide(logSum, LOG2_E));
    const weights = ifVisible(mask, ex.exp(logWeights), 0);
    const sum = ex.rowSum(ex.select(weights, ex.multiply(weights, upstream), 0));
    // The log-sum-exp is rounded, so the weights do not add up to 1 closely enough for what should
    // cancel out.
    const mean = ex.divide(sum, ex.rowSum(weights));
    const changes = ex.multiply(ex.multiply(scale, weights), ex.subtract(upstream, mean));
    return [weights, ex.select(weights, changes, 0)];
  },
);

/** A block of queries of some batch entries, with the keys that at least one of them sees. */
interface Block extends AttentionProblem {
  readonly item: number;
  readonly query: number;
  readonly key: number;
  /** The position of the first query, counted from the first key. */
  readonly position: number;
  /** The share of the scores that is not masked. */
  readonly share: number;
}

function* blocksOf(device: Device, problem: AttentionProblem): Generator<Block> {
  const { batch: items, queries: all, keys, heads, left, right } = problem;
  const max = Math.min(MAX_SCORES, bindingLimit(device) / 4);
  const ofQuery = Math.max(1, heads * keys);
  const atOnce = Math.max(1, Math.min(MAX_QUERIES, all, Math.floor(max / ofQuery)));
  const itemsAtOnce = Math.max(1, Math.floor(max / (ofQuery * atOnce)));
  for (let item = 0; item < items; item += itemsAtOnce) {
    const batch = Math.min(itemsAtOnce, items - item);
    for (let query = 0; query < all; query += atOnce) {
      const queries = Math.min(atOnce, all - query);
      const position = keys - all + query;
      const key = Math.max(0, position - left);
      const seen = Math.min(keys, position + queries + right) - key;
      const share = visiblePairs(problem, query, queries) / Math.max(1, queries * seen);
      const block = { item, query, key, position: position - key, share };
      yield { ...problem, batch, queries, keys: seen, ...block };
    }
  }
}

/**
 * The queries or keys of a block, of a view [B, T, heads, D], as [B, Hkv, H / Hkv, tokens, D]: the
 * query heads of a group share a key head.
 */
function tokensOf(x: View, block: Block, areKeys: boolean): View {
  const [ofItem, ofToken, ofHead] = x.strides as [number, number, number];
  const { batch, keyHeads, heads, headSize, item } = block;
  const group = heads / keyHeads;
  const [first, tokens] = areKeys ? [block.key, block.keys] : [block.query, block.queries];
  const ofHeads = areKeys ? [ofHead, 0] : [group * ofHead, ofHead];
  const shape = [batch, keyHeads, group, tokens, headSize];
  const offset = x.offset + item * ofItem + first * ofToken;
  return viewAs(x, shape, [ofItem, ...ofHeads, ofToken, 1], offset);
}

const queriesOf = (x: View, block: Block): View => tokensOf(x, block, false);
const keysOf = (x: View, block: Block): View => tokensOf(x, block, true);

/** One of the query heads of each key head. */
function member(x: View, index: number): View {
  return viewAs(x, x.shape.with(2, 1), x.strides, x.offset + index * x.strides[2]!);
}

/** The log-sum-exps [B, H, Tq] of a block, as [B, Hkv, H / Hkv, queries, 1]. */
function ofRows(logSums: View, block: Block): View {
  const [ofItem, ofHead] = logSums.strides as [number, number];
  return queriesOf(viewAs(logSums, [], [ofItem, 1, ofHead]), { ...block, headSize: 1 });
}

/** Scores of a block. */
function allocateScores(device: Device, block: Block, dtype: DType = "float32"): View {
  const { batch, keyHeads, heads, queries, keys } = block;
  const row = Math.ceil(keys / ROW_MULTIPLE) * ROW_MULTIPLE;
  const wide = [batch, keyHeads, heads / keyHeads, queries, row];
  const whole = allocateView(device, dtype, wide, "the scores of attention");
  return viewAs(whole, wide.with(4, keys), whole.strides);
}

/** Memory for what becomes of scores, in the type of what it is multiplied by. */
function allocateWeights(device: Device, block: Block, { dtype }: View, scores: View): View {
  return dtype === "float32" ? scores : allocateScores(device, block, dtype);
}

function computeSoftmax(device: Device, call: SoftmaxCall): void {
  runFastest("attention softmax", call, device, () => plainSoftmax(device, call));
}

/** Computes a softmax or its gradient by the programs. */
export function plainSoftmax(device: Device, call: SoftmaxCall): void {
  const { products, upstream, results, logSums, queries, position, scale, left, right } = call;
  const numbers = Tensor.arange(device, 0, queries);
  const query = viewAs(numbers, [queries, 1], [1, 1]);
  const scalars = [scale, left - position, right + position];
  if (upstream === null) {
    runProgramOn(device, maskedSoftmax, [products, query], [...results, logSums], scalars);
  } else {
    const inputs = [products, upstream, query, logSums];
    runProgramOn(device, softmaxGradient, inputs, results, scalars);
  }
  numbers.dispose();
}

/** Multiplies matrices of a block: see {@linkcode attend} for `isExact`. */
function multiplier(device: Device, { share }: Block, isExact: boolean) {
  return (
    name: string,
    [a, b, c]: readonly [View, View, View],
    form: MatmulForm = {},
  ): void => {
    const skipZeros = isExact && share < 1 && !form.transposeB;
    multiplyViews(device, a, b, c, { skipZeros, counted: { name, share }, ...form });
  };
}

/**
 * Computes y and the log-sum-exps.
 *
 * @param isExact Whether to leave out masked values. If not, they have the weight 0, which is the
 * same as long as all are finite, and faster.
 */
export function attend(
  device: Device,
  { q, k, v, y, logSums }: ForwardViews,
  problem: AttentionProblem,
  isExact = true,
): void {
  for (const block of blocksOf(device, problem)) {
    const multiply = multiplier(device, block, isExact);
    const products = allocateScores(device, block);
    const weights = allocateWeights(device, block, v, products);
    const [queries, keys] = [queriesOf(q, block), keysOf(k, block)];
    multiply("attention scores", [queries, keys, products], { transposeB: true });
    const [results, saved] = [[weights], ofRows(logSums, block)];
    computeSoftmax(device, { ...block, products, upstream: null, results, logSums: saved });
    multiply("attention", [weights, keysOf(v, block), queriesOf(y, block)]);
    for (const { allocation } of new Set([products, weights])) device.free(allocation);
  }
}

/** Computes all three gradients. */
export function attendBackward(
  device: Device,
  { q, k, v, logSums, dy, dq, ...gradients }: GradientViews,
  problem: AttentionProblem,
  isExact = true,
): void {
  const name = "gradient of attention";
  const targets = [gradients.dk, gradients.dv] as const;
  // Sums over several blocks are rounded once.
  const [dk, dv] = targets.map((x) =>
    x.dtype === "float32" ? x : allocateView(device, "float32", x.shape, name)
  ) as [View, View];
  for (const sum of [dk, dv]) fillView(device, sum, 0);
  for (const block of blocksOf(device, problem)) {
    const multiply = multiplier(device, block, isExact);
    const [products, slopes] = [allocateScores(device, block), allocateScores(device, block)];
    const results = [products, slopes].map((x) => allocateWeights(device, block, q, x));
    const [weights, changes] = results as [View, View];
    const [queries, upstream] = [queriesOf(q, block), queriesOf(dy, block)];
    const keys = keysOf(k, block);
    multiply(name, [queries, keys, products], { transposeB: true });
    multiply(name, [upstream, keysOf(v, block), slopes], { transposeB: true });
    const saved = ofRows(logSums, block);
    computeSoftmax(device, { ...block, products, upstream: slopes, results, logSums: saved });
    multiply(name, [changes, keys, queriesOf(dq, block)]);
    const options = { transposeA: true, accumulate: true };
    for (let i = 0; i < problem.heads / problem.keyHeads; i++) {
      const add = (...operands: readonly [View, View, View]) =>
        multiply(name, operands.map((x) => member(x, i)) as [View, View, View], options);
      add(changes, queries, keysOf(dk, block));
      add(weights, upstream, keysOf(dv, block));
    }
    for (const { allocation } of new Set([products, slopes, ...results])) device.free(allocation);
  }
  [dk, dv].forEach((sum, i) => {
    if (sum === targets[i]) return;
    copyView(device, sum, targets[i]!);
    device.free(sum.allocation);
  });
}
