/** The KV cache of nanochat's model. @module */

import { copyInto, type Device, type FloatType, Tensor } from "../../tensor/mod.ts";
import { allocate } from "../../tensor/tensor.ts";
import { TypeError } from "../../tensor/errors.ts";
import { type GPTConfig, headSize } from "./config.ts";
import { KVCache } from "./kv_cache.ts";

/** Keys and values, and the normed embeddings of tokens: each is smeared into the next one's. */
export class SmearCache extends KVCache {
  /** `[batch, capacity + 1, width]`; the last row is zero. */
  readonly #embeddings: Tensor;

  /** Allocates memory for the tokens. @throws {RangeError} If the device is out of memory. */
  constructor(
    device: Device,
    config: GPTConfig,
    batchSize: number,
    capacity: number,
    dtype: FloatType,
  ) {
    const shape = { layers: config.nLayer, keyHeads: config.nKvHead, headSize: headSize(config) };
    super(device, shape, batchSize, capacity, dtype);
    using _ifItFails = device.scope();
    try {
      const rows = [batchSize, capacity + 1, config.nEmbd];
      const embeddings = allocate(device, { shape: rows, dtype }, "a KV cache");
      const last = embeddings.slice(1, capacity, capacity + 1);
      copyInto(Tensor.zeros(device, last.shape, { dtype }), last);
      this.#embeddings = embeddings.keep();
    } catch (error) {
      for (const tensor of super.tensors) tensor.dispose();
      throw error;
    }
  }

  /** The normed embedding of the last token, `[batch, 1, width]`. */
  get previousEmbedding(): Tensor {
    const row = this.position === 0 ? this.capacity : this.position - 1;
    return this.#embeddings.slice(1, row, row + 1);
  }

  /** Advances by tokens that all layers have appended, with the normed embeddings of these. */
  advanceWith(embeddings: Tensor): void {
    const tokens = embeddings.shape[1]!;
    copyInto(embeddings.detach(), this.#embeddings.slice(1, this.position, this.position + tokens));
    this.advance(tokens);
  }

  protected override get tensors(): readonly Tensor[] {
    return [...super.tensors, this.#embeddings];
  }
}

/** A cache that {@linkcode GPT.createCache} made. @throws {TypeError} If another model made it. */
export function asSmearCache(cache: KVCache): SmearCache {
  if (cache instanceof SmearCache) return cache;
  throw new TypeError(
    "Cannot run the model: wanted a KV cache that its createCache made, got one of another model",
  );
}
