/** Commands that are encoded but not submitted, and the arguments of their dispatches. @module */

import type { Arguments } from "../../device.ts";
import type { Gpu } from "./adapter.ts";
import type { Failures } from "./failures.ts";

import { ARGUMENT_SLOT_BYTES, type CompiledKernel } from "./kernel_cache.ts";
import type { KernelTimer } from "./kernel_timer.ts";

/** Slots for arguments: a training step of a small model needs a few hundred. */
const SLOTS = 1024;

export class Recording {
  /**
   * A uniform buffer with slots for arguments. One is enough: it is written between two submits, so
   * the kernels of the earlier one have read their slots before these are overwritten.
   */
  readonly slots: GPUBuffer;
  /** Serial number of this recording. All smaller ones have been submitted. */
  serial = 1;
  /** Dispatches of this recording and all before it. */
  dispatches = 0;
  /** Bytes of the writes whose data is copied by this recording. */
  stagedBytes = 0;
  /** Times the dispatches, while a profile is made. */
  timer: KernelTimer | null = null;
  readonly #gpu: Gpu;
  readonly #failures: Failures;
  readonly #integers = new Int32Array(SLOTS * ARGUMENT_SLOT_BYTES / 4);
  readonly #floats = new Float32Array(this.#integers.buffer);
  #used = 0;
  /** The commands; `null` as long as there are none. */
  #commands: GPUCommandEncoder | null = null;
  /** The pass of the last dispatches, which others join, and the pipeline that is set in it. */
  #pass: GPUComputePassEncoder | null = null;
  #pipeline: GPUComputePipeline | null = null;

  constructor(gpu: Gpu, failures: Failures) {
    this.#gpu = gpu;
    this.#failures = failures;
    this.slots = gpu.device.createBuffer({
      label: "arguments",
      size: SLOTS * ARGUMENT_SLOT_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Submits it if there is no room for another dispatch of a kernel. */
  reserveArguments({ argumentBytes }: CompiledKernel): void {
    const isFull = this.#used * 4 + argumentBytes > this.#integers.byteLength;
    if (isFull || this.timer?.isFull) this.submit();
  }

  /** Records a dispatch, for which there is room. Timestamps require a separate pass. */
  dispatch(
    { pipeline, argumentBytes }: CompiledKernel,
    group: GPUBindGroup,
    { integers, floats = [] }: Arguments,
    workgroups: readonly [x: number, y: number, z: number],
    timestampWrites: GPUComputePassTimestampWrites | null,
  ): void {
    const start = this.#used;
    this.#used += argumentBytes / 4;
    this.#integers.set(integers, start);
    this.#floats.set(floats, start + integers.length);
    if (timestampWrites !== null) this.#endPass();
    const pass = this.#pass ??= this.#begun().beginComputePass(
      timestampWrites === null ? {} : { timestampWrites },
    );
    if (pipeline !== this.#pipeline) pass.setPipeline(pipeline);
    this.#pipeline = pipeline;
    pass.setBindGroup(0, group, argumentBytes > 0 ? [start * 4] : []);
    pass.dispatchWorkgroups(...workgroups);
    if (timestampWrites !== null) this.#endPass();
    this.dispatches++;
  }

  copy(
    from: GPUBuffer,
    fromOffset: number,
    to: GPUBuffer,
    toOffset: number,
    bytes: number,
  ): void {
    this.#endPass();
    this.#begun().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Submits the commands with their arguments, and begins the next recording. */
  submit(): void {
    const commands = this.#commands;
    if (commands === null) return;
    this.#endPass();
    this.timer?.endRecording(commands);
    this.#commands = null;
    const { device } = this.#gpu;
    if (this.#used > 0) {
      device.queue.writeBuffer(this.slots, 0, this.#integers.subarray(0, this.#used));
    }
    device.queue.submit([commands.finish()]);
    this.#failures.check("run what was recorded", device.popErrorScope());
    this.#used = this.stagedBytes = 0;
    this.serial++;
  }

  #begun(): GPUCommandEncoder {
    if (this.#commands !== null) return this.#commands;
    this.#gpu.device.pushErrorScope("validation");
    return this.#commands = this.#gpu.device.createCommandEncoder({ label: "recording" });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = this.#pipeline = null;
  }
}
