/** Pipelines and bind groups, each made once. @module */

import type { WgslKernel } from "../../device.ts";
import type { PooledBuffer } from "./buffer_pool.ts";
import type {
  BindGroupHandle,
  BindingUse,
  BufferHandle,
  Gpu,
  LayoutHandle,
  PipelineHandle,
} from "./gpu.ts";

/** Dynamic offsets into a uniform buffer are multiples of this on every adapter, in bytes. */
export const ARGUMENT_SLOT_BYTES = 256;

/** The bind groups that are kept; beyond this they are all made anew. */
const MOST_BIND_GROUPS = 16_384;

/** What a kernel sees of a buffer. */
export interface BoundBuffer {
  /** The buffer. */
  readonly buffer: PooledBuffer;
  /** From which byte on: a multiple of 256. */
  readonly byteOffset: number;
}

/** A kernel, compiled. */
export interface CompiledKernel {
  /** The compiled code. */
  readonly pipeline: PipelineHandle;
  /** What has to be bound to it. */
  readonly layout: BindingLayout;
}

/** How the bindings of a kernel are arranged: kernels of one arrangement share bind groups. */
export interface BindingLayout {
  /** Equal for equal arrangements. */
  readonly key: string;
  /** The arrangement. */
  readonly handle: LayoutHandle;
  /** The number of the first binding: that of the arguments, 0, or without any that of the buffers, 1. */
  readonly firstBinding: 0 | 1;
  /** The bytes in the uniform ring that a dispatch needs for its arguments; 0 for none. */
  readonly argumentBytes: number;
}

/** What a {@linkcode KernelCache} needs of the device. */
export interface KernelCacheOptions {
  /** The uniform buffer that arguments are read from. */
  readonly ring: BufferHandle;
  /** The most bytes that one binding may have. */
  readonly bindingLimit: number;
  /** Told of everything that may turn out to be invalid, with what it was. */
  readonly check: (what: string, error: Promise<string | null>) => void;
  /** Submits what is recorded, so that bind groups may be forgotten. */
  readonly submit: () => void;
}

/** Compiles kernels and binds buffers to them. */
export class KernelCache {
  readonly #gpu: Gpu;
  readonly #options: KernelCacheOptions;
  readonly #byObject = new WeakMap<WgslKernel, CompiledKernel>();
  readonly #byKey = new Map<string, CompiledKernel>();
  readonly #layouts = new Map<string, BindingLayout>();
  readonly #groups = new Map<string, BindGroupHandle>();
  #groupsCreated = 0;

  /** Begins with nothing compiled. */
  constructor(gpu: Gpu, options: KernelCacheOptions) {
    this.#gpu = gpu;
    this.#options = options;
  }

  /** How many pipelines were compiled so far. */
  get pipelinesCompiled(): number {
    return this.#byKey.size;
  }

  /** How many bind groups were made so far. */
  get bindGroupsCreated(): number {
    return this.#groupsCreated;
  }

  /** The pipeline of a kernel. */
  compiled(kernel: WgslKernel): CompiledKernel {
    let compiled = this.#byObject.get(kernel);
    if (compiled === undefined) {
      compiled = this.#byKey.get(kernel.key) ?? this.#compile(kernel);
      this.#byObject.set(kernel, compiled);
    }
    return compiled;
  }

  /** The bind group that gives `buffers` to kernels of this layout. It may submit what is recorded. */
  bindGroup(layout: BindingLayout, buffers: readonly BoundBuffer[]): BindGroupHandle {
    let key = layout.key;
    for (const { buffer, byteOffset } of buffers) {
      key += `,${buffer.handle}`;
      if (byteOffset > 0) key += `+${byteOffset}`;
    }
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= MOST_BIND_GROUPS) {
        this.#options.submit();
        this.forgetBindGroups();
      }
      group = this.#makeBindGroup(layout, buffers);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Forgets the bind groups, as when some of their buffers are gone. Nothing recorded may use one. */
  forgetBindGroups(): void {
    this.#groups.clear();
    this.#gpu.forgetBindGroups();
  }

  #makeBindGroup(layout: BindingLayout, buffers: readonly BoundBuffer[]): BindGroupHandle {
    const { ring, bindingLimit } = this.#options;
    const { handle, firstBinding, argumentBytes } = layout;
    const ranges = buffers.map(({ buffer, byteOffset }) => ({
      buffer: buffer.handle,
      offset: byteOffset,
      size: Math.min(buffer.capacity - byteOffset, bindingLimit),
    }));
    if (argumentBytes > 0) ranges.unshift({ buffer: ring, offset: 0, size: argumentBytes });
    this.#groupsCreated++;
    return this.#gpu.createBindGroup(handle, firstBinding, ranges);
  }

  #compile(kernel: WgslKernel): CompiledKernel {
    const gpu = this.#gpu;
    gpu.pushErrorScope();
    const layout = this.#layoutOf(kernel);
    const pipeline = gpu.createPipeline(kernel.key, layout.handle, completeCode(kernel));
    this.#options.check(`compile the kernel "${kernel.key}"`, gpu.popErrorScope());
    const compiled = { pipeline, layout };
    this.#byKey.set(kernel.key, compiled);
    return compiled;
  }

  #layoutOf(kernel: WgslKernel): BindingLayout {
    const words = kernel.integers.length + (kernel.floats?.length ?? 0);
    const argumentBytes = Math.ceil(words * 4 / ARGUMENT_SLOT_BYTES) * ARGUMENT_SLOT_BYTES;
    const access = kernel.buffers.map((buffer) => buffer.writes ? "w" : "r").join("");
    const key = `${argumentBytes}${access}`;
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      const uses = kernel.buffers.map(({ writes }): BindingUse => writes ? "write" : "read");
      if (argumentBytes > 0) uses.unshift("arguments");
      const firstBinding = argumentBytes > 0 ? 0 : 1;
      const handle = this.#gpu.createLayout(key, firstBinding, uses);
      layout = { key, handle, firstBinding, argumentBytes };
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/**
 * The whole text of a kernel: directives, the declarations that the device puts before, the kernel.
 *
 * @example
 * ```ts
 * import { completeCode } from "./kernel_cache.ts";
 *
 * const code = completeCode({
 *   key: "fill",
 *   integers: ["n"],
 *   buffers: [{ name: "y", type: "f32", writes: true }],
 *   code: () => "@compute @workgroup_size(1) fn main() { y[arguments.n - 1] = 1.0; }",
 * });
 * if (!code.includes("n: i32")) throw new Error("expected the argument to be declared");
 * ```
 */
export function completeCode(kernel: WgslKernel): string {
  const body = kernel.code();
  // WGSL wants its directives before any declaration.
  const directive = /^\s*(?:enable|requires|diagnostic)\b[^;]*;/gm;
  const directives = [...body.match(directive) ?? []];
  if (kernel.buffers.some(({ type }) => type.includes("f16"))) directives.unshift("enable f16;");
  const fields = [
    ...kernel.integers.map((name) => `${name}: i32`),
    ...(kernel.floats ?? []).map((name) => `${name}: f32`),
  ];
  const bindings = kernel.buffers.map((buffer, i) =>
    `@group(0) @binding(${i + 1}) var<storage, ${
      buffer.writes ? "read_write" : "read"
    }> ${buffer.name}: array<${buffer.type}>;`
  );
  const declarations = fields.length === 0 ? [] : [
    `struct Arguments { ${fields.join(", ")} }`,
    "@group(0) @binding(0) var<uniform> arguments: Arguments;",
  ];
  return [...directives, ...declarations, ...bindings, body.replace(directive, "")].join("\n");
}
