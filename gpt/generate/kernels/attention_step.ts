/** A decoding step of attention: one new token per sequence attends to a KV cache. @module */

import { runFirst } from "../../../tensor/fast_paths.ts";
import { isGradEnabled, type Tensor } from "../../../tensor/mod.ts";
import { fusedAttentionStep } from "./fused_attention_step.ts";

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

/**
 * Applies rotary embedding and QK norm to one token per sequence, mixes an embedding into its
 * values, appends keys and values to the KV cache, and attends to it, if there is a fast path for it.
 *
 * @returns `[B, 1, H, D]`; or `null` if there is none for the device and the layout, and nothing was
 * done: then compose `rotary`, `rmsNorm`, `copyInto` and `attention`.
 */
export function attentionStep(step: AttentionStep): Tensor | null {
  const { device } = step.queries;
  if (isGradEnabled() || device.kind === "cpu") return null;
  return runFirst("attention step", [fusedAttentionStep], step, device, () => null);
}
