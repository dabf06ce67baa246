/** Commands that are recorded but not submitted. @module */

import {
  type BindGroupHandle,
  type BufferHandle,
  COMMAND,
  type PipelineHandle,
  type TimestampsHandle,
} from "./gpu.ts";

/** Where a dispatch writes its start and end timestamps. */
export interface TimestampPlace {
  readonly timestamps: TimestampsHandle;
  /** Index of the first of the two. */
  readonly index: number;
}

/** The commands of {@linkcode COMMAND}, in call order. */
export class Recording {
  #words: number[] = [];
  /** Serial number of this recording. All smaller ones have been submitted. */
  serial = 1;

  get isEmpty(): boolean {
    return this.#words.length === 0;
  }

  /** Records a dispatch. Timestamps require a separate pass. */
  dispatch(
    pipeline: PipelineHandle,
    group: BindGroupHandle,
    argumentOffset: number | null,
    x: number,
    y: number,
    z: number,
    place: TimestampPlace | null = null,
  ): void {
    const { timestamps = 0, index = 0 } = place ?? {};
    this.#words.push(
      ...[COMMAND.dispatch, pipeline, group, argumentOffset ?? -1, x, y, z, timestamps, index],
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

  finish(): Float64Array<ArrayBuffer> {
    const commands = Float64Array.from(this.#words);
    this.#words = [];
    this.serial++;
    return commands;
  }
}
