/** Times kernels on the GPU, for profiles. @module */

import type { WgslKernel } from "../../device.ts";
import { type Call, currentCall } from "../../explain.ts";
import type { ProfileRecorder, Work } from "../../profile.ts";
import type { Command, Gpu, TimestampPlace } from "./gpu.ts";

/** Timestamps per recording: the maximum of a query set. */
const TIMESTAMPS = 4096;
const TIMESTAMP_BYTES = 8;

/** The event of all kernels, on an adapter without timestamps. */
const NOT_TIMED = "kernels, timed together";

interface Timed {
  readonly key: string;
  readonly work: Work | undefined;
  readonly call: Call | undefined;
}

/** The kernels of a recording. */
interface Batch {
  readonly kernels: readonly Timed[];
  readonly timestamps: GPUBuffer | null;
  /** Time just before the submit, in milliseconds of `performance.now()`. */
  readonly submitted: number;
  /** Without timestamps: when it was done, by the same clock. */
  done: Promise<number> | null;
}

/**
 * Records a timestamp before and after each kernel. Without `timestamp-query`, all kernels of a
 * recording form one event: from the submit, or the end of the previous recording, until the queue
 * reports it done.
 */
export class KernelTimer {
  readonly #gpu: Gpu;
  readonly #queries:
    | { readonly set: GPUQuerySet; readonly resolved: GPUBuffer }
    | null = null;
  readonly #batches: Batch[] = [];
  #kernels: Timed[] = [];

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    if (!gpu.features.has("timestamp-query")) return;
    this.#queries = {
      set: gpu.createTimestamps("profile", TIMESTAMPS),
      resolved: gpu.createBuffer("profile", TIMESTAMPS * TIMESTAMP_BYTES, "timestamps"),
    };
  }

  get isFull(): boolean {
    return 2 * this.#kernels.length >= TIMESTAMPS;
  }

  /** Adds a kernel; returns where to write its timestamps. */
  next(kernel: WgslKernel, work: Work | undefined): TimestampPlace | null {
    const index = 2 * this.#kernels.length;
    this.#kernels.push({ key: kernel.key, work, call: currentCall(kernel, work?.shapes) });
    return this.#queries && { timestamps: this.#queries.set, index };
  }

  /** The commands at the end of a recording: they make the timestamps readable. */
  endRecording(): readonly Command[] {
    const kernels = this.#kernels;
    if (kernels.length === 0) return [];
    this.#kernels = [];
    const batch = { kernels, submitted: performance.now(), done: null };
    if (this.#queries === null) {
      this.#batches.push({ ...batch, timestamps: null });
      return [];
    }
    const { set, resolved } = this.#queries;
    const count = 2 * kernels.length;
    const bytes = count * TIMESTAMP_BYTES;
    const timestamps = this.#gpu.createBuffer("profile", bytes, "read");
    this.#batches.push({ ...batch, timestamps });
    return [
      { timestamps: set, count, to: resolved },
      { from: resolved, fromOffset: 0, to: timestamps, toOffset: 0, bytes },
    ];
  }

  noteSubmission(): void {
    const last = this.#batches.at(-1);
    if (this.#queries !== null || last === undefined) return;
    last.done ??= this.#gpu.submittedWorkDone().then(() => performance.now());
  }

  /** Reads the timestamps when all work is done, and passes the kernels to a recorder. */
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
    // The clocks have different origins: align them so that no recording starts before its submit.
    const offset = Math.max(...batches.map(({ submitted }, i) => submitted - times[i]![0]!));
    batches.forEach(({ kernels }, i) =>
      kernels.forEach(({ key, work, call }, j) =>
        recorder.add(key, work, offset + times[i]![2 * j]!, offset + times[i]![2 * j + 1]!, call)
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

  destroy(): void {
    if (this.#queries === null) return;
    this.#queries.set.destroy();
    this.#gpu.destroyBuffer(this.#queries.resolved);
  }
}
