/** The part of WebGPU that the device uses, with errors as results. @module */

import type { GpuPlan, OpenedAdapter } from "./adapter.ts";
import type { Compilation } from "./allocation.ts";
import { oneLine } from "./checks.ts";

/** The use of a buffer: by kernels, for arguments, for reading back, or for resolved timestamps. */
export type BufferUse = "storage" | "arguments" | "read" | "timestamps";

/** The use of a binding: read-only, read-write, or arguments. */
export type BindingUse = "read" | "write" | "arguments";

/** A range of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

export interface GpuLoss {
  /** `"destroyed"` if it was intended, otherwise `"unknown"`. */
  readonly reason: string;
  readonly message: string;
}

/** Where a dispatch writes its start and end timestamps. */
export interface TimestampPlace {
  readonly timestamps: GPUQuerySet;
  /** Index of the first of the two. */
  readonly index: number;
}

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly compilation: Compilation;
}

export interface DispatchCommand extends Pipeline {
  readonly group: GPUBindGroup;
  /** Byte offset of the arguments, if there are any. */
  readonly offsets: number[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  readonly timed: TimestampPlace | null;
}

export interface CopyCommand {
  readonly from: GPUBuffer;
  readonly fromOffset: number;
  readonly to: GPUBuffer;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Resolves the first `count` timestamps of a query set to a buffer, as 64-bit nanoseconds. */
export interface ResolveCommand {
  readonly timestamps: GPUQuerySet;
  readonly count: number;
  readonly to: GPUBuffer;
}

export type Command = DispatchCommand | CopyCommand | ResolveCommand;

/** An opened GPU. Calls take effect in order; only those that return a promise wait. */
export class Gpu implements GpuPlan {
  readonly info: GpuPlan["info"];
  readonly limits: GpuPlan["limits"];
  readonly features: GpuPlan["features"];
  /** Resolves when the device is lost, including after `destroy`. */
  readonly lost: Promise<GpuLoss>;
  readonly #device: GPUDevice;
  /** By the bindings: layouts of equal ones are interchangeable. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #buffers = new Set<GPUBuffer>();
  readonly #destroyed = Promise.withResolvers<GpuLoss>();

  constructor({ gpu, info, limits, features }: OpenedAdapter) {
    this.#device = gpu;
    this.info = info;
    this.limits = limits;
    this.features = features;
    const lost = gpu.lost.then(({ reason, message }) => ({
      reason: reason || "unknown reason",
      message,
    }));
    this.lost = Promise.race([lost, this.#destroyed.promise]);
  }

  /** Registers the listener for errors that no method reports. */
  onUncapturedError(listener: (message: string) => void): void {
    this.#device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      if (event instanceof GPUUncapturedErrorEvent) listener(event.error.message);
    });
  }

  createBuffer(label: string, size: number, use: BufferUse): GPUBuffer {
    const buffer = this.#device.createBuffer({ label, size, usage: usageFlags(use) });
    this.#buffers.add(buffer);
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#buffers.delete(buffer);
  }

  createTimestamps(label: string, count: number): GPUQuerySet {
    return this.#device.createQuerySet({ label, type: "timestamp", count });
  }

  /** Compiles a kernel with the entry point `main`. */
  createPipeline(label: string, bindings: readonly BindingUse[], code: string): Pipeline {
    this.#device.pushErrorScope("validation");
    const pipeline = this.#device.createComputePipeline({
      label,
      layout: this.#device.createPipelineLayout({
        label,
        bindGroupLayouts: [this.#layoutOf(bindings)],
      }),
      compute: { module: this.#device.createShaderModule({ label, code }), entryPoint: "main" },
    });
    const compilation: Compilation = {
      ended: this.#validationError().then((error) => {
        const reason = `the kernel "${label}" does not compile: ${error}`;
        compilation.failure = error === null ? null : oneLine(reason);
      }),
    };
    return { pipeline, compilation };
  }

  /** For all kernels with these bindings. */
  createBindGroup(bindings: readonly BindingUse[], buffers: readonly BufferRange[]): GPUBindGroup {
    return this.#device.createBindGroup({
      layout: this.#layoutOf(bindings),
      entries: buffers.map((resource, binding) => ({ binding, resource })),
    });
  }

  /** Copies `data`, which may be changed after the call, to a buffer before later submits. */
  writeBuffer(buffer: GPUBuffer, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void {
    this.#device.queue.writeBuffer(buffer, byteOffset, data);
  }

  /**
   * Submits a recording, without the dispatches of kernels that do not compile. Resolves to the
   * first validation error, or to `null`.
   */
  async submit(commands: readonly Command[]): Promise<string | null> {
    const errors: Promise<string | null>[] = [];
    let end = 0;
    while (end < commands.length) {
      // One kernel that did not compile would invalidate everything submitted with it.
      const start = end;
      const compilation = unsureOf(commands[start]);
      while (end < commands.length && unsureOf(commands[end]) === compilation) end++;
      if (typeof compilation?.failure === "string") continue;
      this.#device.pushErrorScope("validation");
      this.#device.queue.submit([this.#encode(commands.slice(start, end))]);
      const own = Promise.all([this.#validationError(), compilation?.ended]);
      errors.push(own.then(([error]) => typeof compilation?.failure === "string" ? null : error));
    }
    const all = await Promise.all(errors);
    return all.find((error) => error !== null) ?? null;
  }

  /** Resolves to the first bytes of a read-back buffer, after everything submitted so far. */
  async readBuffer(buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
    await afterLoss(buffer.mapAsync(GPUMapMode.READ, 0, byteLength));
    const data = buffer.getMappedRange(0, byteLength).slice(0);
    buffer.unmap();
    return data;
  }

  submittedWorkDone(): Promise<void> {
    return afterLoss(this.#device.queue.onSubmittedWorkDone());
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#device.destroy();
    // Browsers do not always report a requested loss.
    this.#destroyed.resolve({ reason: "destroyed", message: "" });
  }

  async #validationError(): Promise<string | null> {
    return (await this.#device.popErrorScope())?.message ?? null;
  }

  #layoutOf(bindings: readonly BindingUse[]): GPUBindGroupLayout {
    const key = bindings.join();
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const entries = bindings.map((use, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: use === "arguments"
        ? { type: "uniform", hasDynamicOffset: true }
        : { type: use === "write" ? "storage" : "read-only-storage" },
    }));
    const layout = this.#device.createBindGroupLayout({ entries });
    this.#layouts.set(key, layout);
    return layout;
  }

  /** Encodes commands. Dispatches share a compute pass, except timed ones. */
  #encode(commands: readonly Command[]): GPUCommandBuffer {
    const encoder = this.#device.createCommandEncoder({ label: "recording" });
    let pass: GPUComputePassEncoder | null = null;
    let current: GPUComputePipeline | null = null;
    const endPass = () => {
      pass?.end();
      pass = null;
      current = null;
    };
    for (const command of commands) {
      if (!("pipeline" in command) || command.timed !== null) endPass();
      if ("pipeline" in command) {
        const { pipeline, group, offsets, workgroups, timed } = command;
        pass ??= encoder.beginComputePass(timed === null ? {} : { timestampWrites: marks(timed) });
        if (pipeline !== current) pass.setPipeline(pipeline);
        current = pipeline;
        pass.setBindGroup(0, group, offsets);
        pass.dispatchWorkgroups(...workgroups);
        if (timed !== null) endPass();
      } else if ("from" in command) {
        const { from, fromOffset, to, toOffset, bytes } = command;
        encoder.copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
      } else {
        encoder.resolveQuerySet(command.timestamps, 0, command.count, command.to, 0);
      }
    }
    endPass();
    return encoder.finish();
  }
}

/** The compilation of a dispatch's kernel, unless it is known to have succeeded. */
function unsureOf(command: Command | undefined): Compilation | undefined {
  if (command === undefined || !("pipeline" in command)) return undefined;
  return command.compilation.failure === null ? undefined : command.compilation;
}

function marks({ timestamps, index }: TimestampPlace): GPUComputePassTimestampWrites {
  return {
    querySet: timestamps,
    beginningOfPassWriteIndex: index,
    endOfPassWriteIndex: index + 1,
  };
}

function usageFlags(use: BufferUse): number {
  const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
  return {
    storage: STORAGE | COPY_SRC | COPY_DST,
    arguments: UNIFORM | COPY_DST,
    read: MAP_READ | COPY_DST,
    timestamps: QUERY_RESOLVE | COPY_SRC,
  }[use];
}

/** Delays failures caused by a device loss until the loss itself is reported, slightly later. */
async function afterLoss(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    await new Promise((resolve) => setTimeout(resolve));
    throw error;
  }
}
