/**
 * Attention on the CPU for a few queries against many keys, as in decoding: each query reads the KV
 * cache once, so memory bandwidth decides.
 *
 * @module
 */

import {
  emitKernel,
  F32x4,
  type FunctionBuilder,
  type I32,
  loadWords,
} from "../../devices/cpu/emitter/mod.ts";
import type { WasmKernel } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { attentionWork, LOG2_E, ROW_MULTIPLE } from "../../ops/attention/problem.ts";
import { softmaxInPlace, visibleKeys } from "./attention_softmax.ts";

/** Maximum number of queries for which this beats matmuls. */
const MAX_DECODE_QUERIES = 4;
/** Below this many operations, another thread costs more than it gains. */
const OPERATIONS_PER_THREAD = 200_000;

/** Keys that are multiplied at a time. */
const TOGETHER = 4;
/** Vectors of a value whose sums are kept in registers. */
const STRIP = 16;

/** A few queries, one by one. */
export const attentionOneByOne: FastPath<"attention", "cpu"> = {
  operation: "attention",
  name: "one by one",
  device: "cpu",
  gain: { factor: 1.48, of: "16 × 4 heads, 1 query, 160 keys, against matmuls; 1 × 4 heads 2.91" },
  suits: ({ queries, headSize }) => queries <= MAX_DECODE_QUERIES && headSize % 4 === 0,
  run: (call, device) => {
    const { q, k, v, y, logSums } = call.views;
    const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = call;
    const places = [q, k, v, y].flatMap((view) => [
      device.address(view),
      ...view.strides.slice(0, 3).map((stride) => 4 * stride),
    ]);
    const sizes = [queries, keys, heads, heads / keyHeads, left, right];
    const operations = 4 * headSize * Math.min(keys, left + right + 1);
    device.dispatch(
      oneByOne(headSize),
      { integers: [...places, device.address(logSums), ...sizes], floats: [scale * LOG2_E] },
      batch * heads * queries,
      {
        grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
        scratchBytes: 4 * (keys + ROW_MULTIPLE),
        work: () => attentionWork("attention", call, 2, [q, k, v, y, logSums]),
      },
    );
  },
};

/** The argument words: integers, and the scale as the bits of a float. */
const WORDS = [
  ...["q", "qBatch", "qToken", "qHead", "k", "kBatch", "kToken", "kHead"] as const,
  ...["v", "vBatch", "vToken", "vHead", "y", "yBatch", "yToken", "yHead"] as const,
  ...["logSums", "queries", "keys", "heads", "group", "left", "right", "scale"] as const,
];

/** Work items are queries of a head. Scratch memory: a score per key. */
const oneByOne = (headSize: number): WasmKernel => ({
  key: `attention of few queries, heads of ${headSize}`,
  emit: emitKernel((f, { words, start, end, scratch }) => {
    const word = loadWords(f, words, WORDS);
    const scale = f.local(word.scale.asF32().splat());

    f.forRange(start, end, 1, (item) => {
      const row = f.local(item.divide(word.queries));
      const query = f.local(item.remainder(word.queries));
      const batch = f.local(row.divide(word.heads));
      const queryHead = f.local(row.remainder(word.heads));
      const keyHead = f.local(queryHead.divide(word.group));
      const position = f.local(word.keys.subtract(word.queries).add(query));
      const { first, last, forVisible } = visibleKeys(f, position, word);
      const place = (name: "q" | "k" | "v" | "y", head: I32, token: I32) => {
        const ofHead = batch.multiply(word[`${name}Batch`]).add(head.multiply(word[`${name}Head`]));
        return f.local(word[name].add(ofHead).add(token.multiply(word[`${name}Token`])));
      };
      const [q, y] = [place("q", queryHead, query), place("y", queryHead, query)];
      const [k, v] = [place("k", keyHead, first), place("v", keyHead, first)];
      const scores = f.local(scratch.add(first.shiftLeft(2)));
      const count = f.local(last.subtract(first));

      multiplyKeys(f, headSize, q, k, word.kToken, scores, count);
      const logSum = softmaxInPlace(f, scratch, scale, forVisible);
      f.store(word.logSums.add(item.shiftLeft(2)), logSum);
      sumValues(f, headSize, scores, v, word.vToken, y, count);
    });
  }),
});

/**
 * scores[i] = q · k[i], four keys at a time, a quarter of all keys apart; the next four are their
 * neighbors. So the keys are read as four sequential streams, which suits the hardware prefetcher.
 */
function multiplyKeys(
  f: FunctionBuilder,
  headSize: number,
  q: I32,
  k: I32,
  tokenBytes: I32,
  scores: I32,
  count: I32,
): void {
  const each = f.local(count.divide(TOGETHER));
  const streams = Array.from({ length: TOGETHER }, (_, i) => ({
    key: f.local(k.add(each.multiply(i).multiply(tokenBytes))),
    score: f.local(scores.add(each.multiply(4 * i))),
  }));
  const walk = (times: I32, some: typeof streams) =>
    f.forRange(0, times, 1, () => {
      // Two sums per key are enough to hide the latency of additions.
      const sums = some.map(() => [f.local(F32x4.of(0)), f.local(F32x4.of(0))] as const);
      for (let vector = 0; vector < headSize / 4; vector++) {
        const four = f.local(q.loadF32x4(16 * vector));
        some.forEach(({ key }, i) => {
          const sum = sums[i]![vector % 2]!;
          f.set(sum, key.loadF32x4(16 * vector).multiplyAdd(four, sum));
        });
      }
      some.forEach(({ key, score }, i) => {
        const [even, odd] = sums[i]!;
        f.store(score, f.sumOfLanes(even.add(odd)));
        f.set(key, key.add(tokenBytes));
        f.set(score, score.add(4));
      });
    });
  walk(each, streams);
  // The last stream continues into the remaining keys.
  walk(count.remainder(TOGETHER), streams.slice(-1));
}

/** y = Σ weight[i] · v[i], in strips of columns whose sums stay in registers. */
function sumValues(
  f: FunctionBuilder,
  headSize: number,
  weights: I32,
  v: I32,
  tokenBytes: I32,
  y: I32,
  count: I32,
): void {
  const bytes = f.local(count.shiftLeft(2));
  const vectors = headSize / 4;
  for (let vector = 0; vector < vectors; vector += STRIP) {
    const sums = Array.from(
      { length: Math.min(STRIP, vectors - vector) },
      () => f.local(F32x4.of(0)),
    );
    const value = f.local(v);
    f.forRange(0, bytes, 4, (at) => {
      const weight = f.local(weights.add(at).loadSplat());
      sums.forEach((sum, i) => {
        f.set(sum, value.loadF32x4(16 * (vector + i)).multiplyAdd(weight, sum));
      });
      f.set(value, value.add(tokenBytes));
    });
    sums.forEach((sum, i) => f.store(y, sum, 16 * (vector + i)));
  }
}
