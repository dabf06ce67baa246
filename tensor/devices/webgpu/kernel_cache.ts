/** Caches of kernels, pipelines and bind groups. @module */

import type { WgslKernel } from "../../device.ts";
import type { PooledBuffer } from "./buffer_pool.ts";
import type { Failures } from "./failures.ts";
import type { BindingUse, Gpu } from "./gpu.ts";
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
  readonly bindings: readonly BindingUse[];
  readonly argumentBytes: number;
  /** Identifies the bindings: kernels of equal layouts share bind groups. */
  readonly layout: string;
}

export class KernelCache {
  readonly #gpu: Gpu;
  readonly #recording: Recording;
  readonly #failures: Failures;
  readonly #byKey = new Map<string, CompiledKernel>();
  readonly #groups = new Map<string, GPUBindGroup>();
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
    { layout, bindings, argumentBytes }: CompiledKernel,
    buffers: readonly BoundBuffer[],
  ): GPUBindGroup {
    let key = layout;
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
    const group = this.#gpu.createBindGroup(bindings, ranges);
    this.#groups.set(key, group);
    return group;
  }

  /** Drops the bind groups, for example of destroyed buffers. None may be pending. */
  forgetBindGroups(): void {
    this.#groups.clear();
  }

  #compile(kernel: WgslKernel): CompiledKernel {
    const words = kernel.integers.length + (kernel.floats?.length ?? 0);
    const argumentBytes = Math.ceil(words * 4 / ARGUMENT_SLOT_BYTES) * ARGUMENT_SLOT_BYTES;
    const bindings = kernel.buffers.map(({ writes }): BindingUse => writes ? "write" : "read");
    if (argumentBytes > 0) bindings.push("arguments");
    const { key } = kernel;
    const { pipeline, error } = this.#gpu.createPipeline(key, bindings, completeCode(kernel));
    this.#failures.check(`compile the kernel "${key}"`, error);
    const layout = `${argumentBytes}${bindings}`;
    const compiled = { pipeline, bindings, argumentBytes, layout };
    this.#byKey.set(kernel.key, compiled);
    return compiled;
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
