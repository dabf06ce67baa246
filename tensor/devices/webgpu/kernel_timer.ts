/** Times kernels on the graphics processor, for profiles. @module */

import type { ProfileRecorder, Work } from "../../profile.ts";
import type { BufferHandle, Gpu, TimestampsHandle } from "./gpu.ts";
import type { Recording, TimestampPlace } from "./recording.ts";

/** The timestamps that one recording may have: as many as a query set can hold. */
const TIMESTAMPS = 4096;
const TIMESTAMP_BYTES = 8;

/** What stands for the kernels of an adapter that has no timestamps. */
const NOT_TIMED = "kernels, timed together";

/** A kernel that was recorded, and what it has to do. */
interface Timed {
  readonly key: string;
  readonly work: Work | undefined;
}

/** The kernels of one recording. */
interface Ended {
  readonly kernels: readonly Timed[];
  /** Where their timestamps can be read, two for each; `null` where there are none. */
  readonly timestamps: BufferHandle | null;
  /** A moment before it was submitted, in milliseconds of `performance.now()`. */
  readonly submitted: number;
}

/** The kernels of a recording that was submitted. */
interface Batch extends Ended {
  /** When it was done, by the same clock, where there are no timestamps. */
  readonly done: Promise<number> | null;
}

/**
 * Writes a timestamp before and after each kernel.
 *
 * Without the feature `timestamp-query` all kernels of a recording are one event, which lasts from its
 * submission, or the end of the recording before it, to when the queue says that it is done.
 */
export class KernelTimer {
  readonly #gpu: Gpu;
  readonly #queries:
    | { readonly set: TimestampsHandle; readonly resolved: BufferHandle }
    | null = null;
  readonly #batches: Batch[] = [];
  /** The kernels of the recording that is being made. */
  #kernels: Timed[] = [];
  #ended: Ended | null = null;

  /** Begins with nothing recorded. */
  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    if (!gpu.features.has("timestamp-query")) return;
    this.#queries = {
      set: gpu.createTimestamps("profile", TIMESTAMPS),
      resolved: gpu.createBuffer("profile", TIMESTAMPS * TIMESTAMP_BYTES, "timestamps"),
    };
  }

  /** Whether the recording has to be submitted before another kernel can be timed. */
  get isFull(): boolean {
    return 2 * this.#kernels.length >= TIMESTAMPS;
  }

  /** Notes a kernel, and tells where it shall write timestamps. */
  next(key: string, work: Work | undefined): TimestampPlace | null {
    const index = 2 * this.#kernels.length;
    this.#kernels.push({ key, work });
    return this.#queries && { timestamps: this.#queries.set, index };
  }

  /** Ends a recording: has its timestamps copied to where they can be read. */
  endRecording(recording: Recording): void {
    const kernels = this.#kernels;
    if (kernels.length === 0) return;
    this.#kernels = [];
    let timestamps: BufferHandle | null = null;
    if (this.#queries !== null) {
      const { set, resolved } = this.#queries;
      const size = 2 * kernels.length * TIMESTAMP_BYTES;
      timestamps = this.#gpu.createBuffer("profile", size, "read");
      recording.resolve(set, 2 * kernels.length, resolved);
      recording.copy(resolved, 0, timestamps, 0, size);
    }
    this.#ended = { kernels, timestamps, submitted: performance.now() };
  }

  /** Notes that the recording that was ended is submitted. */
  noteSubmission(): void {
    if (this.#ended === null) return;
    const done = this.#queries === null
      ? this.#gpu.submittedWorkDone().then(() => performance.now())
      : null;
    this.#batches.push({ ...this.#ended, done });
    this.#ended = null;
  }

  /** Reads the timestamps, when everything is done, and hands all kernels to a recorder. */
  async report(recorder: ProfileRecorder): Promise<void> {
    if (this.#queries === null) return await this.#reportTogether(recorder);
    const batches = this.#batches;
    const read = await Promise.all(
      batches.map(async ({ kernels, timestamps }) =>
        new BigUint64Array(
          await this.#gpu.readBuffer(timestamps!, 2 * kernels.length * TIMESTAMP_BYTES),
        )
      ),
    );
    const origin = read[0]?.[0] ?? 0n;
    const times = read.map((of) => Array.from(of, (time) => Number(time - origin) / 1e6));
    // The two clocks begin at different times: no recording may begin before it was submitted.
    const offset = Math.max(...batches.map(({ submitted }, i) => submitted - times[i]![0]!));
    batches.forEach(({ kernels }, i) =>
      kernels.forEach(({ key, work }, j) =>
        recorder.add(key, work, offset + times[i]![2 * j]!, offset + times[i]![2 * j + 1]!)
      )
    );
    for (const { timestamps } of batches) this.#gpu.destroyBuffer(timestamps!);
  }

  async #reportTogether(recorder: ProfileRecorder): Promise<void> {
    let last = -Infinity;
    for (const { kernels, submitted, done } of this.#batches) {
      const end = await done!;
      const total = (quantity: "flops" | "bytes") =>
        kernels.reduce((sum, { work }) => sum + (work?.[quantity] ?? 0), 0);
      const work = { flops: total("flops"), bytes: total("bytes") };
      recorder.add(NOT_TIMED, work, Math.max(last, submitted), end);
      last = end;
    }
  }

  /** Gives back what it made. */
  destroy(): void {
    if (this.#queries === null) return;
    this.#gpu.destroyTimestamps(this.#queries.set);
    this.#gpu.destroyBuffer(this.#queries.resolved);
  }
}
