/** What generation needs of a model. @module */

import type { Device, Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";

/** A model that predicts the next token and can go on from a KV cache. */
export interface LanguageModel {
  /** Where the model lives. */
  readonly device: Device;
  /** The number of tokens it knows, and the length of the sequences that it was trained on. */
  readonly config: { readonly vocabSize: number; readonly sequenceLen: number };
  /** The longest sequence that it can run on, in tokens. */
  readonly maximumLength: number;
  /**
   * Creates an empty KV cache.
   *
   * @param batchSize The number of sequences.
   * @param capacity The number of tokens that fit.
   * @throws {RangeError} If the device has no room.
   */
  createCache(batchSize: number, capacity: number): KVCache;
  /**
   * Runs the model on tokens; those that follow the ones in a cache are added to it.
   *
   * @param ids `int32 [batch, tokens]`
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`.
   */
  forward(ids: Tensor, targets?: undefined, options?: { readonly cache?: KVCache }): Tensor;
}
