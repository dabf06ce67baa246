/** WebGPU, called on this thread. @module */

import type { DeviceInfo } from "../../device.ts";
import { Error, RangeError } from "../../errors.ts";
import type { OpenedAdapter, WebGpuLimits } from "./adapter.ts";
import { oneLine } from "./checks.ts";
import { defineEncoding, type Encoding } from "./encode.ts";
import {
  type BindGroupHandle,
  type BindingUse,
  type BufferHandle,
  type BufferRange,
  type BufferUse,
  COMMAND,
  type Gpu,
  type GpuLoss,
  type Handle,
  type LayoutHandle,
  type PipelineHandle,
  type TimestampsHandle,
} from "./gpu.ts";

interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export interface DirectGpuParts {
  readonly encoding: Encoding;
  readonly oneLine: (message: string) => string;
  readonly Error: ErrorConstructor;
}

export type DirectGpuClass = new (opened: OpenedAdapter) => Gpu;

/** Defines {@linkcode DirectGpu}. Workers get this function as text, so it is self-contained. */
export function defineDirectGpu({ encoding, oneLine, Error }: DirectGpuParts): DirectGpuClass {
  class DirectGpu implements Gpu {
    readonly info: DeviceInfo;
    readonly limits: WebGpuLimits;
    readonly features: ReadonlySet<string>;
    readonly lost: Promise<GpuLoss>;
    readonly #gpu: GPUDevice;
    readonly #buffers = new Table<BufferHandle, GPUBuffer>("a buffer");
    readonly #layouts = new Table<LayoutHandle, Layout>("a layout");
    readonly #pipelines = new Table<PipelineHandle, GPUComputePipeline>("a pipeline");
    readonly #bindGroups = new Table<BindGroupHandle, GPUBindGroup>("a bind group");
    readonly #timestamps = new Table<TimestampsHandle, GPUQuerySet>("timestamps");
    /** Kernels that are not known to have compiled. */
    readonly #doubtful = new Map<
      PipelineHandle,
      { error: Promise<string | null>; failed: boolean }
    >();
    readonly #destroyed = Promise.withResolvers<GpuLoss>();
    #made = 0;
    #onUncapturedError: (message: string) => void = () => {};

    constructor({ gpu, info, limits, features }: OpenedAdapter) {
      this.#gpu = gpu;
      this.info = info;
      this.limits = limits;
      this.features = features;
      const lost = gpu.lost.then(({ reason, message }) => ({
        reason: reason || "unknown reason",
        message: oneLine(message),
      }));
      this.lost = Promise.race([lost, this.#destroyed.promise]);
    }

    onUncapturedError(listener: (message: string) => void): void {
      this.#onUncapturedError = listener;
      this.#gpu.addEventListener("uncapturederror", (event) => {
        event.preventDefault();
        if (event instanceof GPUUncapturedErrorEvent) listener(oneLine(event.error.message));
      });
    }

    createBuffer(label: string, size: number, use: BufferUse): BufferHandle {
      const handle = this.#next<"buffer">();
      this.#buffers.set(handle, this.#gpu.createBuffer({ label, size, usage: usageFlags(use) }));
      return handle;
    }

    destroyBuffer(buffer: BufferHandle): void {
      this.#buffers.get(buffer).destroy();
      this.#buffers.delete(buffer);
    }

    writeBuffer(
      buffer: BufferHandle,
      byteOffset: number,
      data: ArrayBufferView<ArrayBuffer>,
    ): void {
      this.#gpu.queue.writeBuffer(this.#buffers.get(buffer), byteOffset, data);
    }

    createLayout(
      label: string,
      firstBinding: number,
      bindings: readonly BindingUse[],
    ): LayoutHandle {
      const handle = this.#next<"layout">();
      const entries = bindings.map((use, i): GPUBindGroupLayoutEntry => ({
        binding: firstBinding + i,
        visibility: GPUShaderStage.COMPUTE,
        buffer: use === "arguments"
          ? { type: "uniform", hasDynamicOffset: true }
          : { type: use === "write" ? "storage" : "read-only-storage" },
      }));
      const group = this.#gpu.createBindGroupLayout({ label, entries });
      const pipeline = this.#gpu.createPipelineLayout({ label, bindGroupLayouts: [group] });
      this.#layouts.set(handle, { group, pipeline });
      return handle;
    }

    createPipeline(label: string, layout: LayoutHandle, code: string): PipelineHandle {
      const handle = this.#next<"pipeline">();
      this.pushErrorScope();
      const module = this.#gpu.createShaderModule({ label, code });
      const pipeline = this.#gpu.createComputePipeline({
        label,
        layout: this.#layouts.get(layout).pipeline,
        compute: { module, entryPoint: "main" },
      });
      this.#pipelines.set(handle, pipeline);
      const compilation = { error: this.popErrorScope(), failed: false };
      this.#doubtful.set(handle, compilation);
      compilation.error.then((error) => {
        if (error === null) this.#doubtful.delete(handle);
        else compilation.failed = true;
      }, () => {});
      return handle;
    }

    compilationError(pipeline: PipelineHandle): Promise<string | null> {
      return this.#doubtful.get(pipeline)?.error ?? Promise.resolve(null);
    }

    createBindGroup(
      layout: LayoutHandle,
      firstBinding: number,
      buffers: readonly BufferRange[],
    ): BindGroupHandle {
      const handle = this.#next<"bind group">();
      const entries = buffers.map(({ buffer, offset, size }, i): GPUBindGroupEntry => ({
        binding: firstBinding + i,
        resource: { buffer: this.#buffers.get(buffer), offset, size },
      }));
      const group = this.#gpu.createBindGroup({ layout: this.#layouts.get(layout).group, entries });
      this.#bindGroups.set(handle, group);
      return handle;
    }

    forgetBindGroups(): void {
      this.#bindGroups.clear();
    }

    createTimestamps(label: string, count: number): TimestampsHandle {
      const handle = this.#next<"timestamps">();
      this.#timestamps.set(handle, this.#gpu.createQuerySet({ label, type: "timestamp", count }));
      return handle;
    }

    destroyTimestamps(timestamps: TimestampsHandle): void {
      this.#timestamps.get(timestamps).destroy();
      this.#timestamps.delete(timestamps);
    }

    submit(commands: Float64Array<ArrayBuffer>): void {
      if (this.#doubtful.size === 0) return this.#submit(commands);
      // One kernel that did not compile would invalidate everything submitted with it.
      for (const part of encoding.partsOf(commands, (pipeline) => this.#doubtful.has(pipeline))) {
        if (part.doubtful === null) {
          this.#submit(part.commands);
          continue;
        }
        const { error: compilation, failed } = this.#doubtful.get(part.doubtful)!;
        if (failed) continue;
        this.pushErrorScope();
        this.#submit(part.commands);
        Promise.all([compilation, this.popErrorScope()]).then(([reason, error]) => {
          if (reason === null && error !== null) this.#onUncapturedError(error);
        }, () => {});
      }
    }

    #submit(commands: Float64Array): void {
      const encoder = this.#gpu.createCommandEncoder({ label: "recording" });
      encoding.encode(encoder, commands, {
        buffers: this.#buffers,
        pipelines: this.#pipelines,
        bindGroups: this.#bindGroups,
        timestamps: this.#timestamps,
      });
      this.#gpu.queue.submit([encoder.finish()]);
    }

    pushErrorScope(): void {
      this.#gpu.pushErrorScope("validation");
    }

    async popErrorScope(): Promise<string | null> {
      const error = await this.#gpu.popErrorScope();
      return error === null ? null : oneLine(error.message);
    }

    async readBuffer(handle: BufferHandle, byteLength: number): Promise<ArrayBuffer> {
      const buffer = this.#buffers.get(handle);
      await afterLoss(buffer.mapAsync(GPUMapMode.READ, 0, byteLength));
      const data = buffer.getMappedRange(0, byteLength).slice(0);
      buffer.unmap();
      return data;
    }

    async submittedWorkDone(): Promise<void> {
      await afterLoss(this.#gpu.queue.onSubmittedWorkDone());
    }

    destroy(): void {
      this.#gpu.destroy();
      // Browsers do not always report a requested loss.
      this.#destroyed.resolve({ reason: "destroyed", message: "" });
    }

    #next<Kind extends string>(): Handle<Kind> {
      return ++this.#made as Handle<Kind>;
    }
  }

  class Table<Key, Value> {
    readonly #values = new Map<Key, Value>();
    readonly #what: string;

    constructor(what: string) {
      this.#what = what;
    }

    get(handle: Key): Value {
      const value = this.#values.get(handle);
      if (value === undefined) {
        throw new Error(
          `Cannot use ${this.#what} of the GPU: wanted one that exists, got ${handle}`,
        );
      }
      return value;
    }

    set(handle: Key, value: Value): void {
      this.#values.set(handle, value);
    }

    delete(handle: Key): void {
      this.#values.delete(handle);
    }

    clear(): void {
      this.#values.clear();
    }
  }

  function usageFlags(use: BufferUse): number {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
    switch (use) {
      case "storage":
        return STORAGE | COPY_SRC | COPY_DST;
      case "arguments":
        return UNIFORM | COPY_DST;
      case "read":
        return MAP_READ | COPY_DST;
      case "timestamps":
        return QUERY_RESOLVE | COPY_SRC;
    }
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

  return DirectGpu;
}

export const DirectGpu: DirectGpuClass = defineDirectGpu({
  encoding: defineEncoding(COMMAND, RangeError),
  oneLine,
  Error,
});
