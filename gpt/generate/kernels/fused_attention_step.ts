/** A decoding step of attention in one kernel. @module */

import { viewAs, type WebGpuDevice } from "../../../tensor/device.ts";
import type { Path } from "../../../tensor/fast_paths.ts";
import { attentionWork, LOG2_E, UNLIMITED } from "../../../tensor/ops/attention/problem.ts";
import { QuantizedMatrix } from "../../../tensor/mod.ts";
import { FLOAT32_EPSILON } from "../../../tensor/ops/rows.ts";
import { allocate, type Tensor } from "../../../tensor/tensor.ts";
import type { AttentionStep } from "./attention_step.ts";
import { attentionStepKernel } from "./attention_step_kernel.ts";
import { readsAsVectors } from "./fused_linears.ts";

/** Larger heads would not fit into a thread's registers. */
const MAX_HEAD_SIZE = 128;

/** With it, decoding a token of 4 layers takes 32 dispatches instead of 52. */
export const fusedAttentionStep: Path<AttentionStep, WebGpuDevice, Tensor | null> = {
  name: "one kernel",
  refuses: (step, device) => {
    const { queries, keys, values, cos, sin, embedding, cachedKeys, cachedValues, position } = step;
    const [, tokens, , headSize] = queries.shape as [number, number, number, number];
    const read = [queries, keys, values, cos, sin, cachedKeys, cachedValues];
    const gate = embedding === null ? [] : [embedding.gate];
    const table = embedding === null ? [] : [embedding.table];
    const suits = tokens === 1 && position < cachedKeys.shape[1]! && headSize % 8 === 0 &&
      headSize <= MAX_HEAD_SIZE && headSize > 0 &&
      table.every((x) => !(x instanceof QuantizedMatrix)) &&
      [...read, ...table].every((x) => readsAsVectors(device, x)) &&
      gate.every(({ dtype }) => dtype === "float32") &&
      [queries, keys, values, cos, sin, ...gate, ...table].every((x) => x.isContiguous) &&
      [keys, values, ...gate].every(({ allocation }) => allocation === queries.allocation) &&
      sin.allocation === cos.allocation && cachedKeys.allocation !== cachedValues.allocation &&
      cachedKeys.strides.join() === cachedValues.strides.join() && cachedKeys.strides[3] === 1 &&
      cachedKeys.strides.every((stride, axis) => axis === 3 || stride % 4 === 0) &&
      (embedding?.ids.isContiguous ?? true);
    return suits
      ? null
      : "it has several tokens, or operands that cannot be read as vectors of floats";
  },
  run: (step, device) => {
    const { queries, keys, values, cos, sin, embedding, cachedKeys, cachedValues } = step;
    const { position, window, scale } = step;
    const [batch, , heads, headSize] = queries.shape as [number, number, number, number];
    const keyHeads = keys.shape[2]!;
    const y = allocate(device, { shape: queries.shape, dtype: "float32" }, "attention step");
    const [cacheBatch, cacheToken, cacheHead] = cachedKeys.strides as [number, number, number];
    const begin = window < 0 ? 0 : Math.max(0, position - window);
    const seen = (cached: Tensor) =>
      viewAs(cached, [batch, position - begin, keyHeads, headSize], cached.strides);
    const fours = [
      ...[queries, keys, values, cos, sin, cachedKeys, cachedValues].map(({ offset }) => offset),
      cacheBatch,
      cacheHead,
      cacheToken,
    ].map((place) => place / 4);
    device.dispatch(
      attentionStepKernel(device, headSize, embedding !== null),
      [
        queries,
        cos,
        cachedKeys,
        cachedValues,
        ...(embedding === null ? [] : [embedding.table, embedding.ids]),
        y,
      ].map(({ allocation }) => allocation),
      {
        integers: [
          ...fours,
          position,
          begin,
          heads / keyHeads,
          embedding?.gate.offset ?? 0,
          embedding?.ids.offset ?? 0,
          (embedding?.table.offset ?? 0) / 4,
        ],
        floats: [FLOAT32_EPSILON, LOG2_E * scale, embedding?.scale ?? 0],
      },
      [heads, batch],
      () =>
        attentionWork(
          "attention step",
          {
            batch,
            heads,
            keyHeads,
            headSize,
            queries: 1,
            keys: position + 1,
            scale: 1,
            left: window < 0 ? UNLIMITED : window,
            right: 0,
          },
          2,
          [queries, keys, values, y, seen(cachedKeys), seen(cachedValues)],
        ),
    );
    for (const { storage } of [cachedKeys, cachedValues]) storage.noteChange();
    return y;
  },
};
