/** KV cache. @module */

import { RangeError } from "../../tensor/errors.ts";
import { copyInto, type Device, type FloatType, noGrad, Tensor } from "../../tensor/mod.ts";
import { type GPTConfig, headSize } from "./config.ts";

/** Keys and values of a layer, `[batch, tokens, heads, head size]` each. */
export interface KeysAndValues {
  /** The keys. */
  readonly keys: Tensor;
  /** The values. */
  readonly values: Tensor;
}

/** Keys and values of all layers for the tokens so far, so that each is computed only once. */
export class KVCache {
  /** Number of sequences. */
  readonly batchSize: number;
  /** Capacity in tokens. */
  readonly capacity: number;
  /** Number of tokens in the cache. */
  position = 0;
  readonly #layers: readonly KeysAndValues[];
  /** The normed embeddings of the tokens, `[batch, capacity + 1, width]`; the last row stays zero. */
  readonly #embeddings: Tensor;

  /** Allocates memory for the tokens. @throws {RangeError} If the device is out of memory. */
  constructor(
    device: Device,
    config: GPTConfig,
    batchSize: number,
    capacity: number,
    dtype: FloatType = "float32",
  ) {
    this.batchSize = batchSize;
    this.capacity = capacity;
    // Heads first, so that attention reads contiguous memory.
    const shape = [batchSize, config.nKvHead, capacity, headSize(config)];
    const reserve = () => Tensor.zeros(device, shape, { dtype }).transpose(1, 2);
    using _ifItFails = device.scope();
    this.#layers = Array.from(
      { length: config.nLayer },
      () => ({ keys: reserve(), values: reserve() }),
    );
    this.#embeddings = Tensor.zeros(device, [batchSize, capacity + 1, config.nEmbd], { dtype });
    for (const tensor of this.#tensors) tensor.keep();
  }

  /** The normed embedding of the last token, `[batch, 1, width]`, to smear the next one with. */
  get previousEmbedding(): Tensor {
    const row = this.position === 0 ? this.capacity : this.position - 1;
    return this.#embeddings.slice(1, row, row + 1);
  }

  get #tensors(): Tensor[] {
    return [this.#embeddings, ...this.#layers.flatMap(({ keys, values }) => [keys, values])];
  }

  /**
   * Appends the keys and values of new tokens in one layer.
   *
   * @param keys `[batch, tokens, heads, head size]`
   * @param values The same shape.
   * @returns Keys and values of all tokens: views of the cache.
   * @throws {RangeError} If they exceed the capacity.
   */
  extend(layer: number, keys: Tensor, values: Tensor): KeysAndValues {
    const end = this.position + keys.shape[1]!;
    if (end > this.capacity) {
      throw new RangeError(
        `Cannot read ${keys.shape[1]} tokens after ${this.position}: wanted at most ` +
          `${this.capacity} in all, the cache's capacity`,
      );
    }
    const all = this.#layers[layer]!;
    copyInto(keys, all.keys.slice(1, this.position, end));
    copyInto(values, all.values.slice(1, this.position, end));
    return { keys: all.keys.slice(1, 0, end), values: all.values.slice(1, 0, end) };
  }

  /** Keys and values of a layer, with room for as many tokens as the capacity. */
  buffers(layer: number): KeysAndValues {
    return this.#layers[layer]!;
  }

  /** Advances by tokens that all layers have appended, with the normed embeddings of these. */
  advance(embeddings: Tensor): void {
    const end = this.position + embeddings.shape[1]!;
    copyInto(embeddings, this.#embeddings.slice(1, this.position, end));
    this.position = end;
  }

  /** Drops all but the first tokens. */
  rewind(position: number): void {
    this.position = position;
  }

  /**
   * Copies the tokens of a cache with one sequence, up to a position of it, to every sequence of
   * this empty one, so that a prompt is prefilled once for many samples.
   *
   * @throws {RangeError} If this cache is not empty, or too small.
   */
  copyFrom(other: KVCache, position: number = other.position): void {
    if (this.position !== 0 || position > this.capacity) {
      throw new RangeError(
        `Cannot copy ${position} tokens to a cache of ${this.capacity} with ${this.position} in it: ` +
          `wanted an empty one with room`,
      );
    }
    noGrad(() => {
      const sources = other.#tensors;
      for (const [i, tensor] of this.#tensors.entries()) {
        const target = tensor.slice(1, 0, position);
        copyInto(sources[i]!.slice(1, 0, position).expand(target.shape), target);
      }
    });
    this.position = position;
  }

  /** Frees the tensors. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}
