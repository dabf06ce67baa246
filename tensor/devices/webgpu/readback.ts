/** Buffers for reading back. @module */

import { sizeClass } from "./buffer_pool.ts";
import type { BufferHandle, Gpu } from "./gpu.ts";

/** A mappable buffer. */
interface Staging {
  readonly buffer: BufferHandle;
  readonly capacity: number;
}

/** Larger staging buffers are not reused: a checkpoint is read once. */
const MAX_KEPT_BYTES = 1024 * 1024;

export class StagingBuffers {
  readonly #gpu: Gpu;
  readonly #idle: Staging[] = [];
  created = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  take(bytes: number): Staging {
    const index = this.#idle.findIndex((staging) => staging.capacity >= bytes);
    if (index >= 0) return this.#idle.splice(index, 1)[0]!;
    const capacity = sizeClass(bytes);
    this.created++;
    return { buffer: this.#gpu.createBuffer("read", capacity, "read"), capacity };
  }

  give(staging: Staging): void {
    if (staging.capacity <= MAX_KEPT_BYTES) this.#idle.push(staging);
    else this.#gpu.free([staging.buffer]);
  }
}
