/** The interface that generation needs of a model. @module */

import type { Device, Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";

/** A model that predicts the next token and supports a KV cache. */
export interface LanguageModel {
  /** The model's device. */
  readonly device: Device;
  /** Vocabulary size, and training length in tokens. */
  readonly config: { readonly vocabSize: number; readonly sequenceLen: number };
  /** Maximum sequence length in tokens. */
  readonly maximumLength: number;
  /** Creates an empty KV cache. @throws {RangeError} If the device is out of memory. */
  createCache(batchSize: number, capacity: number): KVCache;
  /**
   * Runs the model on tokens. With a cache, they follow those in it and are appended.
   *
   * @param ids `int32 [batch, tokens]`
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`, or `[batch, 1, vocabSize]`
   * with `lastOnly`.
   */
  forward(
    ids: Tensor,
    targets?: undefined,
    options?: { readonly cache?: KVCache; readonly lastOnly?: boolean },
  ): Tensor;
}
