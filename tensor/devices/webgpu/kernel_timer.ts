/** Times kernels on the GPU, for profiles. @module */

import type { WgslKernel } from "../../device.ts";
import { wrongState } from "../../errors.ts";
import { type Call, currentCall, type ProfileRecorder, type Work } from "../../profile.ts";
import type { Gpu } from "./adapter.ts";
import { readBuffer } from "./buffer_pool.ts";

/** Timestamps per recording: the maximum of a query set. */
const TIMESTAMPS = 4096;
const TIMESTAMP_BYTES = 8;

interface Timed {
  readonly key: string;
  readonly work: Work | undefined;
  readonly call: Call | undefined;
}

/** The kernels of a recording. */
interface Batch {
  readonly kernels: readonly Timed[];
  readonly timestamps: GPUBuffer;
  /** Time just before the submit, in milliseconds of `performance.now()`. */
  readonly submitted: number;
}

/** Records a timestamp before and after each kernel. */
export class KernelTimer {
  readonly #device: GPUDevice;
  readonly #querySet: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #batches: Batch[] = [];
  #kernels: Timed[] = [];

  /** @throws {Error} If the adapter has no timestamps. */
  constructor(gpu: Gpu) {
    if (!gpu.features.has("timestamp-query")) {
      throw wrongState("profile", "an adapter with timestamp-query", gpu.info.description);
    }
    const { device } = gpu;
    const { QUERY_RESOLVE, COPY_SRC } = GPUBufferUsage;
    const [label, size] = ["profile", TIMESTAMPS * TIMESTAMP_BYTES];
    this.#device = device;
    this.#querySet = device.createQuerySet({ label, type: "timestamp", count: TIMESTAMPS });
    this.#resolved = device.createBuffer({ label, size, usage: QUERY_RESOLVE | COPY_SRC });
  }

  get isFull(): boolean {
    return 2 * this.#kernels.length >= TIMESTAMPS;
  }

  /** Adds a kernel; returns where to write its timestamps. */
  next(kernel: WgslKernel, work: Work | undefined): GPUComputePassTimestampWrites {
    const first = 2 * this.#kernels.length;
    this.#kernels.push({ key: kernel.key, work, call: currentCall(kernel, work?.shapes) });
    return {
      querySet: this.#querySet,
      beginningOfPassWriteIndex: first,
      endOfPassWriteIndex: first + 1,
    };
  }

  /** Adds to a recording, at its end, what makes its timestamps readable. */
  endRecording(commands: GPUCommandEncoder): void {
    const kernels = this.#kernels;
    if (kernels.length === 0) return;
    this.#kernels = [];
    const count = 2 * kernels.length;
    const bytes = count * TIMESTAMP_BYTES;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const timestamps = this.#device.createBuffer({ label: "profile", size: bytes, usage });
    commands.resolveQuerySet(this.#querySet, 0, count, this.#resolved, 0);
    commands.copyBufferToBuffer(this.#resolved, 0, timestamps, 0, bytes);
    this.#batches.push({ kernels, timestamps, submitted: performance.now() });
  }

  /** Reads the timestamps when all work is done, and passes the kernels to a recorder. */
  async report(recorder: ProfileRecorder): Promise<void> {
    const batches = this.#batches;
    const read = await Promise.all(
      batches.map(async ({ kernels, timestamps }) =>
        new BigUint64Array(await readBuffer(timestamps, 2 * kernels.length * TIMESTAMP_BYTES))
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
    for (const { timestamps } of batches) timestamps.destroy();
  }

  destroy(): void {
    this.#querySet.destroy();
    this.#resolved.destroy();
  }
}
