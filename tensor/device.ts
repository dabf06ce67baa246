/**
 * The interface of a backend. A device provides memory and kernels; it knows no operation by name.
 *
 * There are two: `devices/cpu/` runs WebAssembly kernels on all cores, and `devices/webgpu/` runs
 * WGSL kernels. An operation brings a kernel for each, or one body in the language of `kernel/`.
 *
 * @module
 */

import {
  bytesPerElement,
  contiguousStrides,
  type DType,
  sizeOf,
  type StoredArray,
  type TensorLayout,
} from "./layout.ts";
import type { Explanation, Profile, Work } from "./profile.ts";
import type { Scope, Scopes } from "./scope.ts";

/**
 * The precision of the operands of `float32` matmuls: `bf16` keeps 8 of their 24 significant bits.
 * Sums and results have all.
 */
export type MatmulPrecision = "f32" | "bf16";

/** Options for `openDevice`. */
export interface OpenOptions {
  /** Number of CPU threads, including the main thread. @default {one per core} */
  readonly threads?: number;
  /** Whether the CPU device may use a BLAS, or the path of one. @default {true} */
  readonly blas?: boolean | string;
  /**
   * Whether the CPU device may use oneDNN beside a BLAS, or the path of one, which is then used on
   * any processor. @default {true}
   */
  readonly oneDnn?: boolean | string;
  /**
   * The precision of the operands of `float32` matmuls: `bf16` rounds them to 8 significant bits,
   * which multiplies several times as fast on processors with AMX. Sums, results and all else keep
   * single precision, and so do matmuls that ask for it. `auto` takes `bf16` where it is at least
   * 1.5 times as fast.
   *
   * It needs oneDNN 3 (Debian: `libdnnl3.6`) and OpenBLAS. Small matmuls keep `f32`. Operands above
   * 3.39e38 become infinite, and subnormal operands and results become 0. @default {"f32"}
   */
  readonly matmulPrecision?: MatmulPrecision | "auto";
}

/**
 * Describes a device as it was opened; see {@linkcode Device.info}. What models and all else take on it is
 * in {@linkcode DeviceMemory}.
 */
export interface DeviceInfo {
  /** Name of the hardware and libraries, at most 60 characters: `cpu: 2 threads, OpenBLAS 0.3.29`. */
  readonly title: string;
  /** One line for people: CPU or adapter, threads, libraries, and what is missing. */
  readonly description: string;
  /** The facts behind it: `threads`, `blas`, `relaxedSimd`, `vendor`, `features`, … */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** Bytes of a device's memory. */
export interface DeviceMemory {
  /** In live allocations. */
  readonly liveBytes: number;
  /** In live allocations, at the peak. */
  readonly peakBytes: number;
  /** Maximum bytes of all allocations: 4 GiB on the CPU, where addresses have 32 bits. */
  readonly limitBytes: number;
}

/** A block of device memory, opaque to everything but its backend. */
export interface Allocation {
  /** Requested size in bytes. */
  readonly bytes: number;
}

/**
 * A view of an allocation, as kernels see it: element `i, j, …` is at
 * `offset + i·strides[0] + j·strides[1] + …`.
 */
export interface View extends TypedPointer, TensorLayout {}

/** Where elements begin in memory, and their dtype. */
export interface TypedPointer {
  /** The memory, which others may share. */
  readonly allocation: Allocation;
  /** Element dtype. */
  readonly dtype: DType;
  /** Offset of the first element, in elements. */
  readonly offset: number;
}

/** Per-call arguments of a kernel, seen as 32-bit words: `integers`, then `floats`. */
export interface Arguments {
  /** 32-bit integers: sizes, strides, positions, addresses. */
  readonly integers: readonly number[];
  /** Single-precision floats. @default {[]} */
  readonly floats?: readonly number[];
}

/** The common interface of all kinds of device. */
export interface DeviceBase {
  /** Describes the device: name, threads, libraries. */
  readonly info: DeviceInfo;
  /** Number of live allocations. If it grows over a training run, something leaks. */
  readonly live: number;
  /** Whether `float16` is supported: not on a GPU without the feature `shader-f16`. */
  readonly hasFloat16: boolean;
  /** The precision of matmuls that ask for none. */
  readonly matmulPrecision: MatmulPrecision;
  /**
   * Runs a function, and keeps {@linkcode DeviceBase.matmulPrecision} at `f32` until it has settled:
   * for evaluation on a device that trains in `bf16`. What runs beside it is in `f32`, too.
   *
   * @example
   * ```ts
   * import { openDevice, Tensor } from "./mod.ts";
   *
   * const device = await openDevice("cpu", { matmulPrecision: "auto" });
   * const x = Tensor.full(device, [256, 256], 1.001);
   * const [exact] = await device.inF32(() => x.matmul(x).data());
   * if (Math.abs(exact! - 256 * 1.001 ** 2) > 0.01) throw new Error(`got ${exact}`);
   * await device.close();
   * ```
   */
  inF32<Result>(run: () => Promise<Result>): Promise<Result>;
  /** Bytes of memory. */
  readonly memory: DeviceMemory;
  /**
   * Opens a scope: tensors created on this device until it ends are freed with it, unless kept.
   *
   * @example
   * ```ts
   * import { openDevice } from "./mod.ts";
   * import { Tensor } from "./tensor.ts";
   *
   * const device = await openDevice("cpu", { threads: 1, blas: false });
   * {
   *   using scope = device.scope();
   *   Tensor.zeros(device, [1000]);
   * }
   * if (device.live !== 0) throw new Error("the scope should have freed the tensor");
   * await device.close();
   * ```
   */
  scope(): Scope;
  /** The open scopes, for operations. */
  readonly scopes: Scopes;
  /**
   * Allocates memory, with undefined contents; `label` names it in error messages.
   *
   * @throws {RangeError} If there is no room; states `label`, the size and what is in use.
   */
  allocate(bytes: number, label: string): Allocation;
  /** Frees memory. Work that is already dispatched may still use it. */
  free(allocation: Allocation): void;
  /** Copies `data` to `allocation` at `byteOffset`, after all work dispatched so far. */
  write(allocation: Allocation, byteOffset: number, data: StoredArray): void;
  /**
   * Copies bytes out of `allocation`, after all work dispatched so far: the only call that waits.
   *
   * @throws {Error} If the device failed or was lost; names the operation.
   */
  read(allocation: Allocation, byteOffset: number, byteLength: number): Promise<ArrayBuffer>;
  /** Submits the work dispatched so far, without waiting. */
  flush(): void;
  /** Resolves when all work dispatched so far is done; for benchmarks. */
  synchronize(): Promise<void>;
  /**
   * Submits all work dispatched so far, and resolves when at most a few submits are in flight: a
   * loop that calls it every iteration keeps the device busy without queuing unlimited work.
   *
   * @throws {Error} If the device failed or was lost.
   *
   * @example
   * ```ts
   * import { openDevice, Tensor } from "./mod.ts";
   *
   * const device = await openDevice("cpu", { threads: 1, blas: false });
   * const x = Tensor.ones(device, [64, 64]);
   * for (let round = 0; round < 10; round++) {
   *   using _scope = device.scope();
   *   x.matmul(x);
   *   await device.backpressure();
   * }
   * await device.close();
   * ```
   */
  backpressure(): Promise<void>;
  /**
   * Runs a function, and times every kernel that it dispatches until all are done: by the clock on
   * the CPU, by timestamps on a GPU, where each then needs a pass of its own, which takes slightly
   * longer.
   *
   * @throws {Error} If a profile is already in progress, a GPU has no timestamps, or the device fails.
   *
   * @example
   * ```ts
   * import { openDevice, profileAsText, Tensor } from "./mod.ts";
   *
   * const device = await openDevice("cpu", { threads: 1, blas: false });
   * const x = Tensor.ones(device, [256, 256]);
   * const profile = await device.profile(() => {
   *   using _scope = device.scope();
   *   x.matmul(x).relu();
   * });
   * console.log(profileAsText(profile));
   * await device.close();
   * ```
   */
  profile(run: () => void | Promise<void>): Promise<Profile>;
  /**
   * Runs a function like {@linkcode DeviceBase.profile}, and explains every kernel that it dispatches:
   * the line that called it, the shapes, which fast path was taken and which condition refused the
   * others, its code, time and bytes.
   *
   * @throws {Error} If a profile is already in progress, a GPU has no timestamps, or the device fails.
   *
   * @example
   * ```ts
   * import { openDevice, Tensor } from "./mod.ts";
   *
   * const device = await openDevice("cpu", { threads: 1, blas: false });
   * const x = Tensor.ones(device, [256, 256]);
   * const { kernels } = await device.explain(() => {
   *   using _scope = device.scope();
   *   x.matmul(x);
   * });
   * const matmul = kernels.find(({ name }) => name.startsWith("matmul"));
   * const taken = matmul?.choice?.taken;
   * if (taken !== "packed") throw new Error(`got ${taken}`);
   * await device.close();
   * ```
   */
  explain(run: () => void | Promise<void>): Promise<Explanation>;
  /** Frees everything. Tensors of this device cannot be used afterwards. */
  close(): Promise<void>;
}

/** A CPU kernel: a WebAssembly module, compiled once per `key`. */
export interface WasmKernel {
  /** Cache key: identifies everything that the code depends on, but relaxed SIMD. */
  readonly key: string;
  /**
   * Emits the module, with fused multiply-add or without. It imports `env.memory` (shared) and exports
   * `kernel(arguments: i32, start: i32, end: i32, scratch: i32)`: the address of the argument
   * words, the half-open range of work items, and the address of this thread's scratch memory,
   * 64-byte aligned with undefined contents.
   */
  readonly emit: (relaxedSimd: boolean) => Uint8Array<ArrayBuffer>;
  /** Scratch memory per thread, in bytes, whatever the dispatch. @default {0} */
  readonly scratchBytes?: number;
  /** The source of the code, for explanations: a `KernelSource` of `kernel/language.ts`. */
  readonly source?: object;
}

/** A CPU kernel that is not WebAssembly: a BLAS function on addresses in the same memory. */
export interface NativeKernel {
  /** The function: single-precision matmul. */
  readonly key: "sgemm";
  /** The precision of its operands. @default {the device's} */
  readonly precision?: MatmulPrecision;
}

/** How a dispatch is split over threads; see {@linkcode CpuDevice.dispatch}. */
export interface DispatchOptions {
  /** Minimum items per thread. @default {1} */
  readonly grain?: number;
  /** Scratch memory per thread, in bytes, beside the kernel's own. @default {0} */
  readonly scratchBytes?: number;
  /** The work done, for profiles. */
  readonly work?: () => Work;
}

/** The CPU device, as kernels see it. */
export interface CpuDevice extends DeviceBase {
  /** The kind of device. */
  readonly kind: "cpu";
  /** Threads that share the work of a dispatch, including the main thread. */
  readonly threads: number;
  /** Whether {@linkcode NativeKernel} can be dispatched. */
  readonly hasBlas: boolean;
  /** Whether oneDNN computes those that are large enough. */
  readonly hasOneDnn: boolean;
  /**
   * How many times as fast libraries multiply matrices of `bfloat16` as those of `float32`, by a test of
   * some milliseconds at the first call; 0 if they cannot. It is 6 with AMX; with AVX-512 BF16 alone, 2
   * on AMD and 0.8 on Intel.
   */
  readonly bfloat16Speed: number;
  /** Whether kernels are emitted with fused multiply-add, an instruction of relaxed SIMD. */
  readonly relaxedSimd: boolean;
  /** The byte address of a view's first element, to be passed as an argument. */
  address(pointer: TypedPointer): number;
  /** Like {@linkcode DeviceBase.read}, in place: valid until the next allocation. */
  bytes(allocation: Allocation, byteOffset: number, byteLength: number): Uint8Array;
  /**
   * Runs a kernel over `items` work items, split over the threads in contiguous ranges, and returns
   * when it is done.
   *
   * For `sgemm` the integers are those of `sgemmArguments` (`fast/cpu/sgemm_call.ts`), and work items
   * are rows or columns of the result, or matrices of the batch.
   */
  dispatch(
    kernel: WasmKernel | NativeKernel,
    arguments_: Arguments,
    items: number,
    options?: DispatchOptions,
  ): void;
}

/** A GPU kernel: WGSL, compiled once per `key`. */
export interface WgslKernel {
  /** Cache key: identifies everything that the code depends on. */
  readonly key: string;
  /**
   * The entry point `main` and its helpers. The device prepends the struct `Arguments`, whose
   * fields are `integers` as `i32` and `floats` as `f32`, bound as `arguments`, a binding per
   * buffer, and those of the functions in `wgsl_functions.ts` that are used.
   */
  readonly code: () => string;
  /** The source of the code, for explanations: a `KernelSource` of `kernel/language.ts`. */
  readonly source?: object;
  /** Names of the integer arguments, in order. */
  readonly integers: readonly string[];
  /** Names of the float arguments, in order. @default {[]} */
  readonly floats?: readonly string[];
  /** Storage buffers, in order: whole allocations, as `array<type>`. */
  readonly buffers: readonly WgslBuffer[];
}

/** A storage buffer of a {@linkcode WgslKernel}. */
export interface WgslBuffer {
  /** The name in the code. */
  readonly name: string;
  /** Element type in WGSL: `f32`, `i32`, `u32`, `vec4<f32>`, …; `f16` enables the feature. */
  readonly type: string;
  /** Whether the kernel writes to it. A written allocation may be bound only once per dispatch. */
  readonly writes: boolean;
}

/** The limits that kernels respect; see the WebGPU specification, section 3.6.2. */
export const LIMITS = [
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupsPerDimension",
  "maxComputeWorkgroupStorageSize",
  "maxStorageBuffersPerShaderStage",
  "maxStorageBufferBindingSize",
] as const;

/** The limits that a device is opened with. */
export type WebGpuLimits = Readonly<Record<typeof LIMITS[number], number>>;

/** The WebGPU device, as kernels see it. */
export interface WebGpuDevice extends DeviceBase {
  /** The kind of device. */
  readonly kind: "webgpu";
  /** The limits that the device was opened with. */
  readonly limits: WebGpuLimits;
  /**
   * A range of an allocation, to be bound instead of the whole. It need not be freed, and is
   * invalid once the allocation is freed.
   *
   * @param byteOffset Start: a multiple of 256.
   * @throws {RangeError} If it is not within the allocation.
   */
  range(allocation: Allocation, byteOffset: number, byteLength: number): Allocation;
  /**
   * Records a dispatch of `workgroups` workgroups. It runs, in recording order, at the next submit:
   * at the latest when something is read. Buffers are bound whole; a view's offset is an argument
   * of the kernel. Of a buffer larger than a binding, bind a {@linkcode WebGpuDevice.range}.
   */
  dispatch(
    kernel: WgslKernel,
    allocations: readonly Allocation[],
    arguments_: Arguments,
    workgroups: readonly [x: number, y?: number, z?: number],
    work?: () => Work,
  ): void;
}

/** A device, where tensors are stored and kernels run. */
export type Device = CpuDevice | WebGpuDevice;

/** New memory for a contiguous view, which the caller frees. */
export function allocateView(
  device: DeviceBase,
  dtype: DType,
  shape: readonly number[],
  label: string,
): View {
  const allocation = device.allocate(bytesPerElement(dtype) * sizeOf(shape), label);
  return { allocation, dtype, shape, strides: contiguousStrides(shape), offset: 0 };
}

/** Another view of the same memory, for kernels; nothing is allocated or recorded. */
export function viewAs(
  { allocation, dtype, offset: begin }: TypedPointer,
  shape: readonly number[],
  strides: readonly number[],
  offset = begin,
): View {
  return { allocation, dtype, offset, shape, strides };
}
