/** A decoding step of attention: one new token per sequence attends to a KV cache. @module */

import { viewAs } from "../../apply.ts";
import type { WebGpuDevice, WgslKernel } from "../../device.ts";
import { readsAsVectors } from "../../devices/webgpu/binding_ranges.ts";
import { isGradEnabled } from "../../grad_mode.ts";
import { allocate, type Tensor } from "../../tensor.ts";
import { attentionStepKernel, stepMemory, type StepVariant } from "./step_wgsl.ts";
import { attentionWork, LOG2_E, UNLIMITED } from "./problem.ts";
import { FLOAT32_EPSILON } from "../rows.ts";

/** Operands of {@linkcode attentionStep}, of dtype float32 unless stated. */
export interface AttentionStep {
  /** Projected queries, `[B, 1, H, D]`, before rotary embedding and norm. */
  readonly queries: Tensor;
  /** Projected keys, `[B, 1, Hkv, D]`, likewise. */
  readonly keys: Tensor;
  /** Projected values, `[B, 1, Hkv, D]`. */
  readonly values: Tensor;
  /** Cosines of the rotary angles at the new position, `[1, 1, D / 2]`. */
  readonly cos: Tensor;
  /** Sines of the rotary angles. */
  readonly sin: Tensor;
  /** The value embedding, if any. */
  readonly embedding: ValueEmbedding | null;
  /** Cached keys, after rotary embedding and norm, `[B, capacity, Hkv, D]`. */
  readonly cachedKeys: Tensor;
  /** Cached values, in the same layout. */
  readonly cachedValues: Tensor;
  /** Number of cached tokens: the position of the new one. */
  readonly position: number;
  /** Sliding window: the number of earlier keys a query attends to; −1 for all. */
  readonly window: number;
  /** Scale of the scores q·k. */
  readonly scale: number;
}

/** A token embedding that is mixed into the values: `value + scale · sigmoid(gate) · row`. */
export interface ValueEmbedding {
  /** The table, `[vocabulary, Hkv · D]`. */
  readonly table: Tensor;
  /** The new tokens, `int32 [B, 1]`. */
  readonly ids: Tensor;
  /** The gate, `[B, 1, Hkv]`. */
  readonly gate: Tensor;
  /** Scale of the gate. */
  readonly scale: number;
}

/** Larger heads would not fit into a thread's registers. */
const MAX_HEAD_SIZE = 128;
const MAX_THREADS = 64;

const kernels = new Map<string, WgslKernel>();

/**
 * Applies rotary embedding and QK norm to one token per sequence, mixes an embedding into its
 * values, appends keys and values to the KV cache, and attends to it, in one kernel.
 *
 * @returns `[B, 1, H, D]`; or `null` if there is no such kernel for the device and the layout, and
 * nothing was done: then compose `rotaryNorm`, `copyInto` and `attention`.
 */
export function attentionStep(step: AttentionStep): Tensor | null {
  const device = whereOneKernelDoes(step);
  if (device === null) return null;
  const { queries, keys, values, cos, sin, embedding, cachedKeys, cachedValues } = step;
  const { position, window, scale } = step;
  const [batch, , heads, headSize] = queries.shape as [number, number, number, number];
  const keyHeads = keys.shape[2]!;
  for (const { storage } of [cachedKeys, cachedValues]) storage.beforeChange();
  const y = allocate(device, { shape: queries.shape, dtype: "float32" }, "attention step");
  const [cacheBatch, cacheToken, cacheHead] = cachedKeys.strides as [number, number, number];
  const begin = window < 0 ? 0 : Math.max(0, position - window);
  const seen = (cached: Tensor) =>
    viewAs(cached, [batch, position - begin, keyHeads, headSize], cached.strides);
  const fours = [
    ...[queries, keys, values, cos, sin, cachedKeys, cachedValues].map(({ offset }) => offset),
    ...[cacheBatch, cacheHead, cacheToken],
  ].map((place) => place / 4);
  device.dispatch(
    kernelFor(device, headSize, embedding !== null),
    [
      ...[queries, cos, cachedKeys, cachedValues],
      ...(embedding === null ? [] : [embedding.table, embedding.ids]),
      y,
    ].map(({ allocation }) => allocation),
    {
      integers: [
        ...[...fours, position, begin, heads / keyHeads],
        ...(embedding === null
          ? []
          : [embedding.gate.offset, embedding.ids.offset, embedding.table.offset / 4]),
      ],
      floats: [
        ...[FLOAT32_EPSILON, LOG2_E * scale],
        ...(embedding === null ? [] : [embedding.scale]),
      ],
    },
    [heads, batch],
    () =>
      attentionWork(
        "attention step",
        {
          ...{ batch, heads, keyHeads, headSize, queries: 1, keys: position + 1, scale: 1 },
          ...{ left: window < 0 ? UNLIMITED : window, right: 0 },
        },
        2,
        [queries, keys, values, y, seen(cachedKeys), seen(cachedValues)],
      ),
  );
  for (const { storage } of [cachedKeys, cachedValues]) storage.version++;
  return y;
}

function kernelFor(device: WebGpuDevice, headSize: number, embeds: boolean): WgslKernel {
  let threads = MAX_THREADS;
  while (stepMemory({ headSize, threads }) > device.limits.maxComputeWorkgroupStorageSize) {
    threads /= 2;
  }
  const variant: StepVariant = { headSize, threads, embeds };
  const key = `${headSize} ${threads} ${embeds}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) kernels.set(key, kernel = attentionStepKernel(variant));
  return kernel;
}

/** The GPU, if one kernel supports the operands' layout. */
function whereOneKernelDoes(step: AttentionStep): WebGpuDevice | null {
  const { queries, keys, values, cos, sin, embedding, cachedKeys, cachedValues, position } = step;
  const { device } = queries;
  if (device.kind !== "webgpu" || isGradEnabled()) return null;
  const [, tokens, , headSize] = queries.shape as [number, number, number, number];
  const read = [queries, keys, values, cos, sin, cachedKeys, cachedValues];
  const gate = embedding === null ? [] : [embedding.gate];
  const table = embedding === null ? [] : [embedding.table];
  const doesFit = tokens === 1 && position < cachedKeys.shape[1]! && headSize % 8 === 0 &&
    headSize <= MAX_HEAD_SIZE && headSize > 0 &&
    [...read, ...table].every((x) => readsAsVectors(device, x)) &&
    gate.every(({ dtype }) => dtype === "float32") &&
    [queries, keys, values, cos, sin, ...gate, ...table].every((x) => x.isContiguous) &&
    [keys, values, ...gate].every(({ allocation }) => allocation === queries.allocation) &&
    sin.allocation === cos.allocation && cachedKeys.allocation !== cachedValues.allocation &&
    cachedKeys.strides.join() === cachedValues.strides.join() && cachedKeys.strides[3] === 1 &&
    cachedKeys.strides.every((stride, axis) => axis === 3 || stride % 4 === 0) &&
    (embedding?.ids.isContiguous ?? true);
  return doesFit ? device : null;
}
