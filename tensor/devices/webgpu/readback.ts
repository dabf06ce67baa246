/** Reading results: copies recorded in order, mapped together. @module */

import { sizeClass } from "./buffer_pool.ts";

/** A buffer that the host can read, filled from the front. */
interface Staging {
  readonly buffer: GPUBuffer;
  readonly capacity: number;
  used: number;
}

interface Request {
  readonly staging: Staging;
  readonly offset: number;
  readonly bytes: number;
  readonly resolve: (data: ArrayBuffer) => void;
}

/** The smallest staging buffer, in bytes: room for the losses and norms of many steps. */
const SMALLEST = 64 * 1024;
/** Larger staging buffers are not kept: a checkpoint is read once. */
const LARGEST_KEPT = 1024 * 1024;

/** Copies that wait to be mapped together. */
export class ReadBatch {
  readonly #requests: Request[] = [];
  readonly #stagings: Staging[] = [];

  /** Where the next `bytes` bytes go. `data` resolves once the batch is {@linkcode deliver}ed. */
  reserve(
    bytes: number,
    take: (bytes: number) => Staging,
  ): { buffer: GPUBuffer; offset: number; data: Promise<ArrayBuffer> } {
    let staging = this.#stagings.at(-1);
    if (staging === undefined || staging.used + bytes > staging.capacity) {
      staging = take(bytes);
      this.#stagings.push(staging);
    }
    const offset = staging.used;
    // A mapped range begins at a multiple of 8.
    staging.used += Math.ceil(bytes / 8) * 8;
    const { promise, resolve } = Promise.withResolvers<ArrayBuffer>();
    this.#requests.push({ staging, offset, bytes, resolve });
    return { buffer: staging.buffer, offset, data: promise };
  }

  /** Waits until the copies are there. */
  async map(): Promise<void> {
    await Promise.all(
      this.#stagings.map(({ buffer, used }) => buffer.mapAsync(GPUMapMode.READ, 0, used)),
    );
  }

  /** Hands every request its bytes; returns the staging buffers, ready to be used again. */
  deliver(): readonly Staging[] {
    for (const { staging, offset, bytes, resolve } of this.#requests) {
      resolve(staging.buffer.getMappedRange(offset, bytes).slice(0));
    }
    for (const staging of this.#stagings) {
      staging.buffer.unmap();
      staging.used = 0;
    }
    return this.#stagings;
  }
}

/** The staging buffers of a device. */
export class StagingBuffers {
  readonly #gpu: GPUDevice;
  readonly #idle: Staging[] = [];
  #created = 0;

  /** Begins with none. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** How many were made so far. */
  get created(): number {
    return this.#created;
  }

  /** Takes one with room for `bytes`. */
  take(bytes: number): Staging {
    const index = this.#idle.findIndex((staging) => staging.capacity >= bytes);
    if (index >= 0) return this.#idle.splice(index, 1)[0]!;
    const capacity = Math.max(SMALLEST, sizeClass(bytes));
    this.#created++;
    const buffer = this.#gpu.createBuffer({
      label: "read",
      size: capacity,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    return { buffer, capacity, used: 0 };
  }

  /** Takes them back. */
  give(stagings: readonly Staging[]): void {
    for (const staging of stagings) {
      if (staging.capacity <= LARGEST_KEPT) this.#idle.push(staging);
      else staging.buffer.destroy();
    }
  }
}
