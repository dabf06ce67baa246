/** What a model remembers of the tokens that it has read. @module */

import { RangeError } from "../../tensor/errors.ts";
import { copyInto, type Device, type FloatType, noGrad, Tensor } from "../../tensor/mod.ts";
import { type GPTConfig, headSize } from "./config.ts";

/** How much a {@linkcode KVCache} had read: a place to go back to. Whoever asked for it frees it. */
export interface CacheMark {
  /** How many tokens had been read. */
  readonly position: number;
  /** The normalised embedding of the last of them. */
  readonly previousEmbedding: Tensor | null;
}

/**
 * The keys and values of all layers for the tokens read so far, so that the next token costs one
 * step and not a pass over the whole text.
 */
export class KVCache {
  /** How many sequences are decoded side by side. */
  readonly batchSize: number;
  /** How many tokens fit. */
  readonly capacity: number;
  /** How many tokens have been read. */
  position = 0;
  /** The normalised embedding of the last token, `[batch, 1, width]`, for the smear of the next. */
  previousEmbedding: Tensor | null = null;
  readonly #keys: Tensor[];
  readonly #values: Tensor[];

  /**
   * Reserves memory for `capacity` tokens of `batchSize` sequences.
   *
   * @param dtype The type of the model's activations.
   * @throws {RangeError} If the device has no room.
   */
  constructor(
    device: Device,
    config: GPTConfig,
    batchSize: number,
    capacity: number,
    dtype: FloatType = "float32",
  ) {
    this.batchSize = batchSize;
    this.capacity = capacity;
    // Head by head: attention then reads the memory from end to end, as caches like it.
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
   * Adds the keys and values of the tokens being read, in one layer.
   *
   * @param layer The layer.
   * @param keys `[batch, tokens, heads, head size]`
   * @param values The same shape.
   * @returns The keys and values of all tokens, these included: views into the cache.
   * @throws {RangeError} If they do not fit.
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

  /** The memory of one layer, `[batch, capacity, heads, head size]`: its keys and its values. */
  buffers(layer: number): { readonly keys: Tensor; readonly values: Tensor } {
    return { keys: this.#keys[layer]!, values: this.#values[layer]! };
  }

  /** Moves on by the tokens that all layers have added, of which the last embedding is given. */
  advance(tokens: number, lastEmbedding: Tensor): void {
    this.position += tokens;
    this.previousEmbedding?.dispose();
    this.previousEmbedding = lastEmbedding.alias();
  }

  /** Where the reading is now. */
  mark(): CacheMark {
    const { position, previousEmbedding } = this;
    return { position, previousEmbedding: previousEmbedding?.alias() ?? null };
  }

  /** Forgets what was read after a mark. */
  rewind({ position, previousEmbedding }: CacheMark): void {
    this.position = position;
    this.previousEmbedding?.dispose();
    this.previousEmbedding = previousEmbedding?.alias() ?? null;
  }

  /**
   * Copies what another cache with one sequence has read to every sequence of this empty one, so
   * that a prompt is read once for many samples.
   *
   * @throws {RangeError} If this cache is not empty, or has less room than was read.
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

  /** Frees the memory. */
  dispose(): void {
    for (const tensor of [...this.#keys, ...this.#values]) tensor.dispose();
    this.previousEmbedding?.dispose();
    this.previousEmbedding = null;
  }
}
