/**
 * The WebAssembly part of attention by BLAS (see `attention_blas.ts`): the softmax of a block of
 * scores, its gradient, and the detection of non-finite elements.
 *
 * @module
 */

import type { WasmKernel } from "../../device.ts";
import { emitKernel, I32, loadWords } from "../../devices/cpu/emitter/mod.ts";
import { defineLoadRows } from "./attention_rows.ts";
import {
  defineSoftmax,
  defineSoftmaxGradient,
  finishStatistics,
  resetStatistics,
  STATISTICS,
} from "./attention_softmax.ts";
import { multiplyRows, paddedHead, QUERIES, SCORE_ROW } from "./attention_tile.ts";

/** The arguments of a block of queries, and the log-sum-exps of the first head's queries. */
const BLOCK_WORDS = ["keys", "count", "left", "right", "shift", "logSums", "logSumStep"] as const;

/**
 * Turns scores into softmax weights, and stores their log-sum-exps. Work items are key heads;
 * arguments are the address of the scores, the stride between heads in bytes, and a block.
 */
export const softmaxOfHeads = (relaxedSimd: boolean): WasmKernel => ({
  key: `softmax of attention${relaxedSimd ? " relaxed" : ""}`,
  emit: () =>
    emitKernel({ relaxedSimd }, (f, { words, start, end, scratch }, module) => {
      const softmax = defineSoftmax(module);
      const word = loadWords(f, words, ["scores", "step", ...BLOCK_WORDS]);
      const { keys, count, left, right, shift } = word;
      f.forRange(start, end, 1, (item) => {
        const scores = f.local(word.scores.add(item.multiply(word.step)));
        resetStatistics(f, scratch);
        const block = [keys, count, left, right, shift] as const;
        f.callStatement(softmax, scores, scratch, I32.of(1), ...block);
        finishStatistics(f, scratch);
        f.forRange(0, count.shiftLeft(2), 32, (column) => {
          const at = f.local(scratch.add(column));
          const factors = [0, 16].map((half) => f.local(at.loadF32x4(STATISTICS.factor + half)));
          const row = f.local(scores.add(column));
          f.forRange(0, keys, 1, () => {
            factors.forEach((factor, i) =>
              f.store(row, row.loadF32x4(16 * i).multiply(factor), 16 * i)
            );
            f.set(row, row.add(SCORE_ROW));
          });
        });
        const saved = word.logSums.add(item.multiply(word.logSumStep));
        f.copyMemory(saved, scratch.add(STATISTICS.sum), count.shiftLeft(2));
      });
    }),
});

/**
 * Scratch memory per thread for {@linkcode softmaxGradientOfHeads}: its parts and total, in bytes.
 */
export function gradientScratch(
  headSize: number,
): Readonly<Record<"y" | "dy" | "deltas" | "logSums" | "bytes", number>> {
  const rows = QUERIES * paddedHead(headSize) * 4;
  return {
    y: 0,
    dy: rows,
    deltas: 2 * rows,
    logSums: 2 * rows + SCORE_ROW,
    bytes: 2 * rows + 2 * SCORE_ROW,
  };
}

/**
 * Turns scores into weights, and dO·Vᵀ into the gradient of the scores. Work items are key heads;
 * arguments are the address of the scores, the strides in bytes between heads and to dO·Vᵀ, a
 * block, and for y and dy the address and the strides in bytes between heads and rows.
 */
export const softmaxGradientOfHeads = (headSize: number, relaxedSimd: boolean): WasmKernel => ({
  key: `softmax gradient of attention, heads of ${headSize}${relaxedSimd ? " relaxed" : ""}`,
  emit: () =>
    emitKernel({ relaxedSimd }, (f, { words, start, end, scratch }, module) => {
      const head = paddedHead(headSize);
      const loadQueries = defineLoadRows(module, headSize, head, QUERIES);
      const softmaxGradient = defineSoftmaxGradient(module);
      const word = loadWords(f, words, [
        ...["scores", "step", "distance", ...BLOCK_WORDS] as const,
        ...["y", "yStep", "yToken", "dy", "dyStep", "dyToken"] as const,
      ]);
      const { keys, count, left, right, shift } = word;
      const parts = gradientScratch(headSize);
      const at = (part: keyof typeof parts) => f.local(scratch.add(parts[part]));
      const [y, dy, deltas, logSums] = [at("y"), at("dy"), at("deltas"), at("logSums")];
      f.forRange(start, end, 1, (item) => {
        const load = (to: I32, from: I32, step: I32, token: I32): void => {
          f.local(f.call(loadQueries, to, from.add(item.multiply(step)), token, count));
        };
        load(y, word.y, word.yStep, word.yToken);
        load(dy, word.dy, word.dyStep, word.dyToken);
        multiplyRows(f, head, dy, y, deltas);
        f.clearMemory(logSums, I32.of(SCORE_ROW));
        const saved = word.logSums.add(item.multiply(word.logSumStep));
        f.copyMemory(logSums, saved, count.shiftLeft(2));
        const scores = f.local(word.scores.add(item.multiply(word.step)));
        const products = scores.add(word.distance);
        const block = [keys, count, left, right, shift] as const;
        f.callStatement(softmaxGradient, scores, products, logSums, deltas, I32.of(1), ...block);
      });
    }),
});

/**
 * Sets the flag of a key head in which a tensor has non-finite elements; the first of several
 * tensors clears it. Work items are key heads.
 */
export const checkKernel = (headSize: number, relaxedSimd: boolean): WasmKernel => ({
  key: `check heads of ${headSize}${relaxedSimd ? " relaxed" : ""}`,
  emit: () =>
    emitKernel({ relaxedSimd }, (f, { words, start, end, scratch }, module) => {
      const load = defineLoadRows(module, headSize, paddedHead(headSize), QUERIES);
      const word = loadWords(f, words, [
        ...["flags", "isFirst", "x", "xBatch", "xToken", "xHead"] as const,
        ...["tokens", "keyHeads", "group"] as const,
      ]);
      f.forRange(start, end, 1, (item) => {
        const batch = f.local(item.divide(word.keyHeads));
        const head = f.local(item.remainder(word.keyHeads).multiply(word.group));
        const flag = f.local(word.flags.add(item.shiftLeft(2)));
        f.if(word.isFirst, () => f.store(flag, I32.of(0)));
        f.forRange(0, word.group, 1, (member) => {
          const place = batch.multiply(word.xBatch).add(head.add(member).multiply(word.xHead));
          const rows = f.local(word.x.add(place));
          f.forRange(0, word.tokens, QUERIES, (token) => {
            const count = f.local(word.tokens.subtract(token).min(I32.of(QUERIES)));
            const check = f.local(f.call(load, scratch, rows, word.xToken, count));
            f.if(check.equal(0).isZero(), () => f.store(flag, I32.of(1)));
            f.set(rows, rows.add(word.xToken.multiply(QUERIES)));
          });
        });
      });
    }),
});
