/** Caches of kernels, pipelines and bind groups. @module */

import type { WgslKernel } from "../../device.ts";
import type { Gpu } from "./adapter.ts";
import type { PooledBuffer } from "./buffer_pool.ts";
import type { Failures } from "./failures.ts";
import type { Recording } from "./recording.ts";
import { functionsFor } from "./wgsl_functions.ts";

/** Dynamic offsets into a uniform buffer are multiples of this on every adapter, in bytes. */
export const ARGUMENT_SLOT_BYTES = 256;

const MAX_BIND_GROUPS = 16_384;

export interface BoundBuffer {
  readonly buffer: PooledBuffer;
  /** Start: a multiple of 256. */
  readonly byteOffset: number;
}

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly argumentBytes: number;
  readonly layout: GPUBindGroupLayout;
  /** Identifies the layout and the size of the arguments: such kernels share bind groups. */
  readonly groups: string;
}

export class KernelCache {
  readonly #gpu: Gpu;
  readonly #recording: Recording;
  readonly #failures: Failures;
  readonly #byKey = new Map<string, CompiledKernel>();
  readonly #groups = new Map<string, GPUBindGroup>();
  /** By {@linkcode CompiledKernel.groups}: kernels of equal bindings share one. */
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  bindGroupsCreated = 0;

  constructor(gpu: Gpu, recording: Recording, failures: Failures) {
    this.#gpu = gpu;
    this.#recording = recording;
    this.#failures = failures;
  }

  get pipelinesCompiled(): number {
    return this.#byKey.size;
  }

  compiled(kernel: WgslKernel): CompiledKernel {
    return this.#byKey.get(kernel.key) ?? this.#compile(kernel);
  }

  /** The bind group of `buffers` for a kernel. May submit the recording. */
  bindGroup(
    { layout, groups, argumentBytes }: CompiledKernel,
    buffers: readonly BoundBuffer[],
  ): GPUBindGroup {
    let key = groups;
    for (const { buffer, byteOffset } of buffers) {
      key += `,${buffer.serial}`;
      if (byteOffset > 0) key += `+${byteOffset}`;
    }
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size >= MAX_BIND_GROUPS) {
      this.#recording.submit();
      this.forgetBindGroups();
    }
    const bindingLimit = this.#gpu.limits.maxStorageBufferBindingSize;
    const ranges = buffers.map(({ buffer, byteOffset }) => ({
      buffer: buffer.buffer,
      offset: byteOffset,
      size: Math.min(buffer.capacity - byteOffset, bindingLimit),
    }));
    if (argumentBytes > 0) {
      ranges.push({ buffer: this.#recording.slots, offset: 0, size: argumentBytes });
    }
    this.bindGroupsCreated++;
    const entries = ranges.map((resource, binding) => ({ binding, resource }));
    const group = this.#gpu.device.createBindGroup({ layout, entries });
    this.#groups.set(key, group);
    return group;
  }

  /** Drops the bind groups, for example of destroyed buffers. None may be pending. */
  forgetBindGroups(): void {
    this.#groups.clear();
  }

  #compile(kernel: WgslKernel): CompiledKernel {
    const { key } = kernel;
    const words = kernel.integers.length + (kernel.floats?.length ?? 0);
    const argumentBytes = Math.ceil(words * 4 / ARGUMENT_SLOT_BYTES) * ARGUMENT_SLOT_BYTES;
    const buffers = kernel.buffers.map(({ writes }): GPUBufferBindingLayout => ({
      type: writes ? "storage" : "read-only-storage",
    }));
    if (argumentBytes > 0) buffers.push({ type: "uniform", hasDynamicOffset: true });
    const groups = `${argumentBytes}${buffers.map(({ type }) => type)}`;
    const layout = this.#layouts.get(groups) ?? this.#newLayout(groups, buffers);
    const { device } = this.#gpu;
    const code = completeCode(kernel);
    device.pushErrorScope("validation");
    const pipeline = device.createComputePipeline({
      label: key,
      layout: device.createPipelineLayout({ label: key, bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ label: key, code }), entryPoint: "main" },
    });
    this.#failures.check(`compile the kernel "${key}"`, device.popErrorScope());
    const compiled = { pipeline, argumentBytes, layout, groups };
    this.#byKey.set(key, compiled);
    return compiled;
  }

  #newLayout(groups: string, buffers: readonly GPUBufferBindingLayout[]): GPUBindGroupLayout {
    const visibility = GPUShaderStage.COMPUTE;
    const entries = buffers.map((buffer, binding) => ({ binding, visibility, buffer }));
    const layout = this.#gpu.device.createBindGroupLayout({ entries });
    this.#layouts.set(groups, layout);
    return layout;
  }
}

/** The complete source of a kernel: generated declarations, functions, body. */
function completeCode({ buffers, integers, floats = [], code }: WgslKernel): string {
  const body = code();
  const fields = [
    ...integers.map((name) => `${name}: i32`),
    ...floats.map((name) => `${name}: f32`),
  ];
  return [
    ...(buffers.some(({ type }) => type.includes("f16")) ? ["enable f16;"] : []),
    ...(fields.length === 0 ? [] : [
      `struct Arguments { ${fields.join(", ")} }`,
      `@group(0) @binding(${buffers.length}) var<uniform> arguments: Arguments;`,
    ]),
    ...buffers.map(({ name, type, writes }, i) =>
      `@group(0) @binding(${i}) var<storage, ${writes ? "read_write" : "read"}> ` +
      `${name}: array<${type}>;`
    ),
    functionsFor(body),
    body,
  ].join("\n");
}
