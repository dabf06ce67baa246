/** What is recorded and not yet submitted. @module */

import {
  type BindGroupHandle,
  type BufferHandle,
  COMMAND,
  type PipelineHandle,
  type TimestampsHandle,
} from "./gpu.ts";

/** Room for so many numbers at first: a thousand dispatches. */
const FIRST_WORDS = 8192;

/** Where a dispatch notes when it begins and, beside it, when it ends. */
export interface TimestampPlace {
  /** The set of timestamps. */
  readonly timestamps: TimestampsHandle;
  /** The place of the first of the two. */
  readonly index: number;
}

/** The commands of {@linkcode COMMAND} in the order of the calls. */
export class Recording {
  #words = new Float64Array(FIRST_WORDS);
  #used = 0;
  #serial = 1;

  /** The number of this recording. Everything recorded under a smaller one has been submitted. */
  get serial(): number {
    return this.#serial;
  }

  /** Whether nothing has been recorded. */
  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /**
   * Records a dispatch.
   *
   * @param argumentOffset The byte offset of its arguments, if it has any.
   * @param place Where to note when it begins and ends: this takes a pass of its own.
   */
  dispatch(
    pipeline: PipelineHandle,
    group: BindGroupHandle,
    argumentOffset: number | null,
    x: number,
    y: number,
    z: number,
    place: TimestampPlace | null = null,
  ): void {
    if (place !== null) this.#put(COMMAND.time, place.timestamps, place.index);
    this.#put(COMMAND.dispatch, pipeline, group, argumentOffset ?? -1, x, y, z);
  }

  /** Has the first `count` timestamps of a set written to a buffer, as nanoseconds in 64 bits. */
  resolve(timestamps: TimestampsHandle, count: number, to: BufferHandle): void {
    this.#put(COMMAND.resolve, timestamps, count, to);
  }

  /** Records a copy between buffers; sizes and offsets in bytes. */
  copy(
    from: BufferHandle,
    fromOffset: number,
    to: BufferHandle,
    toOffset: number,
    bytes: number,
  ): void {
    this.#put(COMMAND.copy, from, fromOffset, to, toOffset, bytes);
  }

  /** Ends the recording and begins the next one. */
  finish(): Float64Array<ArrayBuffer> {
    const commands = this.#words.slice(0, this.#used);
    this.#used = 0;
    this.#serial++;
    return commands;
  }

  #put(...words: number[]): void {
    if (this.#used + words.length > this.#words.length) {
      const larger = new Float64Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (const word of words) this.#words[this.#used++] = word;
  }
}
