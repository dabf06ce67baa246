/**
 * Attention on the CPU of one new token of each of several sequences, in one kernel: it finds the KV
 * cache of each sequence by a table of places. One by one, two copies and an attention for each of them
 * take longer to launch than to run.
 *
 * @module
 */

import { allocateView, type CpuDevice, type View, viewAs } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { floatBits } from "../../kernel/emitter.ts";
import type { Int } from "../../kernel/language.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { bytesPerElement } from "../../layout.ts";
import {
  attentionWork,
  type CachedAttention,
  ROW_MULTIPLE,
  UNLIMITED,
} from "../../ops/attention/problem.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import { viewBytes } from "../../profile.ts";
import { allocate } from "../../tensor.ts";
import { attendQuery, OPERATIONS_PER_THREAD } from "./attention_decode.ts";
import { visibleKeys } from "./attention_softmax.ts";

const TYPES_DIFFER = "dtypes differ";
const NOT_IN_ROWS = "keys or values do not follow each other in memory";

const isInRows = ({ strides }: View, headSize: number) =>
  strides[1] === headSize && strides[3] === 1;

/** One token of each sequence. */
export const cachedAttention: FastPath<"cached attention", "cpu"> = {
  operation: "cached attention",
  name: "all sequences",
  device: "cpu",
  gain: { factor: 1.76, of: "8 sequences, 4 heads, 160 keys, against one by one" },
  refuses: ({ q, k, v, caches, scale }) => {
    const headSize = q.shape[3]!;
    if (headSize % 4 !== 0) return "the head size is no multiple of 4";
    if (Math.fround(scale) === 0) return "the scale is 0";
    const { dtype } = q;
    if (k.dtype !== dtype || v.dtype !== dtype) return TYPES_DIFFER;
    if (!q.isContiguous || !k.isContiguous || !v.isContiguous) return NOT_IN_ROWS;
    // A loop, as each layer of each step asks this of all sequences.
    for (const { keys, values } of caches) {
      if (keys.dtype !== dtype || values.dtype !== dtype) return TYPES_DIFFER;
      const sameHeads = keys.strides[2] === values.strides[2];
      if (!sameHeads || !isInRows(keys, headSize) || !isInRows(values, headSize)) {
        return NOT_IN_ROWS;
      }
    }
    return null;
  },
  run: (problem, device) => {
    const { q, k, v, caches, left, scale } = problem;
    const [sequences, , heads, headSize] = q.shape as [number, number, number, number];
    const longest = Math.max(...caches.map(({ position }) => position + 1));
    const row = Math.ceil(longest / ROW_MULTIPLE) * ROW_MULTIPLE;
    const items = sequences * heads;
    const y = allocate(device, { shape: q.shape, dtype: q.dtype }, "attention");
    const scores = allocateView(device, "float32", [items, row], "the scores of attention");
    const table = tableOf(device, problem);
    const { keys, values } = caches[0]!;
    const operations = 4 * headSize * Math.min(longest, left + 1);
    runKernel(
      device,
      kernelFor(headSize, elementOf(q.dtype)),
      [q, k, v, keys, values, y, scores, table],
      [heads, heads / k.shape[2]!, row, left, floatBits(scale)],
      items,
      {
        grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
        work: () => workOf(problem, y),
      },
    );
    device.free(scores.allocation);
    device.free(table.allocation);
    for (const { keys, values } of caches) {
      keys.storage.noteChange();
      values.storage.noteChange();
    }
    return y;
  },
};

/** Numbers of a sequence in the table. */
const COLUMNS = 4;

/**
 * For each sequence where its keys and values are, in elements from those of the first one, how many
 * there are, and the distance from a head to the next one. All memory of the device is one.
 */
function tableOf(device: CpuDevice, { caches }: CachedAttention): View {
  const first = caches[0]!;
  const [firstKeys, firstValues] = [device.address(first.keys), device.address(first.values)];
  const bytes = bytesPerElement(first.keys.dtype);
  const sequences = caches.reduce((sum, { keys }) => sum + keys.shape[0]!, 0);
  const numbers = new Int32Array(sequences * COLUMNS);
  let at = 0;
  for (const { keys, values, position } of caches) {
    const keysAt = (device.address(keys) - firstKeys) / bytes;
    const valuesAt = (device.address(values) - firstValues) / bytes;
    for (let i = 0; i < keys.shape[0]!; i++) {
      numbers[at++] = keysAt + i * keys.strides[0]!;
      numbers[at++] = valuesAt + i * values.strides[0]!;
      numbers[at++] = position;
      numbers[at++] = keys.strides[2]!;
    }
  }
  const table = allocateView(device, "int32", [sequences, COLUMNS], "the places of KV caches");
  device.write(table.allocation, 0, numbers);
  return table;
}

/** Work items are heads of a sequence. Heads of a group each append their key, which is the same. */
const kernelFor = defineKernels((headSize: number, stored: Element) =>
  defineKernel(
    {
      key: `cached attention in ${stored}, heads of ${headSize}`,
      buffers: {
        q: stored,
        k: stored,
        v: stored,
        keys: stored,
        values: stored,
        y: stored,
        scores: "f32",
        table: "i32",
      },
      writes: ["keys", "values", "y", "scores"],
      arguments: ["heads", "group", "row", "left", "scale"],
      spread: "ranges",
    },
    (k, firstItem, buffers, { heads, group, row, left, scale }) => {
      const scores = buffers.scores.from(firstItem.multiply(row));
      const size = k.int(headSize);
      k.loop(firstItem, k.end, (item) => {
        const sequence = k.let(item.divide(heads));
        const [keysAt, valuesAt, position, headStride] = Array.from(
          { length: COLUMNS },
          (_, i) => k.let(buffers.table.load(sequence.multiply(COLUMNS).add(i))),
        ) as [Int, Int, Int, Int];
        const keyHead = k.let(item.remainder(heads).divide(group));
        const before = k.let(keyHead.multiply(headStride));
        const keys = buffers.keys.from(k.let(keysAt.add(before)));
        const values = buffers.values.from(k.let(valuesAt.add(before)));

        const keyHeads = heads.divide(group);
        const added = k.let(sequence.multiply(keyHeads).add(keyHead).multiply(headSize));
        const end = k.let(position.multiply(headSize));
        for (let at = 0; at < headSize; at += 4) {
          keys.storeVector(end.add(at), buffers.k.loadVector(added.add(at)));
          values.storeVector(end.add(at), buffers.v.loadVector(added.add(at)));
        }

        const mask = { keys: k.let(position.add(1)), left, right: k.int(0), scale };
        const visible = visibleKeys(k, position, mask);
        const start = k.let(visible.first.multiply(headSize));
        const own = k.let(item.multiply(headSize));
        const places = {
          q: buffers.q.from(own),
          keys: keys.from(start),
          values: values.from(start),
          y: buffers.y.from(own),
          scores,
        };
        attendQuery(k, headSize, places, { key: size, value: size }, visible);
      });
    },
  )
);

function workOf({ q, k, v, caches, left }: CachedAttention, y: View) {
  const [, , heads, headSize] = q.shape as [number, number, number, number];
  const ofSequences = caches.map(({ keys, values, position }) => {
    const number = Math.min(position, left) + 1;
    const read = [keys, values].map((cached) =>
      viewAs(cached, [cached.shape[0]!, number, ...k.shape.slice(2)], cached.strides)
    );
    const batch = keys.shape[0]!;
    const shape = { heads, keyHeads: k.shape[2]!, headSize, queries: 1, keys: number, batch };
    return attentionWork("attention", { ...shape, scale: 1, left: UNLIMITED, right: 0 }, 2, read);
  });
  const sum = (name: "flops" | "bytes") =>
    ofSequences.reduce((total, work) => total + (work[name] ?? 0), 0);
  return { name: "attention", flops: sum("flops"), bytes: sum("bytes") + viewBytes([q, k, v, y]) };
}
