/**
 * Flash attention on the CPU: blocks of queries against blocks of keys, in scratch memory that fits
 * the caches, regardless of the sequence length.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 1.
 *
 * @module
 */

import {
  emitKernel,
  F32,
  type FunctionBuilder,
  I32,
  type Local,
} from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import type { AttentionCall, ForwardViews } from "../../ops/attention/problem.ts";
import type { CpuDevice } from "../../device.ts";
import { defineLoadRows, defineStoreRows, defineTranspose } from "./attention_rows.ts";
import {
  defineScaleRows,
  defineSoftmax,
  finishStatistics,
  resetStatistics,
  STATISTICS,
  STATISTICS_BYTES,
} from "./attention_softmax.ts";
import {
  defineScores,
  defineWeightedSum,
  KEYS,
  larger,
  paddedHead,
  QUERIES,
  SCORE_ROW,
  smaller,
} from "./attention_tile.ts";
import {
  ALWAYS,
  headAddress,
  type HeadKernel,
  isMarked,
  loadForwardWords,
  runForward,
} from "./attention_words.ts";

function scratchParts(head: number) {
  const parts = {
    queries: 0,
    keys: QUERIES * head * 4,
    values: (QUERIES + KEYS) * head * 4,
    sums: (QUERIES + 2 * KEYS) * head * 4,
    scores: (2 * QUERIES + 2 * KEYS) * head * 4,
  };
  const statistics = parts.scores + KEYS * SCORE_ROW;
  return { ...parts, statistics, bytes: statistics + STATISTICS_BYTES };
}

/** Flash attention by blocks. */
export const attentionByBlocks: FastPath<"attention", "cpu"> = {
  operation: "attention",
  name: "blocks",
  device: "cpu",
  gain: { factor: 12.06, of: "4 × 4 heads, 256 queries and keys, against plain" },
  suits: () => true,
  run: (call, device) => attendByBlocks(device, call, ALWAYS),
};

/** Computes the heads with a flag. */
export function attendByBlocks(
  device: CpuDevice,
  call: AttentionCall<ForwardViews>,
  flags: number,
): void {
  runForward(device, BLOCKS, call, QUERIES, flags);
}

/** Work items are blocks of queries of a head. */
const BLOCKS: HeadKernel = {
  at: (headSize, relaxedSimd) => ({
    key: `attention of heads of ${headSize}${relaxedSimd ? " relaxed" : ""}`,
    emit: () => emitBlocks(headSize, relaxedSimd),
  }),
  scratchBytes: (headSize) => scratchParts(paddedHead(headSize)).bytes,
};

function emitBlocks(headSize: number, relaxedSimd: boolean): Uint8Array<ArrayBuffer> {
  const head = paddedHead(headSize);
  const parts = scratchParts(head);
  return emitKernel({ relaxedSimd }, (f, { words, start, end, scratch }, module) => {
    const loadQueries = defineLoadRows(module, headSize, head, QUERIES);
    const loadKeys = defineLoadRows(module, headSize, head, KEYS);
    const transpose = defineTranspose(module, head);
    const multiply = defineScores(module, head);
    const softmax = defineSoftmax(module);
    const scaleRows = defineScaleRows(module, head);
    const sumUp = defineWeightedSum(module, head, "keys");
    const storeRows = defineStoreRows(module, headSize, head, false);

    const word = loadForwardWords(f, words);
    const at = (part: keyof typeof parts) => f.local(scratch.add(parts[part]));
    const [blockQ, blockK, blockV] = [at("queries"), at("keys"), at("values")];
    const [sums, scores, statistics] = [at("sums"), at("scores"), at("statistics")];
    const blocks = f.local(word.queries.add(QUERIES - 1).divide(QUERIES));

    const computeBlock = (item: Local<I32>, row: Local<I32>) => {
      const batch = f.local(row.divide(word.heads));
      const queryHead = f.local(row.remainder(word.heads));
      const keyHead = f.local(queryHead.divide(word.group));
      const query = f.local(blockOf(f, f.local(item.remainder(blocks)), blocks).multiply(QUERIES));
      const count = smaller(f, word.queries.subtract(query), QUERIES);
      const position = f.local(word.keys.subtract(word.queries).add(query));

      const q = headAddress(f, [word.q, word.qBatch, word.qHead], batch, queryHead);
      const k = headAddress(f, [word.k, word.kBatch, word.kHead], batch, keyHead);
      const v = headAddress(f, [word.v, word.vBatch, word.vHead], batch, keyHead);
      const y = headAddress(f, [word.y, word.yBatch, word.yHead], batch, queryHead);

      const fromQ = q.add(query.multiply(word.qToken));
      // Whether queries are finite does not matter: no weight is ever multiplied by them.
      f.local(f.call(loadQueries, sums, fromQ, word.qToken, count));
      f.callStatement(transpose, blockQ, sums, count, word.scale.asF32());
      f.clearMemory(sums, I32.of(QUERIES * head * 4));
      resetStatistics(f, statistics);

      const first = larger(f, position.subtract(word.left), 0);
      const last = smaller(f, word.keys, position.add(count).add(word.right));
      f.forRange(first, last, KEYS, (key) => {
        const keys = smaller(f, last.subtract(key), KEYS);
        const shift = f.local(key.subtract(position));
        const block = [keys, count, word.left, word.right, shift] as const;
        const fromK = k.add(key.multiply(word.kToken));
        const fromV = v.add(key.multiply(word.vToken));
        const checkK = f.call(loadKeys, blockK, fromK, word.kToken, keys);
        const checkV = f.call(loadKeys, blockV, fromV, word.vToken, keys);
        const careful = f.local(checkK.add(checkV).equal(0).isZero());
        f.callStatement(multiply, blockK, blockQ, scores, ...block);
        f.callStatement(softmax, scores, statistics, careful, ...block);
        f.if(key.notEqual(first), () => {
          f.callStatement(scaleRows, sums, statistics.add(STATISTICS.factor), count);
        });
        f.callStatement(sumUp, scores, blockV, sums, careful, ...block);
      });

      finishStatistics(f, statistics);
      f.callStatement(scaleRows, sums, statistics.add(STATISTICS.factor), count);
      const toY = y.add(query.multiply(word.yToken));
      f.callStatement(storeRows, toY, word.yToken, sums, count, F32.of(1));
      const offset = row.multiply(word.queries).add(query).shiftLeft(2);
      const logSums = statistics.add(STATISTICS.sum);
      f.copyMemory(word.logSums.add(offset), logSums, count.shiftLeft(2));
    };
    f.forRange(start, end, 1, (item) => {
      const row = f.local(item.divide(blocks));
      // Heads are ordered by batch entry and key head, in groups of query heads.
      const keyHead = f.local(row.divide(word.group));
      f.if(isMarked(word.flags, keyHead), () => computeBlock(item, row));
    });
  });
}

/**
 * The block of work item `index`, alternating from both ends: with a causal mask the last blocks
 * are the most work, so this balances the threads.
 */
function blockOf(f: FunctionBuilder, index: Local<I32>, blocks: I32): I32 {
  const half = f.local(index.shiftRight(1));
  return index.and(1).select(blocks.subtract(1).subtract(half), half);
}
