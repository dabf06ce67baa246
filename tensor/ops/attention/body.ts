/**
 * The plain body of attention, for every device: the specification, which the fast paths must equal.
 *
 * A block of queries at a time, it computes their scores with all keys, the softmax, and the sums
 * that this weights. So memory is not quadratic in the number of queries. Masked elements are
 * skipped, not multiplied by the weight 0, because 0 · NaN is NaN.
 *
 * @module
 */

import { viewAs } from "../../apply.ts";
import type { Device, View } from "../../device.ts";
import { allocateView } from "../../devices/webgpu/allocation.ts";
import { bindingLimit } from "../../devices/webgpu/split.ts";
import * as ex from "../../expression/expression.ts";
import { defineProgram } from "../../expression/program.ts";
import type { Float, Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, runKernel } from "../../kernel/run.ts";
import type { Work } from "../../profile.ts";
import { copyView } from "../elementwise.ts";
import { runProgramOn } from "../program.ts";
import {
  type AttentionProblem,
  type ForwardViews,
  type GradientViews,
  LOG2_E,
  visiblePairs,
} from "./problem.ts";

/** The score of a masked key: the lowest float, whose exponential is 0 beside any other's. */
const MASKED = -3.4028234663852886e38;

/** Maximum number of scores of a block, unless a single query has more. */
const MAX_SCORES = 2 ** 20;

/** Below this many operations, another thread costs more than it gains. */
const OPERATIONS_PER_THREAD = 100_000;

type Stored = "f32" | "f16";

const storedAs = ({ dtype }: View): Stored => dtype === "float16" ? "f16" : "f32";

/** The batch entry, head and token of a row of [batch, heads, tokens]. */
function locate(k: KernelBuilder, row: Int, heads: Int, tokens: Int) {
  const head = k.let(row.divide(tokens));
  return {
    token: k.let(row.remainder(tokens)),
    head: k.let(head.remainder(heads)),
    batch: k.let(head.divide(heads)),
  };
}

/**
 * Σ term(i) for i from `begin` to `end`: four sums, of every fourth term each, are computed at once,
 * and have smaller rounding errors than one.
 */
function addUp(k: KernelBuilder, begin: Int | number, end: Int, term: (i: Int) => Float): Float {
  const sums = [0, 1, 2, 3].map(() => k.variable(k.float(0))) as [Float, Float, Float, Float];
  const add = (sum: Float, i: Int) => k.set(sum, sum.add(term(i)));
  const whole = k.let(end.subtract(end.subtract(begin).remainder(4)));
  k.loop(begin, whole, (i) => sums.forEach((sum, j) => add(sum, k.let(i.add(j)))), { step: 4 });
  k.loop(whole, end, (i) => add(sums[0], i));
  return sums[0].add(sums[1]).add(sums[2].add(sums[3]));
}

/**
 * `scores[row, key] = scale · x[row] · y[key]` for rows [batch, heads, queries]. A query sees `width`
 * keys from `first` plus its own number on.
 */
const scoreKernel = (stored: Stored) =>
  defineKernel(
    {
      key: `attention scores ${stored}`,
      buffers: { x: stored, y: stored, scores: "f32" },
      writes: ["scores"],
      arguments: [
        ...["xBatch", "xToken", "xHead", "yBatch", "yToken", "yHead"] as const,
        ...["heads", "group", "headSize", "queries", "keys", "first", "width", "scale"] as const,
      ],
      spread: "rows",
    },
    (k, row, { x, y, scores }, a) => {
      const { batch, head, token } = locate(k, row, a.heads, a.queries);
      const query = x.from(
        batch.multiply(a.xBatch).add(head.multiply(a.xHead)).add(token.multiply(a.xToken)),
      );
      const keys = y.from(batch.multiply(a.yBatch).add(head.divide(a.group).multiply(a.yHead)));
      const first = k.let(token.add(a.first));
      k.spread(a.keys, (key) => {
        const score = k.variable(k.float(MASKED));
        k.if(key.subtract(first).lessUnsigned(a.width), () => {
          const own = keys.from(key.multiply(a.yToken));
          const sum = addUp(k, 0, a.headSize, (i) => query.load(i).multiply(own.load(i)));
          k.set(score, sum.multiply(a.scale.asF32()));
        });
        scores.store(row.multiply(a.keys).add(key), score);
      });
    },
  );

/**
 * `y[row] = Σ weights · x[source]` for rows [batch, heads, targets], over `members` heads of x and
 * their `width` sources from `first` plus the target's number on. Adds to y if it `continues`.
 */
const sumKernel = (stored: Stored, result: Stored) =>
  defineKernel(
    {
      key: `attention sums ${stored} ${result}`,
      buffers: { weights: "f32", x: stored, y: result },
      writes: ["y"],
      arguments: [
        ...["xBatch", "xToken", "xHead", "yBatch", "yToken", "yHead", "heads", "members"] as const,
        ...["group", "headSize", "targets", "sources", "first", "width", "continues"] as const,
        ...["weightTarget", "weightSource"] as const,
      ],
      spread: "rows",
    },
    (k, row, { weights, x, y }, a) => {
      const { batch, head, token } = locate(k, row, a.heads, a.targets);
      const result = y.from(
        batch.multiply(a.yBatch).add(head.multiply(a.yHead)).add(token.multiply(a.yToken)),
      );
      const begin = k.variable(token.add(a.first));
      const end = k.let(a.sources.min(k.let(begin.add(a.width))));
      k.if(begin.less(0), () => k.set(begin, k.int(0)));
      k.spread(a.headSize, (i) => {
        const sum = k.variable(k.float(0));
        k.if(a.continues.notEqual(0), () => k.set(sum, result.load(i)));
        k.loop(0, a.members, (member) => {
          const other = k.let(head.multiply(a.members).add(member));
          const matrix = batch.multiply(a.heads).multiply(a.members).add(other);
          const own = weights.from(
            matrix.multiply(a.targets).multiply(a.sources).add(token.multiply(a.weightTarget)),
          );
          const values = x.from(
            batch.multiply(a.xBatch).add(other.divide(a.group).multiply(a.xHead)).add(i),
          );
          const more = addUp(k, begin, end, (source) => {
            const weight = own.load(source.multiply(a.weightSource));
            return weight.multiply(values.load(source.multiply(a.xToken)));
          });
          k.set(sum, sum.add(more));
        });
        result.store(i, sum);
      });
    },
  );

const SCORES = { f32: scoreKernel("f32"), f16: scoreKernel("f16") };
const SUMS = {
  f32: { f32: sumKernel("f32", "f32"), f16: sumKernel("f32", "f16") },
  f16: { f32: sumKernel("f16", "f32"), f16: sumKernel("f16", "f16") },
};

function softmaxOf(scores: ex.Expression) {
  const largest = ex.rowMax(scores);
  const powers = ex.exp(ex.subtract(scores, largest));
  const sum = ex.rowSum(powers);
  return { largest, sum, weights: ex.multiply(powers, ex.divide(1, sum)) };
}

/** The softmax, and its log-sum-exp in base 2, 0 for a query without keys. */
const softmax = defineProgram({ name: "attention softmax", inputs: ["scores"] }, ({ scores }) => {
  const { largest, sum, weights } = softmaxOf(scores);
  const logSum = ex.multiply(ex.add(largest, ex.log(sum)), LOG2_E);
  return [weights, ex.select(ex.lessEqual(largest, MASKED), 0, logSum)];
});

/**
 * The softmax P again, and the gradient P · (dP − Σ P · dP) of the scores. From the log-sum-exp, P
 * would not add up to 1 as closely, and what should cancel out would not.
 */
const softmaxGradient = defineProgram(
  { name: "gradient of attention softmax", inputs: ["scores", "upstream"], scalars: ["scale"] },
  ({ scores, upstream, scale }) => {
    const { weights } = softmaxOf(scores);
    const mean = ex.rowSum(ex.multiply(weights, upstream));
    return [weights, ex.multiply(scale, ex.multiply(weights, ex.subtract(upstream, mean)))];
  },
);

/** A block of queries of some batch entries. */
interface Block {
  readonly problem: AttentionProblem;
  readonly item: number;
  readonly items: number;
  readonly query: number;
  readonly queries: number;
}

function* blocksOf(device: Device, problem: AttentionProblem): Generator<Block> {
  const { batch, queries: all, keys, heads } = problem;
  const ofQuery = Math.max(1, heads * keys);
  const max = Math.min(MAX_SCORES, bindingLimit(device) / 4);
  const atOnce = Math.max(1, Math.min(all, Math.floor(max / ofQuery)));
  const itemsAtOnce = Math.max(1, Math.floor(max / (ofQuery * atOnce)));
  for (let item = 0; item < batch; item += itemsAtOnce) {
    const items = Math.min(itemsAtOnce, batch - item);
    for (let query = 0; query === 0 || query < all; query += atOnce) {
      yield { problem, item, items, query, queries: Math.min(atOnce, all - query) };
    }
  }
}

/** The part of a view [B, Tq, H, D] with the queries of a block. */
function ofQueries(x: View, { item, items, query, queries }: Block): View {
  const [, , heads, headSize] = x.shape as [number, number, number, number];
  const offset = x.offset + item * x.strides[0]! + query * x.strides[1]!;
  return { ...viewAs(x, [items, queries, heads, headSize], x.strides), offset };
}

/** The part of a view [B, Tk, Hkv, D] with the batch entries of a block. */
function ofItems(x: View, { item, items }: Block): View {
  const offset = x.offset + item * x.strides[0]!;
  return { ...viewAs(x, x.shape.with(0, items), x.strides), offset };
}

/** The part of the log-sum-exps [B, H, Tq] with the queries of a block, as [items, H, Tq, 1]. */
function logSumsOf(logSums: View, { item, items, query, queries, problem }: Block): View {
  const [ofItem, ofHead] = logSums.strides as [number, number];
  const offset = logSums.offset + item * ofItem + query;
  const shape = [items, problem.heads, queries, 1];
  return { ...viewAs(logSums, shape, [ofItem, ofHead, 1, 1]), offset };
}

function allocateScores(device: Device, { items, queries, problem }: Block): View {
  const shape = [items, problem.heads, queries, problem.keys];
  return allocateView(device, "float32", shape, "the scores of attention");
}

const strides = (x: View) => x.strides as readonly [number, number, number, number];

const grain = (operations: number): number =>
  Math.ceil(OPERATIONS_PER_THREAD / Math.max(1, operations));

/** The keys that a block's query sees, relative to its number. */
function visible({ problem: { queries, keys, left, right }, query }: Block) {
  return { first: keys - queries + query - left, width: left + right + 1 };
}

/** Scores of a block for x and y, which are q and k, or dy and v. */
function computeScores(
  device: Device,
  name: string,
  block: Block,
  [x, y, scores]: readonly [View, View, View],
  scale: number,
): void {
  const { items, queries, problem: { heads, keyHeads, headSize, keys } } = block;
  const [xBatch, xToken, xHead] = strides(x);
  const [yBatch, yToken, yHead] = strides(y);
  const words = {
    ...{ xBatch, xToken, xHead, yBatch, yToken, yHead, ...visible(block) },
    ...{ heads, group: heads / keyHeads, headSize, queries, keys },
    scale: new Int32Array(Float32Array.of(scale).buffer)[0]!,
  };
  const rows = items * heads * queries;
  const work = () => workOf(name, block);
  const options = { columns: keys, grain: grain(keys * headSize), work };
  runKernel(device, SCORES[storedAs(x)], [x, y, scores], words, rows, options);
}

/**
 * What a sum is over: the queries of a block for each key, or the keys for each query. Those that see
 * a target are `width` from `first` plus its number on.
 */
interface Sum {
  readonly heads: number;
  readonly members: number;
  readonly group: number;
  readonly targets: number;
  readonly sources: number;
  readonly first: number;
  readonly width: number;
  readonly weightTarget: number;
  readonly weightSource: number;
  readonly continues: number;
}

/** For each query of a block, the sum over its keys. */
function sumOverKeys(block: Block): Sum {
  const { heads, keyHeads, keys } = block.problem;
  return {
    ...{ heads, members: 1, group: heads / keyHeads, targets: block.queries, sources: keys },
    ...{ ...visible(block), weightTarget: keys, weightSource: 1, continues: 0 },
  };
}

/** For each key, the sum over the queries of a block that see it, and those of earlier blocks. */
function sumOverQueries(block: Block): Sum {
  const { heads, keyHeads, keys } = block.problem;
  const { first, width } = visible(block);
  return {
    ...{ heads: keyHeads, members: heads / keyHeads, group: 1, targets: keys },
    ...{ sources: block.queries, first: 1 - width - first, width },
    ...{ weightTarget: 1, weightSource: keys, continues: Number(block.query > 0) },
  };
}

function computeSums(
  device: Device,
  name: string,
  block: Block,
  sum: Sum,
  [weights, x, y]: readonly [View, View, View],
): void {
  const { headSize } = block.problem;
  const [xBatch, xToken, xHead] = strides(x);
  const [yBatch, yToken, yHead] = strides(y);
  const words = { xBatch, xToken, xHead, yBatch, yToken, yHead, headSize, ...sum };
  const rows = block.items * sum.heads * sum.targets;
  const options = {
    columns: headSize,
    grain: grain(sum.members * sum.sources * headSize),
    work: () => workOf(name, block),
  };
  runKernel(device, SUMS[storedAs(x)][storedAs(y)], [weights, x, y], words, rows, options);
}

function workOf(name: string, { problem, items, query, queries }: Block): Work {
  const pairs = visiblePairs(problem, query, queries);
  return { name, flops: 2 * problem.headSize * pairs * items * problem.heads };
}

/** Computes y and the log-sum-exps. */
export function attend(
  device: Device,
  { q, k, v, y, logSums }: ForwardViews,
  problem: AttentionProblem,
): void {
  for (const block of blocksOf(device, problem)) {
    const scores = allocateScores(device, block);
    const operands = [ofQueries(q, block), ofItems(k, block), scores] as const;
    computeScores(device, "attention scores", block, operands, problem.scale);
    runProgramOn(device, softmax, [scores], [scores, logSumsOf(logSums, block)]);
    const sums = [scores, ofItems(v, block), ofQueries(y, block)] as const;
    computeSums(device, "attention", block, sumOverKeys(block), sums);
    device.free(scores.allocation);
  }
}

/** Computes all three gradients. */
export function attendBackward(
  device: Device,
  { q, k, v, dy, dq, ...gradients }: GradientViews,
  problem: AttentionProblem,
): void {
  const name = "gradient of attention";
  const targets = [gradients.dk, gradients.dv] as const;
  // Sums over several blocks are rounded once.
  const [dk, dv] = targets.map((x) =>
    x.dtype === "float32" ? x : allocateView(device, "float32", x.shape, name)
  ) as [View, View];
  for (const block of blocksOf(device, problem)) {
    const [scores, changes] = [allocateScores(device, block), allocateScores(device, block)];
    const [queries, upstream] = [ofQueries(q, block), ofQueries(dy, block)];
    const [keys, values] = [ofItems(k, block), ofItems(v, block)];
    computeScores(device, `${name}, scores`, block, [queries, keys, scores], problem.scale);
    computeScores(device, `${name}, values`, block, [upstream, values, changes], 1);
    const both = [scores, changes];
    runProgramOn(device, softmaxGradient, both, both, [problem.scale]);
    const [overKeys, overQueries] = [sumOverKeys(block), sumOverQueries(block)];
    const sum = (sum: Sum, operands: readonly [View, View, View]) =>
      computeSums(device, name, block, sum, operands);
    sum(overKeys, [changes, keys, ofQueries(dq, block)]);
    sum(overQueries, [changes, queries, ofItems(dk, block)]);
    sum(overQueries, [scores, upstream, ofItems(dv, block)]);
    for (const { allocation } of both) device.free(allocation);
  }
  [dk, dv].forEach((sum, i) => {
    if (sum === targets[i]) return;
    copyView(device, sum, targets[i]!);
    device.free(sum.allocation);
  });
}
