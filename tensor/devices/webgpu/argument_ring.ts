/** Arguments of dispatches, collected on the host and uploaded together. @module */

import type { Arguments } from "../../device.ts";
import type { BufferHandle, Gpu } from "./gpu.ts";
import { ARGUMENT_SLOT_BYTES } from "./kernel_cache.ts";

/** Slots per submit: a training step of a small model needs a few hundred. */
const SLOTS = 1024;

const SLOT_WORDS = ARGUMENT_SLOT_BYTES / 4;

/**
 * A uniform buffer with a slot per dispatch. One is enough: `upload` is queued between two submits,
 * so the kernels of the earlier one have read their slots before these are overwritten.
 */
export class ArgumentRing {
  readonly buffer: BufferHandle;
  readonly #gpu: Gpu;
  readonly #integers = new Int32Array(SLOTS * SLOT_WORDS);
  readonly #floats = new Float32Array(this.#integers.buffer);
  #used = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.buffer = gpu.createBuffer("arguments", SLOTS * ARGUMENT_SLOT_BYTES, "arguments");
  }

  /** Whether `bytes`, a multiple of the slot size, fit before the next upload. */
  hasRoom(bytes: number): boolean {
    return this.#used * 4 + bytes <= this.#integers.byteLength;
  }

  /** Puts the arguments of a dispatch into the next `bytes` bytes; returns their offset. */
  put(arguments_: Arguments, bytes: number): number {
    const start = this.#used;
    this.#used += bytes / 4;
    this.#integers.set(arguments_.integers, start);
    if (arguments_.floats !== undefined) {
      this.#floats.set(arguments_.floats, start + arguments_.integers.length);
    }
    return start * 4;
  }

  upload(): void {
    if (this.#used === 0) return;
    this.#gpu.writeBuffer(this.buffer, 0, this.#integers.subarray(0, this.#used));
    this.#used = 0;
  }
}
