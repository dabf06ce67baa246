/** KV cache. @module */

import { RangeError } from "../../tensor/errors.ts";
import { copyInto, type Device, type FloatType, noGrad, Tensor } from "../../tensor/mod.ts";
import { type GPTConfig, headSize } from "./config.ts";

/** A position in a {@linkcode KVCache} to rewind to. The caller disposes of its tensor. */
export interface CacheMark {
  /** Number of tokens in the cache. */
  readonly position: number;
  /** The normed embedding of the last one. */
  readonly previousEmbedding: Tensor | null;
}

/** Keys and values of all layers for the tokens so far, so that each is computed only once. */
export class KVCache {
  /** Number of sequences. */
  readonly batchSize: number;
  /** Capacity in tokens. */
  readonly capacity: number;
  /** Number of tokens in the cache. */
  position = 0;
  /** The normed embedding of the last token, `[batch, 1, width]`, to smear the next one with. */
  previousEmbedding: Tensor | null = null;
  readonly #keys: Tensor[];
  readonly #values: Tensor[];

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
    const reserve = () =>
      Array.from(
        { length: config.nLayer },
        () => Tensor.zeros(device, shape, { dtype }).transpose(1, 2),
      );
    using _ifItFails = device.scope();
    this.#keys = reserve();
    this.#values = reserve();
    for (const each of [...this.#keys, ...this.#values]) each.keep();
  }

  /**
   * Appends the keys and values of new tokens in one layer.
   *
   * @param keys `[batch, tokens, heads, head size]`
   * @param values The same shape.
   * @returns Keys and values of all tokens: views of the cache.
   * @throws {RangeError} If they exceed the capacity.
   */
  extend(layer: number, keys: Tensor, values: Tensor): { keys: Tensor; values: Tensor } {
    const end = this.position + keys.shape[1]!;
    if (end > this.capacity) {
      throw new RangeError(
        `Cannot read ${keys.shape[1]} tokens after ${this.position}: wanted at most ` +
          `${this.capacity} in all, the cache's capacity`,
      );
    }
    const [allKeys, allValues] = [this.#keys[layer]!, this.#values[layer]!];
    copyInto(keys, allKeys.slice(1, this.position, end));
    copyInto(values, allValues.slice(1, this.position, end));
    return { keys: allKeys.slice(1, 0, end), values: allValues.slice(1, 0, end) };
  }

  /** Keys and values of a layer, `[batch, capacity, heads, head size]`. */
  buffers(layer: number): { readonly keys: Tensor; readonly values: Tensor } {
    return { keys: this.#keys[layer]!, values: this.#values[layer]! };
  }

  /** Advances by tokens that all layers have appended; the last embedding is kept. */
  advance(tokens: number, lastEmbedding: Tensor): void {
    this.rewind({ position: this.position + tokens, previousEmbedding: lastEmbedding });
  }

  /** Marks the current position. */
  mark(): CacheMark {
    const { position, previousEmbedding } = this;
    return { position, previousEmbedding: previousEmbedding?.alias() ?? null };
  }

  /** Goes to a mark: drops the tokens after it. */
  rewind({ position, previousEmbedding }: CacheMark): void {
    this.position = position;
    this.previousEmbedding?.dispose();
    this.previousEmbedding = previousEmbedding?.alias() ?? null;
  }

  /**
   * Copies the tokens of a cache with one sequence to every sequence of this empty one, so that a
   * prompt is prefilled once for many samples.
   *
   * @throws {RangeError} If this cache is not empty, or too small.
   */
  copyFrom(other: KVCache): void {
    if (this.position !== 0 || other.position > this.capacity) {
      throw new RangeError(
        `Cannot copy ${other.position} tokens to a cache of ${this.capacity} with ` +
          `${this.position} in it: wanted an empty one with room`,
      );
    }
    noGrad(() => {
      const copyAll = (from: Tensor[], to: Tensor[]) =>
        from.forEach((source, layer) => {
          const read = source.slice(1, 0, other.position);
          const target = to[layer]!.slice(1, 0, other.position);
          copyInto(read.expand(target.shape), target);
        });
      copyAll(other.#keys, this.#keys);
      copyAll(other.#values, this.#values);
      if (other.previousEmbedding !== null) {
        const [, , width] = other.previousEmbedding.shape;
        const repeated = other.previousEmbedding.expand([this.batchSize, 1, width!]);
        this.previousEmbedding = repeated.contiguous().alias();
      }
    });
    this.position = other.position;
  }

  /** Frees the tensors. */
  dispose(): void {
    for (const tensor of [...this.#keys, ...this.#values]) tensor.dispose();
    this.previousEmbedding?.dispose();
    this.previousEmbedding = null;
  }
}
