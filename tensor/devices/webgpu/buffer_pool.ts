/** Buffers that are used again, since making one takes longer than a small kernel. @module */

import type { BufferHandle, Gpu } from "./gpu.ts";

/** A buffer of the pool, with what the pool knows of it. */
export interface PooledBuffer {
  /** The buffer itself. Handles count up, so the oldest free buffer can be taken first. */
  readonly handle: BufferHandle;
  /** Its size in bytes: the size class, not what was asked for. */
  readonly capacity: number;
  /** The number of the last recording that uses it; recordings are numbered from 1. */
  lastRecording: number;
}

/** Sizes below this are not worth telling apart, in bytes. */
const SMALLEST_CLASS = 256;

/**
 * The size of the buffer that serves a request of `bytes`: eight classes to each power of two, so
 * that at most an eighth is wasted.
 *
 * @example
 * ```ts
 * import { sizeClass } from "./buffer_pool.ts";
 *
 * if (sizeClass(1000) !== 1024) throw new Error("expected the next multiple of 64");
 * ```
 */
export function sizeClass(bytes: number): number {
  if (bytes <= SMALLEST_CLASS) return SMALLEST_CLASS;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/** What a {@linkcode BufferPool} needs of the device. */
export interface BufferPoolOptions {
  /** How many bytes all buffers may take together. */
  readonly memoryLimit: number;
  /** The largest buffer, in bytes. */
  readonly maxBufferSize: number;
  /** The largest part of a buffer that a kernel can see, in bytes. */
  readonly maxStorageBufferBindingSize: number;
  /** Submits what is recorded, so that free buffers may be destroyed. */
  readonly submit: () => void;
  /** Told that buffers were destroyed: what refers to them is of no use any more. */
  readonly forget: () => void;
}

/**
 * All buffers of one device.
 *
 * A buffer that was given back may be taken again at once, even while the graphics processor still
 * works on it: whatever the new owner records runs after that. The oldest free buffer of a class
 * is taken first, so which buffer is taken depends only on which are free. A training step that
 * leaves the same buffers free as it found therefore takes the same ones each time, and its bind
 * groups can be used again.
 */
export class BufferPool {
  readonly #gpu: Gpu;
  readonly #options: BufferPoolOptions;
  /** Free buffers by capacity, each list in the order of handles. */
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #all = new Set<PooledBuffer>();
  #created = 0;
  #heldBytes = 0;

  /** Makes an empty pool. */
  constructor(gpu: Gpu, options: BufferPoolOptions) {
    this.#gpu = gpu;
    this.#options = options;
  }

  /** How many buffers were made so far. */
  get created(): number {
    return this.#created;
  }

  /** How many bytes all buffers take, those in use and the free ones. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes a buffer of at least `bytes` bytes.
   *
   * @param label What it is for, in error messages.
   * @param idleSince With it only a buffer that no recording since this one uses is taken.
   * @throws {RangeError} If there is no room for it.
   */
  take(bytes: number, label: string, idleSince = Infinity): PooledBuffer {
    const capacity = this.#capacityFor(bytes, label);
    const free = this.#free.get(capacity) ?? [];
    const index = free.findIndex((buffer) => buffer.lastRecording < idleSince);
    if (index >= 0) return free.splice(index, 1)[0]!;
    if (this.#heldBytes + capacity > this.#options.memoryLimit) this.#destroyFree();
    if (this.#heldBytes + capacity > this.#options.memoryLimit) {
      const { memoryLimit } = this.#options;
      throw new RangeError(
        `Cannot allocate ${bytes} bytes for ${label}: wanted at most ${
          memoryLimit - this.#heldBytes
        }` +
          ` bytes, got ${capacity} once rounded up; of the limit of ${memoryLimit} bytes ` +
          `${this.#heldBytes} are in use`,
      );
    }
    const handle = this.#gpu.createBuffer(label, capacity, "storage");
    this.#heldBytes += capacity;
    this.#created++;
    const buffer = { handle, capacity, lastRecording: 0 };
    this.#all.add(buffer);
    return buffer;
  }

  /** Gives a buffer back. */
  give(buffer: PooledBuffer): void {
    const free = this.#free.get(buffer.capacity);
    if (free === undefined) {
      this.#free.set(buffer.capacity, [buffer]);
      return;
    }
    let place = free.length;
    while (place > 0 && free[place - 1]!.handle > buffer.handle) place--;
    free.splice(place, 0, buffer);
  }

  /** Destroys all buffers, those in use as well. */
  destroyAll(): void {
    for (const buffer of this.#all) this.#gpu.destroyBuffer(buffer.handle);
    this.#all.clear();
    this.#free.clear();
    this.#heldBytes = 0;
  }

  #capacityFor(bytes: number, label: string): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#options;
    if (bytes > maxBufferSize) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes for ${label}: wanted at most ${maxBufferSize} bytes, ` +
          `the largest buffer of this device, got ${bytes}; ${this.#heldBytes} bytes are in use`,
      );
    }
    const capacity = sizeClass(bytes);
    // Rounding up must not make a buffer too large to be bound whole.
    const largest = bytes <= maxStorageBufferBindingSize
      ? maxStorageBufferBindingSize
      : maxBufferSize;
    return capacity <= largest ? capacity : Math.max(Math.ceil(bytes / 4) * 4, SMALLEST_CLASS);
  }

  /** Destroys the free buffers. They may not be in a recording that was not submitted. */
  #destroyFree(): void {
    this.#options.submit();
    for (const buffer of [...this.#free.values()].flat()) {
      this.#gpu.destroyBuffer(buffer.handle);
      this.#heldBytes -= buffer.capacity;
      this.#all.delete(buffer);
    }
    this.#free.clear();
    this.#options.forget();
  }
}
