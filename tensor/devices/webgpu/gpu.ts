/** The part of WebGPU that the device uses, with errors as results. @module */

import type { OpenedAdapter } from "./adapter.ts";

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

/** A kernel that is ready to run, and what is wrong with it. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  /** Why it does not compile, or `null`. */
  readonly error: Promise<string | null>;
}

/** An opened GPU. Calls take effect in order; only those that return a promise wait. */
export class Gpu {
  readonly info: OpenedAdapter["info"];
  readonly limits: OpenedAdapter["limits"];
  readonly features: OpenedAdapter["features"];
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
    return { pipeline, error: this.#validationError() };
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

  /** Begins to encode commands, to be submitted. */
  beginCommands(): GPUCommandEncoder {
    this.#device.pushErrorScope("validation");
    return this.#device.createCommandEncoder({ label: "recording" });
  }

  /** Submits commands. Resolves to the first validation error since they began, or to `null`. */
  submit(commands: GPUCommandEncoder): Promise<string | null> {
    this.#device.queue.submit([commands.finish()]);
    return this.#validationError();
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
