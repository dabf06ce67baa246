/** Pipelines and bind groups, each made once. @module */

import type { WgslKernel } from "../../device.ts";
import type { PooledBuffer } from "./buffer_pool.ts";

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
  readonly pipeline: GPUComputePipeline;
  /** What has to be bound to it. */
  readonly layout: BindingLayout;
}

/** How the bindings of a kernel are arranged: kernels of one arrangement share bind groups. */
export interface BindingLayout {
  /** Equal for equal arrangements. */
  readonly key: string;
  /** The one group that kernels have. */
  readonly group: GPUBindGroupLayout;
  /** That group, for pipelines. */
  readonly pipeline: GPUPipelineLayout;
  /** The bytes in the uniform ring that a dispatch needs for its arguments; 0 for none. */
  readonly argumentBytes: number;
}

/** Compiles kernels and binds buffers to them. */
export class KernelCache {
  readonly #gpu: GPUDevice;
  readonly #ring: GPUBuffer;
  readonly #bindingLimit: number;
  readonly #check: (what: string, error: Promise<GPUError | null>) => void;
  readonly #byObject = new WeakMap<WgslKernel, CompiledKernel>();
  readonly #byKey = new Map<string, CompiledKernel>();
  readonly #layouts = new Map<string, BindingLayout>();
  readonly #groups = new Map<string, GPUBindGroup>();
  #groupsCreated = 0;

  /**
   * Begins with nothing compiled.
   *
   * @param ring The uniform buffer that arguments are read from.
   * @param bindingLimit The most bytes that one binding may have.
   * @param check Told of everything that may turn out to be invalid, with what it was.
   */
  constructor(
    gpu: GPUDevice,
    ring: GPUBuffer,
    bindingLimit: number,
    check: (what: string, error: Promise<GPUError | null>) => void,
  ) {
    this.#gpu = gpu;
    this.#ring = ring;
    this.#bindingLimit = bindingLimit;
    this.#check = check;
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

  /** The bind group that gives `buffers` to kernels of this layout. */
  bindGroup(layout: BindingLayout, buffers: readonly BoundBuffer[]): GPUBindGroup {
    let key = layout.key;
    for (const { buffer, byteOffset } of buffers) {
      key += `,${buffer.id}`;
      if (byteOffset > 0) key += `+${byteOffset}`;
    }
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= MOST_BIND_GROUPS) this.#groups.clear();
      group = this.#makeBindGroup(layout, buffers);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Forgets the bind groups, since some of their buffers are gone. */
  forgetBindGroups(): void {
    this.#groups.clear();
  }

  #makeBindGroup(layout: BindingLayout, buffers: readonly BoundBuffer[]): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = buffers.map(({ buffer, byteOffset }, i) => ({
      binding: i + 1,
      resource: {
        buffer: buffer.gpu,
        offset: byteOffset,
        size: Math.min(buffer.capacity - byteOffset, this.#bindingLimit),
      },
    }));
    if (layout.argumentBytes > 0) {
      entries.push({ binding: 0, resource: { buffer: this.#ring, size: layout.argumentBytes } });
    }
    this.#groupsCreated++;
    return this.#gpu.createBindGroup({ layout: layout.group, entries });
  }

  #compile(kernel: WgslKernel): CompiledKernel {
    const gpu = this.#gpu;
    gpu.pushErrorScope("validation");
    const layout = this.#layoutOf(kernel);
    const module = gpu.createShaderModule({ label: kernel.key, code: completeCode(kernel) });
    const pipeline = gpu.createComputePipeline({
      label: kernel.key,
      layout: layout.pipeline,
      compute: { module, entryPoint: "main" },
    });
    this.#check(`compile the kernel "${kernel.key}"`, gpu.popErrorScope());
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
      const entries: GPUBindGroupLayoutEntry[] = kernel.buffers.map((buffer, i) => ({
        binding: i + 1,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: buffer.writes ? "storage" : "read-only-storage" },
      }));
      if (argumentBytes > 0) {
        entries.push({
          binding: 0,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true },
        });
      }
      const group = this.#gpu.createBindGroupLayout({ label: key, entries });
      const pipeline = this.#gpu.createPipelineLayout({ bindGroupLayouts: [group] });
      layout = { key, group, pipeline, argumentBytes };
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
