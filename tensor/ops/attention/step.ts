/** A step of decoding: one new token of each sequence attends to those in a cache. @module */

import { viewAs } from "../../apply.ts";
import type { WebGpuDevice, WgslKernel } from "../../device.ts";
import { isGradEnabled } from "../../grad_mode.ts";
import { allocate, type Tensor } from "../../tensor.ts";
import { attentionStepKernel, stepMemory, type StepVariant } from "./step_wgsl.ts";
import { attentionWork, LOG2_E, UNLIMITED } from "./problem.ts";
import { FLOAT32_EPSILON } from "../rows.ts";

/** What {@linkcode attentionStep} works on, of type float32 unless said. */
export interface AttentionStep {
  /** `[B, 1, H, D]`, as they were projected: neither normalised nor turned. */
  readonly queries: Tensor;
  /** `[B, 1, Hkv, D]`, likewise. */
  readonly keys: Tensor;
  /** `[B, 1, Hkv, D]` */
  readonly values: Tensor;
  /** The cosines of the rotary angles at the new position, `[1, 1, D / 2]`. */
  readonly cos: Tensor;
  /** Their sines. */
  readonly sin: Tensor;
  /** What is mixed into the values, if anything is. */
  readonly embedding: ValueEmbedding | null;
  /** The keys of earlier tokens, normalised and turned, `[B, capacity, Hkv, D]`. */
  readonly cachedKeys: Tensor;
  /** The values of earlier tokens, in the same layout. */
  readonly cachedValues: Tensor;
  /** How many tokens the cache holds: where the new one goes. */
  readonly position: number;
  /** How many keys before its own position a query sees; −1 for all of them. */
  readonly window: number;
  /** What scores are multiplied by. */
  readonly scale: number;
}

/** An embedding of tokens that is mixed into their values: `value + scale · sigmoid(gate) · row`. */
export interface ValueEmbedding {
  /** `[vocabulary, Hkv · D]` */
  readonly table: Tensor;
  /** The new tokens, `int32 [B, 1]`. */
  readonly ids: Tensor;
  /** `[B, 1, Hkv]` */
  readonly gate: Tensor;
  /** What the gate is multiplied by. */
  readonly scale: number;
}

/** Larger heads would not fit into the registers of a thread. */
const LARGEST_HEAD = 128;
/** Threads of a workgroup, as far as its memory allows. */
const MAX_THREADS = 64;

const kernels = new Map<string, WgslKernel>();

/**
 * Normalises and turns the queries and keys of one token per sequence, mixes an embedding into its
 * values, adds keys and values to a cache, and attends to all that is in it then.
 *
 * That is one kernel on a GPU, for operands that lie as they do in decoding. Where it is more, it is
 * the caller's to compose: `rotaryNorm`, `copyInto` and `attention`.
 *
 * @returns `[B, 1, H, D]`; or `null` where there is no such kernel, and then nothing was done.
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

/** The GPU, if the operands lie there so that one kernel can do it. */
function whereOneKernelDoes(step: AttentionStep): WebGpuDevice | null {
  const { queries, keys, values, cos, sin, embedding, cachedKeys, cachedValues, position } = step;
  const { device } = queries;
  if (device.kind !== "webgpu" || isGradEnabled()) return null;
  const [, tokens, , headSize] = queries.shape as [number, number, number, number];
  const limit = device.limits.maxStorageBufferBindingSize;
  const read = [queries, keys, values, cos, sin, cachedKeys, cachedValues];
  const gate = embedding === null ? [] : [embedding.gate];
  const table = embedding === null ? [] : [embedding.table];
  const doesFit = tokens === 1 && position < cachedKeys.shape[1]! && headSize % 8 === 0 &&
    headSize <= LARGEST_HEAD && headSize > 0 &&
    [...read, ...gate, ...table].every(({ dtype }) => dtype === "float32") &&
    [...read, ...table].every(({ offset, allocation }) =>
      offset % 4 === 0 && allocation.bytes <= limit
    ) &&
    [queries, keys, values, cos, sin, ...gate, ...table].every((x) => x.isContiguous) &&
    [keys, values, ...gate].every(({ allocation }) => allocation === queries.allocation) &&
    sin.allocation === cos.allocation && cachedKeys.allocation !== cachedValues.allocation &&
    cachedKeys.strides.join() === cachedValues.strides.join() && cachedKeys.strides[3] === 1 &&
    cachedKeys.strides.every((stride, axis) => axis === 3 || stride % 4 === 0) &&
    (embedding?.ids.isContiguous ?? true);
  return doesFit ? device : null;
}
