/** KV cache. @module */

import { RangeError } from "../../tensor/errors.ts";
import { bytesPerElement } from "../../tensor/layout.ts";
import { copyInto, type Device, type FloatType, noGrad, type Tensor } from "../../tensor/mod.ts";
import { allocate } from "../../tensor/tensor.ts";

/** The shape of a KV cache: the values kept for each token in each layer. */
export interface KVCacheShape {
  /** Number of layers with attention. */
  readonly layers: number;
  /** Key and value heads of a layer. */
  readonly keyHeads: number;
  /** Channels of a head. */
  readonly headSize: number;
}

/** Keys and values of a layer, `[batch, tokens, heads, head size]` each. */
export interface KeysAndValues {
  /** The keys. */
  readonly keys: Tensor;
  /** The values. */
  readonly values: Tensor;
}

/**
 * Keys and values of all layers for the tokens so far, so that each is computed only once.
 *
 * Models make their own by `createCache`. One that needs more than keys and values of earlier tokens
 * extends this class.
 */
export class KVCache {
  /** Number of sequences. */
  readonly batchSize: number;
  /** Capacity in tokens. */
  readonly capacity: number;
  #position = 0;
  readonly #layers: readonly KeysAndValues[];

  /** Allocates memory for the tokens. @throws {RangeError} If the device is out of memory. */
  constructor(
    device: Device,
    { layers, keyHeads, headSize }: KVCacheShape,
    batchSize: number,
    capacity: number,
    dtype: FloatType = "float32",
  ) {
    this.batchSize = batchSize;
    this.capacity = capacity;
    // Heads first, so that attention reads contiguous memory. Its contents are undefined, as no token is
    // read before it was written: to fill a long cache with zeros takes longer than a step of decoding.
    const shape = [batchSize, keyHeads, capacity, headSize];
    const reserve = () => allocate(device, { shape, dtype }, "a KV cache").transpose(1, 2);
    using _ifItFails = device.scope();
    this.#layers = Array.from({ length: layers }, () => ({ keys: reserve(), values: reserve() }));
    for (const { keys, values } of this.#layers) {
      keys.keep();
      values.keep();
    }
  }

  /** Number of tokens in the cache. */
  get position(): number {
    return this.#position;
  }

  /** Bytes of memory that the cache takes on its device. */
  get bytes(): number {
    return this.tensors.reduce((sum, { size, dtype }) => sum + size * bytesPerElement(dtype), 0);
  }

  /** The cached tensors, `[batch, tokens, …]` each, with room for at least the capacity. */
  protected get tensors(): readonly Tensor[] {
    return this.#layers.flatMap(({ keys, values }) => [keys, values]);
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
    const end = this.checkRoom(keys.shape[1]!);
    const all = this.#layers[layer]!;
    copyInto(keys.detach(), all.keys.slice(1, this.position, end));
    copyInto(values.detach(), all.values.slice(1, this.position, end));
    return { keys: all.keys.slice(1, 0, end), values: all.values.slice(1, 0, end) };
  }

  /** The position after so many more tokens. @throws {RangeError} If they exceed the capacity. */
  checkRoom(tokens: number): number {
    const end = this.position + tokens;
    if (end <= this.capacity) return end;
    throw new RangeError(
      `Cannot read ${tokens} tokens after ${this.position}: wanted at most ${this.capacity} in all, ` +
        `the cache's capacity`,
    );
  }

  /** Keys and values of a layer, with room for as many tokens as the capacity. */
  buffers(layer: number): KeysAndValues {
    return this.#layers[layer]!;
  }

  /** Advances by tokens that all layers have appended. */
  advance(tokens: number): void {
    this.#position += tokens;
  }

  /** Drops all but the first tokens. */
  rewind(position: number): void {
    this.#position = position;
  }

  /**
   * Copies the tokens of another cache, up to a position of it, to this empty one.
   *
   * @param sequences Which of its sequences each of this cache becomes; by default the first one, so that a
   * prompt is prefilled once for many samples.
   * @throws {RangeError} If this cache is not empty, or too small.
   */
  copyFrom(other: KVCache, position: number = other.position, sequences?: readonly number[]): void {
    if (this.position !== 0 || position > this.capacity) {
      throw new RangeError(
        `Cannot copy ${position} tokens to a cache of ${this.capacity} with ${this.position} in it: ` +
          `wanted an empty one with room`,
      );
    }
    noGrad(() => {
      for (const [i, tensor] of this.tensors.entries()) {
        const [from, to] = [other.tensors[i]!, tensor].map((one) => one.slice(1, 0, position));
        for (let row = 0; row < this.batchSize; row++) {
          const at = sequences?.[row] ?? 0;
          copyInto(from!.slice(0, at, at + 1), to!.slice(0, row, row + 1));
        }
      }
    });
    this.#position = position;
  }

  /** Frees the tensors. */
  dispose(): void {
    for (const tensor of this.tensors) tensor.dispose();
  }
}
