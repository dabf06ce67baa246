/** Commands that are recorded but not submitted, and the arguments of their dispatches. @module */

import type { Arguments } from "../../device.ts";
import {
  type BindGroupHandle,
  type BufferHandle,
  COMMAND,
  type Gpu,
  type PipelineHandle,
  type TimestampsHandle,
} from "./gpu.ts";
import { ARGUMENT_SLOT_BYTES } from "./kernel_cache.ts";

/** Slots for arguments: a training step of a small model needs a few hundred. */
const SLOTS = 1024;

/** Where a dispatch writes its start and end timestamps. */
export interface TimestampPlace {
  readonly timestamps: TimestampsHandle;
  /** Index of the first of the two. */
  readonly index: number;
}

/** The commands of {@linkcode COMMAND}, in call order. */
export class Recording {
  /**
   * A uniform buffer with slots for arguments. One is enough: it is written between two submits, so
   * the kernels of the earlier one have read their slots before these are overwritten.
   */
  readonly slots: BufferHandle;
  readonly #gpu: Gpu;
  readonly #integers = new Int32Array(SLOTS * ARGUMENT_SLOT_BYTES / 4);
  readonly #floats = new Float32Array(this.#integers.buffer);
  #used = 0;
  #words: number[] = [];
  /** Serial number of this recording. All smaller ones have been submitted. */
  serial = 1;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.slots = gpu.createBuffer("arguments", SLOTS * ARGUMENT_SLOT_BYTES, "arguments");
  }

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  /** Whether arguments of `bytes` bytes, a multiple of the slot size, fit. */
  hasRoom(bytes: number): boolean {
    return this.#used * 4 + bytes <= this.#integers.byteLength;
  }

  /** Records a dispatch, with arguments of `bytes` bytes. Timestamps require a separate pass. */
  dispatch(
    pipeline: PipelineHandle,
    group: BindGroupHandle,
    { integers, floats = [] }: Arguments,
    bytes: number,
    [x, y, z]: readonly [number, number, number],
    place: TimestampPlace | null = null,
  ): void {
    const { timestamps = 0, index = 0 } = place ?? {};
    const start = this.#used;
    this.#used += bytes / 4;
    this.#integers.set(integers, start);
    this.#floats.set(floats, start + integers.length);
    const offset = bytes > 0 ? start * 4 : -1;
    this.#words.push(
      ...[COMMAND.dispatch, pipeline, group, offset, x, y, z, timestamps, index],
    );
  }

  /** Resolves the first `count` timestamps of a query set to a buffer, as 64-bit nanoseconds. */
  resolve(timestamps: TimestampsHandle, count: number, to: BufferHandle): void {
    this.#words.push(COMMAND.resolve, timestamps, count, to);
  }

  copy(
    from: BufferHandle,
    fromOffset: number,
    to: BufferHandle,
    toOffset: number,
    bytes: number,
  ): void {
    this.#words.push(COMMAND.copy, from, fromOffset, to, toOffset, bytes);
  }

  /** Returns the commands, whose arguments it has uploaded, and begins the next recording. */
  finish(): Float64Array<ArrayBuffer> {
    if (this.#used > 0) {
      this.#gpu.writeBuffer(this.slots, 0, this.#integers.subarray(0, this.#used));
      this.#used = 0;
    }
    const commands = Float64Array.from(this.#words);
    this.#words = [];
    this.serial++;
    return commands;
  }
}
