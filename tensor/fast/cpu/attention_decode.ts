/**
 * Attention on the CPU for a few queries against many keys, as in decoding: each query reads the KV
 * cache once, so memory bandwidth decides.
 *
 * @module
 */

import { log } from "../../kernel/math.ts";
import { writeVector } from "../../kernel/wasm.ts";
import {
  emitKernel,
  F32,
  F32x4,
  type FunctionBuilder,
  type I32,
  loadWords,
} from "../../devices/cpu/emitter/mod.ts";
import type { WasmKernel } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { attentionWork, LOG2_E } from "../../ops/attention/problem.ts";
import { exp2, LOWEST } from "./attention_softmax.ts";

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
  suits: ({ queries }) => queries <= MAX_DECODE_QUERIES,
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
        scratchBytes: headBytes(headSize) + 4 * keys + 16,
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

/** Work items are queries of a head. Scratch memory: the query, and a score per key. */
const oneByOne = (headSize: number): WasmKernel => ({
  key: `attention of few queries, heads of ${headSize}`,
  emit: emitOneByOne(headSize),
});

function headBytes(headSize: number): number {
  return Math.ceil(headSize / 16) * 64;
}

function emitOneByOne(headSize: number): WasmKernel["emit"] {
  return emitKernel((f, { words, start, end, scratch }) => {
    const word = loadWords(f, words, WORDS);
    const scores = f.local(scratch.add(headBytes(headSize)));
    const scale = f.local(word.scale.asF32().splat());

    f.forRange(start, end, 1, (item) => {
      const row = f.local(item.divide(word.queries));
      const query = f.local(item.remainder(word.queries));
      const batch = f.local(row.divide(word.heads));
      const queryHead = f.local(row.remainder(word.heads));
      const keyHead = f.local(queryHead.divide(word.group));
      const position = f.local(word.keys.subtract(word.queries).add(query));
      const first = f.local(f.local(position.subtract(word.left)).max(0));
      const last = f.local(position.add(word.right).add(1)).min(word.keys);
      const count = f.local(last.subtract(first));
      const place = (name: "q" | "k" | "v" | "y", head: I32, token: I32) => {
        const ofHead = batch.multiply(word[`${name}Batch`]).add(head.multiply(word[`${name}Head`]));
        return f.local(word[name].add(ofHead).add(token.multiply(word[`${name}Token`])));
      };
      const [q, y] = [place("q", queryHead, query), place("y", queryHead, query)];
      const [k, v] = [place("k", keyHead, first), place("v", keyHead, first)];

      scaleQuery(f, headSize, scratch, q, scale);
      multiplyKeys(f, headSize, scratch, k, word.kToken, scores, count);
      const { logSum, factor } = softmaxInPlace(f, scores, count);
      f.store(word.logSums.add(item.shiftLeft(2)), logSum);
      sumValues(f, headSize, scores, factor, v, word.vToken, y, count);
    });
  });
}

/** Applies the scale to the query, once. */
function scaleQuery(f: FunctionBuilder, headSize: number, to: I32, q: I32, scale: F32x4): void {
  f.forRange(0, (headSize & -4) * 4, 16, (at) => {
    f.store(to.add(at), q.add(at).loadF32x4().multiply(scale));
  });
  for (let i = headSize & -4; i < headSize; i++) {
    f.store(to, q.loadF32(4 * i).multiply(F32.lane(scale, 0)), 4 * i);
  }
}

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
  const vectors = headSize >> 2;
  /**
   * Multiplies the query by keys, with two sums per key: enough to hide the latency of additions.
   */
  const products = (keys: readonly I32[], places: readonly I32[]) => {
    const sums = keys.map(() => [f.local(F32x4.of(0)), f.local(F32x4.of(0))] as const);
    for (let vector = 0; vector < vectors; vector++) {
      const four = f.local(q.loadF32x4(16 * vector));
      keys.forEach((key, row) => {
        const sum = sums[row]![vector % 2]!;
        f.set(sum, key.loadF32x4(16 * vector).multiplyAdd(four, sum));
      });
    }
    sums.forEach(([even, odd], row) => {
      let result = f.sumOfLanes(even.add(odd));
      for (let i = headSize & -4; i < headSize; i++) {
        result = result.add(q.loadF32(4 * i).multiply(keys[row]!.loadF32(4 * i)));
      }
      f.store(places[row]!, result);
    });
  };
  const each = f.local(count.divide(TOGETHER));
  const streams = Array.from({ length: TOGETHER }, (_, i) => ({
    key: f.local(k.add(each.multiply(i).multiply(tokenBytes))),
    score: f.local(scores.add(each.multiply(4 * i))),
  }));
  const walk = (times: I32, some: typeof streams) =>
    f.forRange(0, times, 1, () => {
      products(some.map(({ key }) => key), some.map(({ score }) => score));
      for (const { key, score } of some) {
        f.set(key, key.add(tokenBytes));
        f.set(score, score.add(4));
      }
    });
  walk(each, streams);
  // The last stream continues into the remaining keys.
  walk(count.remainder(TOGETHER), streams.slice(-1));
}

/**
 * Turns scores into 2^(score − maximum), and returns log₂ Σ 2^score and 1 / Σ 2^(score − maximum).
 */
function softmaxInPlace(
  f: FunctionBuilder,
  scores: I32,
  count: I32,
): { readonly logSum: F32; readonly factor: F32 } {
  const bytes = f.local(count.shiftLeft(2));
  const end = f.local(scores.add(bytes));
  // The last vector may extend beyond the last key: pad with the lowest score, which gets no
  // weight.
  const lowest = F32x4.of(LOWEST);
  f.store(end, lowest);
  const maximum = f.local(lowest);
  f.forRange(0, bytes, 16, (at) => {
    f.set(maximum, maximum.pseudoMax(scores.add(at).loadF32x4()));
  });
  const top = f.local(f.maxOfLanes(maximum).splat());
  const sum = f.local(F32x4.of(0));
  f.forRange(0, bytes, 16, (at) => {
    const address = f.local(scores.add(at));
    f.store(address, exp2(f, address.loadF32x4().subtract(top)));
  });
  f.store(end, F32x4.of(0));
  f.forRange(0, bytes, 16, (at) => f.set(sum, sum.add(scores.add(at).loadF32x4())));
  const total = f.local(f.sumOfLanes(sum).splat());
  const logSum = f.local(
    F32.lane(writeVector(f, (k) => log(k, total)).multiplyAdd(Math.LOG2E, top), 0),
  );
  const sawNothing = f.local(F32.lane(total, 0).equal(0));
  const inverse = f.local(F32.of(1).divide(F32.lane(total, 0)));
  return {
    logSum: f.local(sawNothing.select<F32>(F32.of(0), logSum)),
    factor: f.local(sawNothing.select<F32>(F32.of(0), inverse)),
  };
}

/** y = factor · Σ weight[i] · v[i], in strips of columns whose sums stay in registers. */
function sumValues(
  f: FunctionBuilder,
  headSize: number,
  weights: I32,
  factor: F32,
  v: I32,
  tokenBytes: I32,
  y: I32,
  count: I32,
): void {
  const bytes = f.local(count.shiftLeft(2));
  const vectors = headSize >> 2;
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
    sums.forEach((sum, i) => f.store(y, sum.multiply(factor.splat()), 16 * (vector + i)));
  }
  for (let i = headSize & -4; i < headSize; i++) {
    const sum = f.local(F32.of(0));
    const value = f.local(v);
    f.forRange(0, bytes, 4, (at) => {
      f.set(sum, sum.add(weights.add(at).loadF32().multiply(value.loadF32(4 * i))));
      f.set(value, value.add(tokenBytes));
    });
    f.store(y, sum.multiply(factor), 4 * i);
  }
}
