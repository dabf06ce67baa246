/**
 * Attention on the CPU for a few queries against many keys, as in decoding: each query reads the KV
 * cache once, so memory bandwidth decides.
 *
 * @module
 */

import { allocateView } from "../../device.ts";
import { floatBits } from "../../kernel/emitter.ts";
import type { FastPath } from "../../fast_paths.ts";
import type { Buffer, Float, Int, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { attentionWork, ROW_MULTIPLE } from "../../ops/attention/problem.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import {
  isInPair,
  MASK_WORDS,
  softmaxOfRow,
  sumOfLanes,
  vectorAt,
  type VisibleKeys,
  visibleKeys,
} from "./attention_softmax.ts";

/** Maximum number of queries for which this beats matmuls. */
const MAX_DECODE_QUERIES = 4;
/** Below this many operations, another thread costs more than it gains. */
export const OPERATIONS_PER_THREAD = 200_000;

/** Elements of a value whose sums are kept in registers. */
const STRIP = 64;

const MANY_QUERIES = `it has more than ${MAX_DECODE_QUERIES} queries`;

/** A few queries, one by one. */
export const attentionOneByOne: FastPath<"attention", "cpu"> = {
  operation: "attention",
  name: "one by one",
  device: "cpu",
  gain: { factor: 1.4, of: "16 × 4 heads, 1 query, 160 keys, against matmuls; 1 × 4 heads 2.36" },
  refuses: ({ queries, headSize, scale }) => {
    if (queries > MAX_DECODE_QUERIES) return MANY_QUERIES;
    if (headSize % 4 !== 0) return "the head size is no multiple of 4";
    return Math.fround(scale) === 0 ? "the scale is 0" : null;
  },
  run: (call, device) => {
    const { q, k, v, y, logSums } = call.views;
    const { batch, queries, keys, heads, keyHeads, headSize, left, right, scale } = call;
    const items = batch * heads * queries;
    const row = Math.ceil(keys / ROW_MULTIPLE) * ROW_MULTIPLE;
    const scores = allocateView(device, "float32", [items, row], "the scores of attention");
    const strides = [q, k, v, y].flatMap((view) => view.strides.slice(0, 3));
    const sizes = [queries, heads, heads / keyHeads, row];
    const words = [...strides, ...sizes, keys, left, right, floatBits(scale)];
    const operations = 4 * headSize * Math.min(keys, left + right + 1);
    runKernel(
      device,
      oneByOne(headSize, elementOf(q.dtype)),
      [q, k, v, y, logSums, scores],
      words,
      items,
      {
        grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
        work: () => attentionWork("attention", call, 2, [q, k, v, y, logSums]),
      },
    );
    device.free(scores.allocation);
  },
};

const NAMES = ["q", "k", "v", "y"] as const;
const AXES = ["Batch", "Token", "Head"] as const;

/** Work items are queries of a head. Those of a thread have their scores in the row of its first. */
const oneByOne = defineKernels((headSize: number, stored: Element) =>
  defineKernel(
    {
      key: `attention of few queries in ${stored}, heads of ${headSize}`,
      buffers: { q: stored, k: stored, v: stored, y: stored, logSums: "f32", scores: "f32" },
      writes: ["y", "logSums", "scores"],
      arguments: [
        ...NAMES.flatMap((name) => AXES.map((axis) => `${name}${axis}` as const)),
        ...["queries", "heads", "group", "row", ...MASK_WORDS] as const,
      ],
      spread: "ranges",
    },
    (k, firstItem, buffers, words) => {
      const { queries, heads, group, row } = words;
      const scores = buffers.scores.from(firstItem.multiply(row));
      k.loop(firstItem, k.end, (item) => {
        const ofHead = k.let(item.divide(queries));
        const query = k.let(item.remainder(queries));
        const [batch, head] = [k.let(ofHead.divide(heads)), k.let(ofHead.remainder(heads))];
        const keyHead = k.let(head.divide(group));
        const visible = visibleKeys(k, k.let(words.keys.subtract(queries).add(query)), words);
        const place = (name: typeof NAMES[number], head: Int, token: Int) =>
          buffers[name].from(
            batch.multiply(words[`${name}Batch`]).add(head.multiply(words[`${name}Head`]))
              .add(token.multiply(words[`${name}Token`])),
          );
        const [q, y] = [place("q", head, query), place("y", head, query)];
        const [keys, values] = [
          place("k", keyHead, visible.first),
          place("v", keyHead, visible.first),
        ];
        const places = { q, keys, values, y, scores };
        const strides = { key: words.kToken, value: words.vToken };
        buffers.logSums.store(item, attendQuery(k, headSize, places, strides, visible));
      });
    },
  )
);

/** Where a query, the first visible key and its value, the result and a row of scores are. */
type Places =
  & Readonly<Record<"q" | "keys" | "values" | "y", Buffer<Element>>>
  & { readonly scores: Buffer<"f32"> };

/**
 * Attention of one query of a head to the visible keys.
 *
 * @param strides From a key to the next one, and likewise for values.
 * @returns The log-sum-exp of the scores.
 */
export function attendQuery(
  k: KernelBuilder,
  headSize: number,
  { q, keys, values, y, scores }: Places,
  strides: Readonly<Record<"key" | "value", Int>>,
  visible: VisibleKeys,
): Float {
  const weights = scores.from(visible.first);
  const count = k.let(visible.last.subtract(visible.first));

  const multiplyKeys = (numbers: readonly Int[]) => {
    const lines = numbers.map((number) => keys.from(number.multiply(strides.key)));
    // Two sums per key are enough to hide the latency of additions.
    const sums = lines.map(() => [k.variable(k.vector(0)), k.variable(k.vector(0))] as const);
    // Both vectors of a pair of one key, then those of the next one: so all sums stay in registers.
    for (let first = 0; first < headSize; first += 8) {
      const columns = [first, first + 4].filter((at) => at < headSize);
      const fours = columns.map((at) => k.let(vectorAt(q, at, headSize)));
      lines.forEach((line, i) =>
        columns.forEach((at, half) => {
          const sum = sums[i]![half]!;
          k.set(sum, vectorAt(line, at, headSize).multiplyAdd(fours[half]!, sum));
        })
      );
    }
    sums.forEach(([even, odd], i) => weights.store(numbers[i]!, sumOfLanes(k, even.add(odd))));
  };
  // Four keys at a time, a quarter of all keys apart; the next four are their neighbors. So the
  // keys are read as four sequential streams, which suits the hardware prefetcher.
  const apart = k.let(count.divide(4));
  k.loop(
    0,
    apart,
    (key) => multiplyKeys([0, 1, 2, 3].map((i) => k.let(apart.multiply(i).add(key)))),
  );
  k.loop(k.let(apart.multiply(4)), count, (key) => multiplyKeys([key]));

  const logSum = k.let(softmaxOfRow(k, scores, visible));

  // Sums of a strip of columns stay in registers.
  for (let first = 0; first < headSize; first += STRIP) {
    const end = Math.min(first + STRIP, headSize);
    const columns = Array.from({ length: (end - first) / 4 }, (_, i) => first + 4 * i);
    const sums = columns.map(() => k.variable(k.vector(0)));
    const at = k.variable(k.int(0));
    k.loop(0, count, (key) => {
      const weight = k.let(weights.loadSplat(key));
      const value = values.from(at);
      sums.forEach((sum, i) =>
        k.set(sum, vectorAt(value, columns[i]!, end).multiplyAdd(weight, sum))
      );
      k.set(at, at.add(strides.value));
    });
    columns.forEach((at, i) => {
      if (!isInPair(y, at, end)) y.storeVector(at, sums[i]!);
      else if (at % 8 === 0) y.pair!(at).store(sums[i]!, sums[i + 1]!, false);
    });
  }
  return logSum;
}
