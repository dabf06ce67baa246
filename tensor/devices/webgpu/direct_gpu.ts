/** WebGPU, called on this thread. @module */

import type { OpenedAdapter } from "./adapter.ts";
import type {
  BindingUse,
  BufferUse,
  Command,
  Gpu,
  GpuLoss,
  Handle,
  PipelineHandle,
} from "./gpu.ts";

/**
 * The {@linkcode Gpu} of an adapter. A worker gets this function as text, so it refers to nothing
 * outside itself.
 */
export function directGpu({ gpu, ...plan }: OpenedAdapter): Gpu {
  const objects = new Map<number, unknown>();
  /** By the bindings: layouts of equal ones are interchangeable. */
  const layouts = new Map<string, GPUBindGroupLayout>();
  /** Kernels that are not known to have compiled. */
  const doubtful = new Map<PipelineHandle, { error: Promise<string | null>; failed: boolean }>();
  const destroyed = Promise.withResolvers<GpuLoss>();
  const lost = gpu.lost.then(({ reason, message }) => ({
    reason: reason || "unknown reason",
    message,
  }));
  let made = 0;

  /** Counts also what cannot be created, as the other side of a worker does. */
  function create<T>(make: () => T): Handle<T> {
    const handle = ++made as Handle<T>;
    objects.set(handle, make());
    return handle;
  }

  function get<T>(handle: Handle<T>): T {
    const found = objects.get(handle);
    if (found === undefined) {
      throw new globalThis.Error(
        `Cannot use an object of the GPU: wanted one that exists, got ${handle}`,
      );
    }
    return found as T;
  }

  /** The compilation of a dispatch's kernel, unless it is known to have succeeded. */
  function doubtOf(command: Command) {
    return "pipeline" in command ? doubtful.get(command.pipeline) : undefined;
  }

  async function validationError(): Promise<string | null> {
    return (await gpu.popErrorScope())?.message ?? null;
  }

  /** Encodes commands. Dispatches share a compute pass, except timed ones. */
  function encode(commands: readonly Command[]): GPUCommandBuffer {
    const encoder = gpu.createCommandEncoder({ label: "recording" });
    let pass: GPUComputePassEncoder | null = null;
    let current = 0;
    const endPass = () => {
      pass?.end();
      pass = null;
      current = 0;
    };
    for (const command of commands) {
      if (!("pipeline" in command) || command.timed !== null) endPass();
      if ("pipeline" in command) {
        const { pipeline, group, offsets, workgroups, timed } = command;
        pass ??= encoder.beginComputePass(
          timed === null ? {} : {
            timestampWrites: {
              querySet: get(timed.timestamps),
              beginningOfPassWriteIndex: timed.index,
              endOfPassWriteIndex: timed.index + 1,
            },
          },
        );
        if (pipeline !== current) pass.setPipeline(get(pipeline));
        current = pipeline;
        pass.setBindGroup(0, get(group), offsets);
        pass.dispatchWorkgroups(...workgroups);
        if (timed !== null) endPass();
      } else if ("from" in command) {
        const { from, fromOffset, to, toOffset, bytes } = command;
        encoder.copyBufferToBuffer(get(from), fromOffset, get(to), toOffset, bytes);
      } else {
        encoder.resolveQuerySet(get(command.timestamps), 0, command.count, get(command.to), 0);
      }
    }
    endPass();
    return encoder.finish();
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

  function usageFlags(use: BufferUse): number {
    const { STORAGE, UNIFORM, COPY_SRC, COPY_DST, MAP_READ, QUERY_RESOLVE } = GPUBufferUsage;
    return {
      storage: STORAGE | COPY_SRC | COPY_DST,
      arguments: UNIFORM | COPY_DST,
      read: MAP_READ | COPY_DST,
      timestamps: QUERY_RESOLVE | COPY_SRC,
    }[use];
  }

  function layoutOf(bindings: readonly BindingUse[]): GPUBindGroupLayout {
    const key = bindings.join();
    const known = layouts.get(key);
    if (known !== undefined) return known;
    const entries = bindings.map((use, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: use === "arguments"
        ? { type: "uniform", hasDynamicOffset: true }
        : { type: use === "write" ? "storage" : "read-only-storage" },
    }));
    const layout = gpu.createBindGroupLayout({ entries });
    layouts.set(key, layout);
    return layout;
  }

  return {
    ...plan,
    lost: Promise.race([lost, destroyed.promise]),
    onUncapturedError(listener) {
      gpu.addEventListener("uncapturederror", (event) => {
        event.preventDefault();
        if (event instanceof GPUUncapturedErrorEvent) listener(event.error.message);
      });
    },
    createBuffer: (label, size, use) =>
      create(() => gpu.createBuffer({ label, size, usage: usageFlags(use) })),
    createPipeline(label, bindings, code) {
      gpu.pushErrorScope("validation");
      const pipeline = create(() =>
        gpu.createComputePipeline({
          label,
          layout: gpu.createPipelineLayout({ label, bindGroupLayouts: [layoutOf(bindings)] }),
          compute: { module: gpu.createShaderModule({ label, code }), entryPoint: "main" },
        })
      );
      const compilation = { error: validationError(), failed: false };
      doubtful.set(pipeline, compilation);
      compilation.error.then((error) => {
        if (error === null) doubtful.delete(pipeline);
        else compilation.failed = true;
      }, () => {});
      return pipeline;
    },
    compilationError: async (pipeline) => await doubtful.get(pipeline)?.error ?? null,
    createBindGroup: (bindings, buffers) =>
      create(() => {
        const entries = buffers.map(({ buffer, offset, size }, binding): GPUBindGroupEntry => ({
          binding,
          resource: { buffer: get(buffer), offset, size },
        }));
        return gpu.createBindGroup({ layout: layoutOf(bindings), entries });
      }),
    createTimestamps: (label, count) =>
      create(() => gpu.createQuerySet({ label, type: "timestamp", count })),
    free(handles) {
      for (const handle of handles) {
        const freed = get<GPUBuffer | GPUBindGroup | GPUQuerySet>(handle);
        if ("destroy" in freed) freed.destroy();
        objects.delete(handle);
      }
    },
    writeBuffer: (buffer, byteOffset, data) => gpu.queue.writeBuffer(get(buffer), byteOffset, data),
    submit(commands) {
      const errors: Promise<string | null>[] = [];
      let end = 0;
      while (end < commands.length) {
        // One kernel that did not compile would invalidate everything submitted with it.
        const start = end;
        const compilation = doubtOf(commands[start]!);
        while (end < commands.length && doubtOf(commands[end]!) === compilation) end++;
        if (compilation?.failed) continue;
        gpu.pushErrorScope("validation");
        gpu.queue.submit([encode(commands.slice(start, end))]);
        const own = Promise.all([compilation?.error ?? null, validationError()]);
        errors.push(own.then(([reason, error]) => reason === null ? error : null));
      }
      return Promise.all(errors).then((all) => all.find((error) => error !== null) ?? null);
    },
    async readBuffer(handle, byteLength) {
      const buffer = get(handle);
      await afterLoss(buffer.mapAsync(GPUMapMode.READ, 0, byteLength));
      const data = buffer.getMappedRange(0, byteLength).slice(0);
      buffer.unmap();
      return data;
    },
    submittedWorkDone: () => afterLoss(gpu.queue.onSubmittedWorkDone()),
    destroy() {
      for (const each of objects.values()) if (each instanceof GPUBuffer) each.destroy();
      gpu.destroy();
      // Browsers do not always report a requested loss.
      destroyed.resolve({ reason: "destroyed", message: "" });
    },
  };
}
