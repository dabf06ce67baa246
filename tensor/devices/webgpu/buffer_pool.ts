/** A pool of GPU buffers: creating one takes longer than a small kernel. @module */

import { wrongValue } from "../../errors.ts";
import type { Gpu } from "./adapter.ts";
import type { Recording } from "./recording.ts";

export interface PooledBuffer {
  readonly buffer: GPUBuffer;
  /** Counts up over all buffers, so the oldest free buffer can be taken first. */
  readonly serial: number;
  /** Size in bytes: the size class, not the request. */
  readonly capacity: number;
  /** Serial number of the last recording that uses it; recordings count from 1. */
  lastRecording: number;
}

let serials = 0;

/** The smallest size class, in bytes. */
const MIN_CLASS = 256;

/**
 * Rounds up to a size class: eight per power of two, so at most 1/8 is wasted (1100 bytes become
 * 1152).
 */
export function sizeClass(bytes: number): number {
  if (bytes <= MIN_CLASS) return MIN_CLASS;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/** Options for {@linkcode BufferPool}. */
export interface BufferPoolOptions {
  readonly usage: GPUBufferUsageFlags;
  /** Maximum total size of the buffers. @default {Infinity} */
  readonly memoryLimit?: number;
  /** Larger buffers are destroyed instead of reused. @default {Infinity} */
  readonly maxKeptBytes?: number;
  /** Called after buffers were destroyed: drop all references to them. */
  readonly forget?: () => void;
  /** Ends the out-of-memory message. */
  readonly advice?: () => string;
}

/**
 * The buffers of a device for one use.
 *
 * A freed buffer can be reused at once, even while the GPU still uses it: the new owner's commands
 * run later. The oldest free buffer of a class goes first, so the choice depends only on which
 * buffers are free. A training step that leaves the same buffers free as it found therefore gets
 * the same buffers each time, and its bind groups are reused.
 */
export class BufferPool {
  readonly #gpu: Gpu;
  readonly #recording: Recording;
  readonly #options: Required<BufferPoolOptions>;
  readonly #all = new Set<PooledBuffer>();
  readonly #free = new Map<number, PooledBuffer[]>();
  /** Number of buffers ever created. */
  created = 0;
  heldBytes = 0;

  constructor(gpu: Gpu, recording: Recording, options: BufferPoolOptions) {
    this.#gpu = gpu;
    this.#recording = recording;
    this.#options = {
      memoryLimit: Infinity,
      maxKeptBytes: Infinity,
      forget: () => {},
      advice: () => "",
      ...options,
    };
  }

  /**
   * Takes a buffer of at least `bytes` bytes; throws a `RangeError` if there is no room. With
   * `idleSince`, only one that no recording since then uses.
   */
  take(bytes: number, label: string, idleSince = Infinity): PooledBuffer {
    const capacity = this.#capacityFor(bytes, label);
    const free = this.#free.get(capacity) ?? [];
    const index = free.findIndex((buffer) => buffer.lastRecording < idleSince);
    if (index >= 0) return free.splice(index, 1)[0]!;
    const { memoryLimit, advice } = this.#options;
    if (this.heldBytes + capacity > memoryLimit) this.#destroyFree();
    const room = memoryLimit - this.heldBytes;
    if (capacity > room) {
      throw wrongValue(
        `allocate ${bytes} bytes for ${label}`,
        `at most ${room} bytes`,
        `${capacity} once rounded up; of the limit of ${memoryLimit} bytes ${this.heldBytes} are ` +
          `in use${advice()}`,
      );
    }
    const { usage } = this.#options;
    const buffer = this.#gpu.device.createBuffer({ label, size: capacity, usage });
    const pooled = { buffer, serial: ++serials, capacity, lastRecording: 0 };
    this.#all.add(pooled);
    this.heldBytes += capacity;
    this.created++;
    return pooled;
  }

  give(buffer: PooledBuffer): void {
    if (buffer.capacity > this.#options.maxKeptBytes) return this.#destroy([buffer]);
    const free = this.#free.get(buffer.capacity) ?? [];
    this.#free.set(buffer.capacity, free);
    let place = free.length;
    while (place > 0 && free[place - 1]!.serial > buffer.serial) place--;
    free.splice(place, 0, buffer);
  }

  #capacityFor(bytes: number, label: string): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#gpu.limits;
    if (bytes > maxBufferSize) {
      throw wrongValue(
        `allocate ${bytes} bytes for ${label}`,
        `at most ${maxBufferSize} bytes, the largest buffer of this device`,
        `${bytes}; ${this.heldBytes} bytes are in use`,
      );
    }
    const capacity = sizeClass(bytes);
    // Rounding up must not make a buffer too large to be bound whole.
    const largest = bytes <= maxStorageBufferBindingSize
      ? maxStorageBufferBindingSize
      : maxBufferSize;
    return capacity <= largest ? capacity : Math.max(Math.ceil(bytes / 4) * 4, MIN_CLASS);
  }

  /** Destroys the free buffers, which no pending recording may use. */
  #destroyFree(): void {
    this.#recording.submit();
    this.#destroy([...this.#free.values()].flat());
    this.#free.clear();
    this.#options.forget();
  }

  /** Destroys all buffers. */
  close(): void {
    this.#destroy(this.#all);
  }

  #destroy(buffers: Iterable<PooledBuffer>): void {
    for (const pooled of buffers) {
      pooled.buffer.destroy();
      this.#all.delete(pooled);
      this.heldBytes -= pooled.capacity;
    }
  }
}

/** The first bytes of a buffer for reading back, after everything submitted so far. */
export async function readBuffer(buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
  await buffer.mapAsync(GPUMapMode.READ, 0, byteLength);
  const data = buffer.getMappedRange(0, byteLength).slice(0);
  buffer.unmap();
  return data;
}
