/**
 * The gradient of attention on the CPU. Scores are recomputed block by block, and turned into
 * weights with the stored log-sum-exps.
 *
 * A work item is a key head with all its query heads, so no two threads add to the same gradient,
 * and the order of additions is fixed.
 *
 * Source: Dao, "FlashAttention-2: Faster Attention with Better Parallelism" (2023), algorithm 2.
 *
 * @module
 */

import type { CpuDevice } from "../../device.ts";
import { emitKernel, F32, I32, loadWords, type Local } from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import {
  type AttentionCall,
  attentionWork,
  type GradientViews,
  LOG2_E,
} from "../../ops/attention/problem.ts";
import { defineLoadRows, defineStoreRows, defineTranspose } from "./attention_rows.ts";
import { defineSoftmaxGradient } from "./attention_softmax.ts";
import {
  defineScores,
  defineWeightedSum,
  KEYS,
  larger,
  multiplyRows,
  paddedHead,
  QUERIES,
  SCORE_ROW,
  smaller,
} from "./attention_tile.ts";
import { ALWAYS, headAddress, type HeadKernel, isMarked, place } from "./attention_words.ts";

const WORDS = [
  ...["q", "qBatch", "qToken", "qHead"] as const,
  ...["k", "kBatch", "kToken", "kHead"] as const,
  ...["v", "vBatch", "vToken", "vHead"] as const,
  ...["y", "yBatch", "yToken", "yHead"] as const,
  ...["dy", "dyBatch", "dyToken", "dyHead"] as const,
  ...["dq", "dqBatch", "dqToken", "dqHead"] as const,
  ...["dk", "dkBatch", "dkToken", "dkHead"] as const,
  ...["dv", "dvBatch", "dvToken", "dvHead"] as const,
  ...["logSums", "queries", "keys", "keyHeads", "group", "left", "right", "flags"] as const,
  ...["scale", "scoreScale"] as const,
];

const NAME = "gradient of attention";

/** The gradient by blocks, whose scores are recomputed. */
export const attentionGradientByBlocks: FastPath<"attention gradient", "cpu"> = {
  operation: "attention gradient",
  name: "blocks",
  device: "cpu",
  gain: { factor: 16.48, of: "4 × 4 heads, 256 queries and keys, against plain" },
  suits: () => true,
  run: (call, device) => computeGradients(device, call, ALWAYS),
};

/** Computes the gradients of the heads with a flag. */
export function computeGradients(
  device: CpuDevice,
  call: AttentionCall<GradientViews>,
  flags: number,
): void {
  const { q, k, v, y, dy, dq, dk, dv, logSums } = call.views;
  const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = call;
  device.dispatch(
    gradientByBlocks.at(headSize, device.relaxedSimd),
    {
      integers: [
        ...[q, k, v, y, dy, dq, dk, dv].flatMap((view) => place(device, view)),
        ...[device.address(logSums), queries, keys, keyHeads, heads / keyHeads, left, right, flags],
      ],
      floats: [scale, scale * LOG2_E],
    },
    batch * keyHeads,
    {
      scratchBytes: gradientByBlocks.scratchBytes(headSize, keys),
      work: () =>
        flags === ALWAYS ? attentionWork(NAME, call, 5, Object.values(call.views)) : { name: NAME },
    },
  );
}

function scratchParts(head: number) {
  const queryBytes = QUERIES * head * 4;
  const keyBytes = KEYS * head * 4;
  const scoreBytes = KEYS * SCORE_ROW;
  let bytes = 0;
  const reserve = (size: number) => (bytes += size) - size;
  return {
    queries: reserve(queryBytes),
    queriesTransposed: reserve(queryBytes),
    upstream: reserve(queryBytes),
    upstreamTransposed: reserve(queryBytes),
    queryGradients: reserve(queryBytes),
    keys: reserve(keyBytes),
    values: reserve(keyBytes),
    sums: reserve(keyBytes),
    weights: reserve(scoreBytes),
    scoreGradients: reserve(scoreBytes),
    logSums: reserve(SCORE_ROW),
    deltas: reserve(SCORE_ROW),
    bytes,
  };
}

const gradientByBlocks: HeadKernel = {
  at: (headSize, relaxedSimd) => ({
    key: `gradient of attention, heads of ${headSize}${relaxedSimd ? " relaxed" : ""}`,
    emit: () => emitGradient(headSize, relaxedSimd),
  }),
  scratchBytes: (headSize) => scratchParts(paddedHead(headSize)).bytes,
};

function emitGradient(headSize: number, relaxedSimd: boolean): Uint8Array<ArrayBuffer> {
  const head = paddedHead(headSize);
  const parts = scratchParts(head);
  return emitKernel({ relaxedSimd }, (f, { words, start, end, scratch }, module) => {
    const loadQueries = defineLoadRows(module, headSize, head, QUERIES);
    const loadKeys = defineLoadRows(module, headSize, head, KEYS);
    const transpose = defineTranspose(module, head);
    const multiply = defineScores(module, head);
    const softmaxGradient = defineSoftmaxGradient(module);
    const sumOverKeys = defineWeightedSum(module, head, "keys");
    const sumOverQueries = defineWeightedSum(module, head, "queries");
    const storeRows = defineStoreRows(module, headSize, head, false);
    const addRows = defineStoreRows(module, headSize, head, true);

    const word = loadWords(f, words, WORDS);
    const at = (part: keyof typeof parts) => f.local(scratch.add(parts[part]));
    const [q, qT, dy, dyT] = [
      ...[at("queries"), at("queriesTransposed")] as const,
      ...[at("upstream"), at("upstreamTransposed")] as const,
    ];
    const [k, v, dq, sums] = [at("keys"), at("values"), at("queryGradients"), at("sums")];
    const [weights, scoreGradients] = [at("weights"), at("scoreGradients")];
    const [logSums, deltas] = [at("logSums"), at("deltas")];

    const computeHead = (item: Local<I32>) => {
      const batch = f.local(item.divide(word.keyHeads));
      const keyHead = f.local(item.remainder(word.keyHeads));
      const allK = headAddress(f, [word.k, word.kBatch, word.kHead], batch, keyHead);
      const allV = headAddress(f, [word.v, word.vBatch, word.vHead], batch, keyHead);
      const allDk = headAddress(f, [word.dk, word.dkBatch, word.dkHead], batch, keyHead);
      const allDv = headAddress(f, [word.dv, word.dvBatch, word.dvHead], batch, keyHead);
      f.forRange(0, word.keys, 1, (key) => {
        f.clearMemory(allDk.add(key.multiply(word.dkToken)), I32.of(headSize * 4));
        f.clearMemory(allDv.add(key.multiply(word.dvToken)), I32.of(headSize * 4));
      });

      f.forRange(0, word.group, 1, (member) => {
        const queryHead = f.local(keyHead.multiply(word.group).add(member));
        const allQ = headAddress(f, [word.q, word.qBatch, word.qHead], batch, queryHead);
        const allY = headAddress(f, [word.y, word.yBatch, word.yHead], batch, queryHead);
        const allDy = headAddress(f, [word.dy, word.dyBatch, word.dyHead], batch, queryHead);
        const allDq = headAddress(f, [word.dq, word.dqBatch, word.dqHead], batch, queryHead);
        const row = f.local(
          batch.multiply(word.keyHeads.multiply(word.group)).add(queryHead).multiply(word.queries),
        );
        f.forRange(0, word.queries, QUERIES, (query) => {
          const count = smaller(f, word.queries.subtract(query), QUERIES);
          const position = f.local(word.keys.subtract(word.queries).add(query));
          const rows = (tensor: I32, tokenBytes: I32) => tensor.add(query.multiply(tokenBytes));

          const checkQ = f.local(
            f.call(loadQueries, q, rows(allQ, word.qToken), word.qToken, count),
          );
          const checkDy = f.local(
            f.call(loadQueries, dy, rows(allDy, word.dyToken), word.dyToken, count),
          );
          f.local(f.call(loadQueries, dq, rows(allY, word.yToken), word.yToken, count));
          multiplyRows(f, head, dy, dq, deltas);
          f.clearMemory(dq, I32.of(QUERIES * head * 4));
          f.callStatement(transpose, qT, q, count, word.scoreScale.asF32());
          f.callStatement(transpose, dyT, dy, count, F32.of(1));
          const saved = word.logSums.add(row.add(query).shiftLeft(2));
          f.clearMemory(logSums, I32.of(SCORE_ROW));
          f.copyMemory(logSums, saved, count.shiftLeft(2));

          const first = larger(f, position.subtract(word.left), 0);
          const last = smaller(f, word.keys, position.add(count).add(word.right));
          f.forRange(first, last, KEYS, (key) => {
            const keys = smaller(f, last.subtract(key), KEYS);
            const shift = f.local(key.subtract(position));
            const block = [keys, count, word.left, word.right, shift] as const;
            const fromK = allK.add(key.multiply(word.kToken));
            const fromV = allV.add(key.multiply(word.vToken));
            const checkK = f.call(loadKeys, k, fromK, word.kToken, keys);
            const checkV = f.call(loadKeys, v, fromV, word.vToken, keys);
            const check = checkK.add(checkV).add(checkQ).add(checkDy);
            const careful = f.local(check.equal(0).isZero());

            f.callStatement(multiply, k, qT, weights, ...block);
            f.callStatement(multiply, v, dyT, scoreGradients, ...block);
            f.callStatement(
              softmaxGradient,
              ...[weights, scoreGradients, logSums, deltas, careful, ...block] as const,
            );
            f.callStatement(sumOverKeys, scoreGradients, k, dq, careful, ...block);

            const addSum = (weights: I32, values: I32, to: I32, tokenBytes: I32, scale: F32) => {
              f.clearMemory(sums, I32.of(KEYS * head * 4));
              f.callStatement(sumOverQueries, weights, values, sums, careful, ...block);
              const target = to.add(key.multiply(tokenBytes));
              f.callStatement(addRows, target, tokenBytes, sums, keys, scale);
            };
            addSum(weights, dy, allDv, word.dvToken, F32.of(1));
            addSum(scoreGradients, q, allDk, word.dkToken, word.scale.asF32());
          });
          const toDq = rows(allDq, word.dqToken);
          f.callStatement(storeRows, toDq, word.dqToken, dq, count, word.scale.asF32());
        });
      });
    };
    f.forRange(
      start,
      end,
      1,
      (item) => f.if(isMarked(word.flags, item), () => computeHead(item)),
    );
  });
}
