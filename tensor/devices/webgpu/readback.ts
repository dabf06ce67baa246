/** Reading back: copies recorded in order, mapped together. @module */

import { sizeClass } from "./buffer_pool.ts";
import type { BufferHandle, Gpu } from "./gpu.ts";

/** A mappable buffer, filled from the front. */
interface Staging {
  readonly buffer: BufferHandle;
  readonly capacity: number;
  used: number;
}

interface Request {
  readonly staging: Staging;
  readonly offset: number;
  readonly bytes: number;
  readonly resolve: (data: ArrayBuffer) => void;
}

/** Minimum size of a staging buffer, in bytes: room for the losses and norms of many steps. */
const MIN_BYTES = 64 * 1024;
/** Larger staging buffers are not reused: a checkpoint is read once. */
const MAX_KEPT_BYTES = 1024 * 1024;

export class ReadBatch {
  readonly #requests: Request[] = [];
  readonly #stagings: Staging[] = [];
  readonly #fetched = new Map<Staging, ArrayBuffer>();

  reserve(
    bytes: number,
    take: (bytes: number) => Staging,
  ): { buffer: BufferHandle; offset: number; data: Promise<ArrayBuffer> } {
    let staging = this.#stagings.at(-1);
    if (staging === undefined || staging.used + bytes > staging.capacity) {
      staging = take(bytes);
      this.#stagings.push(staging);
    }
    const offset = staging.used;
    // A mapped range starts at a multiple of 8.
    staging.used += Math.ceil(bytes / 8) * 8;
    const { promise, resolve } = Promise.withResolvers<ArrayBuffer>();
    this.#requests.push({ staging, offset, bytes, resolve });
    return { buffer: staging.buffer, offset, data: promise };
  }

  async fetch(gpu: Gpu): Promise<void> {
    await Promise.all(this.#stagings.map(async (staging) => {
      this.#fetched.set(staging, await gpu.readBuffer(staging.buffer, staging.used));
    }));
  }

  deliver(): readonly Staging[] {
    for (const { staging, offset, bytes, resolve } of this.#requests) {
      const data = this.#fetched.get(staging)!;
      // A buffer with a single request need not be copied.
      resolve(bytes === data.byteLength ? data : data.slice(offset, offset + bytes));
    }
    for (const staging of this.#stagings) staging.used = 0;
    return this.#stagings;
  }
}

export class StagingBuffers {
  readonly #gpu: Gpu;
  readonly #idle: Staging[] = [];
  #created = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  get created(): number {
    return this.#created;
  }

  take(bytes: number): Staging {
    const index = this.#idle.findIndex((staging) => staging.capacity >= bytes);
    if (index >= 0) return this.#idle.splice(index, 1)[0]!;
    const capacity = Math.max(MIN_BYTES, sizeClass(bytes));
    this.#created++;
    return { buffer: this.#gpu.createBuffer("read", capacity, "read"), capacity, used: 0 };
  }

  give(stagings: readonly Staging[]): void {
    for (const staging of stagings) {
      if (staging.capacity <= MAX_KEPT_BYTES) this.#idle.push(staging);
      else this.#gpu.destroyBuffer(staging.buffer);
    }
  }
}
