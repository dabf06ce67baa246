/**
 * The WebGPU device: memory, recording, reading back, and error handling.
 *
 * It is composed of pools of buffers (`buffer_pool.ts`), a `recording.ts` of dispatches with their
 * arguments, and a `kernel_cache.ts` of pipelines and bind groups.
 *
 * @module
 */

import type { Allocation, Arguments, WebGpuDevice, WgslKernel } from "../../device.ts";
import type { StoredArray } from "../../layout.ts";
import { Error, wrongState, wrongType, wrongValue } from "../../errors.ts";
import { type Profile, Profiled, ProfileRecorder, type Work } from "../../profile.ts";
import { type Scope, Scopes } from "../../scope.ts";
import { type Gpu, openAdapter, type WebGpuOptions } from "./adapter.ts";
import { assertCall, assertRange, WebGpuAllocation, WebGpuRange, wholeOf } from "./allocation.ts";
import { BINDING_ALIGNMENT, wholeWords } from "../../kernel/run.ts";
import { BufferPool, type PooledBuffer, readBuffer } from "./buffer_pool.ts";
import { CLOSED, Failures } from "./failures.ts";
import { KernelCache } from "./kernel_cache.ts";
import { KernelTimer } from "./kernel_timer.ts";
import { Recording } from "./recording.ts";

/** Counters of a device. In a steady loop only the first three grow. */
export interface WebGpuStatistics {
  /** Recorded dispatches. */
  readonly dispatches: number;
  /** Submits to the queue. */
  readonly submits: number;
  /** Waits for results; reads of one tick share one. */
  readonly readbacks: number;
  /** Buffers created, for the pool and for reading back. */
  readonly buffersCreated: number;
  readonly pipelinesCompiled: number;
  readonly bindGroupsCreated: number;
  /** Total size of all buffers in bytes, including free ones. */
  readonly bufferBytes: number;
}

/** Maximum submits in flight when {@linkcode RecordingWebGpuDevice.backpressure} adds another. */
const MAX_IN_FLIGHT = 3;

/** Bytes of staged writes after which they are submitted. */
const MAX_STAGED_BYTES = 16 * 1024 * 1024;

/** Larger buffers for reading back are not reused: a checkpoint is read once. */
const MAX_KEPT_BYTES = 1024 * 1024;

const GIBIBYTE = 2 ** 30;

/**
 * A GPU behind `navigator.gpu`.
 *
 * Dispatches and copies are recorded in call order. They are submitted when something is read, by
 * `synchronize`, or when there is no room for more arguments. Open one with
 * {@linkcode openWebGpuDevice}.
 */
export class RecordingWebGpuDevice extends Profiled implements WebGpuDevice {
  readonly kind = "webgpu" as const;
  readonly info: Gpu["info"];
  readonly limits: Gpu["limits"];
  readonly hasFloat16: boolean;
  readonly matmulPrecision = "f32";
  readonly scopes: Scopes = new Scopes("webgpu");
  readonly gpu: Gpu;
  readonly memory: { liveBytes: number; peakBytes: number; readonly limitBytes: number };
  live = 0;

  readonly #pool: BufferPool;
  readonly #kernels: KernelCache;
  readonly #recording: Recording;
  /** Those that are read back. */
  readonly #stagings: BufferPool;
  readonly #failures = new Failures();
  readonly #inFlight: Promise<void>[] = [];
  /** The submit that the reads of this tick wait for. */
  #reads: Promise<void> | null = null;
  #closed = false;
  #readbacks = 0;

  constructor(gpu: Gpu, memoryLimit?: number) {
    super();
    const { info, limits } = gpu;
    this.gpu = gpu;
    this.info = info;
    this.limits = limits;
    this.hasFloat16 = gpu.features.has("shader-f16");
    this.#recording = new Recording(gpu, this.#failures);
    this.#kernels = new KernelCache(gpu, this.#recording, this.#failures);
    const limitBytes = memoryLimit ?? (info.details.software ? 4 : 64) * GIBIBYTE;
    this.memory = { liveBytes: 0, peakBytes: 0, limitBytes };
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#pool = new BufferPool(gpu, this.#recording, {
      usage: STORAGE | COPY_SRC | COPY_DST,
      memoryLimit: limitBytes,
      forget: () => this.#kernels.forgetBindGroups(),
      advice: () => this.scopes.advice,
    });
    this.#stagings = new BufferPool(gpu, this.#recording, {
      usage: MAP_READ | COPY_DST,
      maxKeptBytes: MAX_KEPT_BYTES,
    });
    // Errors that no scope reports.
    gpu.device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      if (event instanceof GPUUncapturedErrorEvent) this.#failures.note(event.error.message);
    });
    gpu.device.lost.then(({ reason, message }) =>
      this.#failures.note(`the device was lost (${reason || "unknown reason"}: ${message})`)
    );
  }

  get statistics(): WebGpuStatistics {
    return {
      dispatches: this.#recording.dispatches,
      submits: this.#recording.serial - 1,
      readbacks: this.#readbacks,
      buffersCreated: this.#pool.created + this.#stagings.created,
      pipelinesCompiled: this.#kernels.pipelinesCompiled,
      bindGroupsCreated: this.#kernels.bindGroupsCreated,
      bufferBytes: this.#pool.heldBytes,
    };
  }

  scope(): Scope {
    return this.scopes.open();
  }

  allocate(bytes: number, label: string): Allocation {
    this.#failures.assertNone(`allocate "${label}" on`);
    const buffer = this.#pool.take(bytes, label);
    this.live++;
    this.memory.liveBytes += bytes;
    this.memory.peakBytes = Math.max(this.memory.peakBytes, this.memory.liveBytes);
    return new WebGpuAllocation(this, bytes, label, buffer);
  }

  free(allocation: Allocation): void {
    // A finalizer may run after the device is gone.
    if (this.#closed) return;
    const own = this.#own(allocation, "free");
    const { buffer } = own;
    (own as WebGpuAllocation).buffer = null;
    this.live--;
    this.memory.liveBytes -= allocation.bytes;
    this.#pool.give(buffer);
  }

  /**
   * Copies `data` to `allocation` at `byteOffset`, after all work dispatched so far.
   *
   * The queue's own `writeBuffer` runs before everything recorded but not submitted, so it is only
   * used for buffers that the pending recording does not touch. Otherwise the data goes into a
   * staging buffer, and a copy from it is recorded.
   */
  write(allocation: Allocation, byteOffset: number, data: StoredArray): void {
    const what = "write to";
    this.#failures.assertNone(what);
    const target = this.#own(allocation, what).buffer;
    assertRange(what, allocation, byteOffset, data.byteLength, 4);
    if (data.byteLength === 0) return;
    const words = inWholeWords(data);
    if (target.lastRecording === this.#recording.serial) {
      if (this.#recording.stagedBytes + words.byteLength <= MAX_STAGED_BYTES) {
        return this.#recordWrite(target, byteOffset, words);
      }
      this.#recording.submit();
    }
    this.gpu.device.queue.writeBuffer(target.buffer, byteOffset, words);
  }

  #recordWrite(target: PooledBuffer, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void {
    const staging = this.#pool.take(data.byteLength, "write", this.#recording.serial);
    this.gpu.device.queue.writeBuffer(staging.buffer, 0, data);
    this.#recording.copy(staging.buffer, 0, target.buffer, byteOffset, data.byteLength);
    // `take` may have submitted to make room, so read the serial number again.
    staging.lastRecording = target.lastRecording = this.#recording.serial;
    this.#recording.stagedBytes += data.byteLength;
    this.#pool.give(staging);
  }

  /**
   * Copies bytes out of `allocation`, after all work dispatched so far.
   *
   * The copy is recorded at once, so later work may overwrite or free the memory. All reads before
   * the next `await` share one submit and one wait.
   */
  async read(allocation: Allocation, byteOffset: number, byteLength: number): Promise<ArrayBuffer> {
    const what = "read";
    this.#failures.assertNone("read from");
    const source = this.#own(allocation, what).buffer;
    assertRange(what, allocation, byteOffset, byteLength, 1);
    if (byteLength === 0) return new ArrayBuffer(0);
    // A `float16` may start or end within a word, and copies are of words.
    const before = byteOffset % 4;
    const bytes = wholeWords(before + byteLength);
    const staging = this.#stagings.take(bytes, "read");
    this.#recording.copy(source.buffer, byteOffset - before, staging.buffer, 0, bytes);
    source.lastRecording = this.#recording.serial;
    await (this.#reads ??= this.#submitReads());
    const data = await this.#failures.waitFor("read from", readBuffer(staging.buffer, bytes));
    this.#stagings.give(staging);
    return bytes === byteLength ? data : data.slice(before, before + byteLength);
  }

  async #submitReads(): Promise<void> {
    await Promise.resolve();
    this.#reads = null;
    this.#failures.assertNone("read from");
    this.#recording.submit();
    this.#readbacks++;
  }

  inF32<Result>(run: () => Promise<Result>): Promise<Result> {
    return run();
  }

  flush(): void {
    this.#failures.assertNone("flush");
    this.#recording.submit();
  }

  async synchronize(): Promise<void> {
    this.#failures.assertNone("synchronize");
    this.#recording.submit();
    await this.#failures.waitFor("synchronize", this.gpu.device.queue.onSubmittedWorkDone());
  }

  async backpressure(): Promise<void> {
    const what = "go on with";
    this.#failures.assertNone(what);
    if (this.#inFlight.length === MAX_IN_FLIGHT) {
      await this.#failures.waitFor(what, this.#inFlight.shift()!);
    }
    // Requested before the submit: where this call blocks until all work is done, a submit does
    // too. Failures are reported to the next caller that waits.
    const done = this.gpu.device.queue.onSubmittedWorkDone();
    this.#inFlight.push(done.then(() => {}, () => {}));
    this.#recording.submit();
  }

  override async profile(run: () => void | Promise<void>): Promise<Profile> {
    if (this.#recording.timer !== null) {
      throw wrongState("profile", "no profile in progress", "one");
    }
    const timer = this.#recording.timer = new KernelTimer(this.gpu);
    try {
      await this.synchronize();
      const recorder = new ProfileRecorder();
      await run();
      await this.synchronize();
      const end = performance.now();
      await this.#failures.waitFor("profile", timer.report(recorder));
      return recorder.finish(end);
    } finally {
      this.#recording.timer = null;
      timer.destroy();
    }
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#failures.note(CLOSED);
    this.#closed = true;
    this.live = this.memory.liveBytes = 0;
    for (const pool of [this.#pool, this.#stagings]) pool.close();
    this.gpu.device.destroy();
    return Promise.resolve();
  }

  range(allocation: Allocation, byteOffset: number, byteLength: number): Allocation {
    this.#own(allocation, "bind");
    assertRange("bind", allocation, byteOffset, byteLength, 4);
    if (byteOffset % BINDING_ALIGNMENT !== 0) {
      const wanted = `a multiple of ${BINDING_ALIGNMENT} bytes as its start`;
      throw wrongValue("bind a range of an allocation", wanted, byteOffset);
    }
    return new WebGpuRange(allocation, byteOffset, byteLength);
  }

  dispatch(
    kernel: WgslKernel,
    allocations: readonly Allocation[],
    arguments_: Arguments,
    workgroups: readonly [x: number, y?: number, z?: number],
    work?: () => Work,
  ): void {
    const [x, y = 1, z = 1] = workgroups;
    const what = `run "${kernel.key}" on`;
    this.#failures.assertNone(what);
    assertCall(this.limits, kernel, allocations, arguments_, Math.max(x, y, z));
    if (x === 0 || y === 0 || z === 0) return;
    const compiled = this.#kernels.compiled(kernel);
    const buffers = allocations.map((allocation) => {
      const { buffer } = this.#own(wholeOf(allocation), what);
      return { buffer, byteOffset: allocation instanceof WebGpuRange ? allocation.byteOffset : 0 };
    });
    const group = this.#kernels.bindGroup(compiled, buffers);
    this.#recording.reserveArguments(compiled);
    for (const { buffer } of buffers) buffer.lastRecording = this.#recording.serial;
    const timed = this.#recording.timer?.next(kernel, work?.()) ?? null;
    this.#recording.dispatch(compiled, group, arguments_, [x, y, z], timed);
  }

  #own(allocation: Allocation, what: string): LiveAllocation {
    if (!(allocation instanceof WebGpuAllocation && allocation.owner === this)) {
      throw wrongType(`${what} an allocation`, "one of this device", "one of another");
    }
    if (allocation.buffer === null) {
      throw new Error(`Cannot ${what} ${allocation.label}: its memory was freed`);
    }
    return allocation as LiveAllocation;
  }
}

type LiveAllocation = WebGpuAllocation & { readonly buffer: PooledBuffer };

/** The bytes of `data`, padded with zeros to whole words. */
function inWholeWords(data: StoredArray): ArrayBufferView<ArrayBuffer> {
  if (data.byteLength % 4 === 0) return data;
  const words = new Uint8Array(wholeWords(data.byteLength));
  words.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return words;
}

/**
 * Opens the GPU.
 *
 * @throws {Error} If there is none; says why and what to install.
 * @throws {RangeError} If a requested limit exceeds the adapter's.
 *
 * @example
 * ```ts
 * import { openWebGpuDevice } from "./device.ts";
 *
 * const device = await openWebGpuDevice().catch((error: Error) => error);
 * if (device instanceof Error) {
 *   console.log(device.message);
 * } else {
 *   const two = device.allocate(8, "two numbers");
 *   device.write(two, 0, Float32Array.of(3, 4));
 *   const back = new Float32Array(await device.read(two, 0, 8));
 *   if (back[1] !== 4) throw new Error("expected what was written");
 *   await device.close();
 * }
 * ```
 */
export async function openWebGpuDevice(
  options: WebGpuOptions = {},
): Promise<RecordingWebGpuDevice> {
  return new RecordingWebGpuDevice(await openAdapter(options), options.memoryLimit);
}
