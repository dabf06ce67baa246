/**
 * What a backend has to offer. A device knows memory and kernels; it knows no operation by name.
 *
 * There are two: `devices/cpu/` runs kernels that were emitted as WebAssembly, on all cores, and
 * `devices/webgpu/` runs kernels written in WGSL. An operation brings a kernel for each.
 *
 * @module
 */

import type { DType, TypedArray } from "./dtype.ts";
import type { Profile, Work } from "./profile.ts";
import type { Scope } from "./scope.ts";

/** The two kinds of device. */
export type DeviceKind = "cpu" | "webgpu";

/** What a device says of itself, in the words of {@linkcode Device.info}. */
export interface DeviceInfo {
  /** One line for people: processor or adapter, threads, libraries, and what had to be done without. */
  readonly description: string;
  /** The facts behind the description: `threads`, `blas`, `relaxedSimd`, `vendor`, `features`, … */
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/** A piece of device memory. What is inside belongs to the backend that made it. */
export interface Allocation {
  /** Size in bytes, as asked for. */
  readonly bytes: number;
}

/** A view of an allocation as the kernels see it: element `i, j, …` lies at `offset + i·strides[0] + j·strides[1] + …`. */
export interface View {
  /** The memory that the view looks at, perhaps with others. */
  readonly allocation: Allocation;
  /** The type of the elements. */
  readonly dtype: DType;
  /** The length of each axis; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Distance between neighbours along each axis, in elements; 0 where an axis is broadcast. */
  readonly strides: readonly number[];
  /** Position of the first element, in elements. */
  readonly offset: number;
}

/**
 * Numbers that change from call to call, so that they are never baked into a cached kernel.
 * A kernel finds them as 32-bit words: first `integers`, then `floats`.
 */
export interface Arguments {
  /** Whole numbers of 32 bits: sizes, strides, positions, addresses. */
  readonly integers: readonly number[];
  /** Numbers in single precision, such as learning rates (default none). */
  readonly floats?: readonly number[];
}

/** The part of a device that holds for every kind. */
export interface DeviceBase {
  /** What there is to say about it: names, threads, libraries. */
  readonly info: DeviceInfo;
  /** How many allocations are alive: flat over a training run, or something leaks. */
  readonly live: number;
  /** Whether tensors may be `float16` here: on an adapter with the feature `shader-f16`. */
  readonly hasFloat16: boolean;
  /** How many bytes the live allocations hold, and the most that they ever held. */
  readonly memory: { readonly liveBytes: number; readonly peakBytes: number };
  /**
   * Opens a scope: tensors made on this device until the scope ends are freed with it, unless kept.
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
  /** The innermost open scope, if any. */
  readonly currentScope: Scope | null;
  /**
   * Reserves memory. What it contains is undefined.
   *
   * @param bytes The size in bytes; may be 0.
   * @param label What it is for, in error messages.
   * @throws {RangeError} If the device has no room, naming `label`, the size and what is in use.
   */
  allocate(bytes: number, label: string): Allocation;
  /** Gives memory back. Work that was already dispatched may still use it; later work may not. */
  free(allocation: Allocation): void;
  /** Copies `data` to `allocation`, from byte `byteOffset` on, after all work dispatched so far. */
  write(allocation: Allocation, byteOffset: number, data: TypedArray): void;
  /**
   * Copies bytes out of `allocation`, after all work dispatched so far: the only thing that waits.
   *
   * @throws {Error} If the device failed or was lost; the message names the operation.
   */
  read(allocation: Allocation, byteOffset: number, byteLength: number): Promise<ArrayBuffer>;
  /** Lets the device begin with the work dispatched so far, and waits for nothing. */
  flush(): void;
  /** Resolves when all work dispatched so far is done. For benches: results need `read`. */
  synchronize(): Promise<void>;
  /**
   * Starts all work dispatched so far, and resolves when at most a few such starts are still under way.
   * A loop that calls it in every round keeps the device busy, and does not run ahead of it without end.
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
   *   await device.keepPace();
   * }
   * await device.close();
   * ```
   */
  keepPace(): Promise<void>;
  /**
   * Runs something, and times every kernel that it dispatches until it is done.
   *
   * Kernels are timed on their own: by the clock on the CPU; on a GPU by its timestamps, for which
   * each gets a pass to itself. So a step takes a little longer in a profile than without one.
   *
   * @throws {Error} If a profile is already being made, or the device fails.
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
  /** Frees everything. Tensors of this device cannot be used afterwards. */
  close(): Promise<void>;
}

/** A kernel for the CPU: a WebAssembly module that is compiled once for each `key`. */
export interface WasmKernel {
  /** Names the kernel and everything that its code depends on. Kernels of one key are the same code. */
  readonly key: string;
  /**
   * Emits the module. It imports `env.memory` (shared) and exports
   * `kernel(arguments: i32, start: i32, end: i32, scratch: i32)`: the address of the argument words,
   * the half-open range of work items to do, and the address of scratch memory of this thread,
   * 64-byte aligned, whose content is undefined.
   */
  readonly emit: () => Uint8Array<ArrayBuffer>;
}

/** A kernel that is not WebAssembly: a function of the BLAS, called on addresses in the same memory. */
export interface NativeKernel {
  /** The name of the function: the matrix product in single precision. */
  readonly key: "sgemm";
}

/** How the work of a dispatch is shared out on the CPU; see {@linkcode CpuDevice.dispatch}. */
export interface DispatchOptions {
  /** The fewest items worth giving to a thread. */
  readonly grain?: number;
  /** Scratch memory for each thread, in bytes. */
  readonly scratchBytes?: number;
  /** What there is to do. */
  readonly work?: () => Work;
}

/** What kernels of the CPU device see. */
export interface CpuDevice extends DeviceBase {
  /** What tells it from the other kind of device. */
  readonly kind: "cpu";
  /** Threads that share the work of a dispatch, the main one included. */
  readonly threads: number;
  /** Whether {@linkcode NativeKernel} can be dispatched. */
  readonly hasBlas: boolean;
  /** Whether fused multiply-add and the other relaxed SIMD instructions may be emitted. */
  readonly relaxedSimd: boolean;
  /** The byte address of a view's first element, to be passed as an argument. */
  address(view: View): number;
  /**
   * Runs a kernel over `items` work items, split over the threads in contiguous ranges, and returns
   * when it is done.
   *
   * @param options.grain The fewest items worth giving to a thread (default 1).
   * @param options.scratchBytes Scratch memory for each thread (default 0).
   * @param options.work What there is to do, for profiles: called only while one is made.
   *
   * For `sgemm` the integers are
   * `[transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, split, count, stepA, stepB, stepC]`
   * (row-major as in CBLAS, transposes 0 or 1, addresses in bytes, leading dimensions in elements),
   * for `count` products, whose matrices lie the steps apart, in bytes; the floats are `[alpha, beta]`.
   * The items are columns of each C where `split` is 0, its rows where it is 1, and products where it
   * is 2.
   */
  dispatch(
    kernel: WasmKernel | NativeKernel,
    arguments_: Arguments,
    items: number,
    options?: DispatchOptions,
  ): void;
}

/** A kernel for the GPU: WGSL that is compiled once for each `key`. */
export interface WgslKernel {
  /** Names the kernel and everything that its code depends on. Kernels of one key are the same code. */
  readonly key: string;
  /**
   * The entry point `main`, and what it needs. The device puts before it the struct `Arguments` with
   * the fields `integers` names as `i32` and `floats` names as `f32`, bound as `arguments`, and for
   * each of `buffers` the binding of that name.
   */
  readonly code: () => string;
  /** The names of the whole numbers among the arguments, in the order in which they are passed. */
  readonly integers: readonly string[];
  /** The names of the other numbers among the arguments (default none). */
  readonly floats?: readonly string[];
  /** The storage buffers, in the order in which they are passed: whole allocations, as `array<type>`. */
  readonly buffers: readonly WgslBuffer[];
}

/** One storage buffer of a {@linkcode WgslKernel}. */
export interface WgslBuffer {
  /** The name by which the code knows it. */
  readonly name: string;
  /**
   * The element type in WGSL: `f32`, `i32`, `u32`, `vec4<f32>`, … A kernel with a buffer of `f16` need
   * not ask for the feature.
   */
  readonly type: string;
  /** Whether the kernel writes to it. One allocation may be passed only once if any use of it writes. */
  readonly writes: boolean;
}

/** What kernels of the WebGPU device see. */
export interface WebGpuDevice extends DeviceBase {
  /** What tells it from the other kind of device. */
  readonly kind: "webgpu";
  /** The limits that the device was opened with. */
  readonly limits: {
    readonly maxComputeInvocationsPerWorkgroup: number;
    readonly maxComputeWorkgroupSizeX: number;
    readonly maxComputeWorkgroupsPerDimension: number;
    readonly maxComputeWorkgroupStorageSize: number;
    readonly maxStorageBuffersPerShaderStage: number;
    readonly maxStorageBufferBindingSize: number;
  };
  /**
   * A part of an allocation, to be passed to kernels in place of the whole. It is nothing that has to
   * be freed, and of no use once the allocation is.
   *
   * @param byteOffset Where it begins: a multiple of 256.
   * @param byteLength How long it is.
   * @throws {RangeError} If that is not within the allocation.
   */
  window(allocation: Allocation, byteOffset: number, byteLength: number): Allocation;
  /**
   * Records a dispatch of `workgroups` workgroups. It runs, in the order of recording, when the
   * device next submits: at the latest when something is read.
   *
   * Buffers are bound whole; where a view begins is for the kernel to know, from its arguments. Of one
   * that is larger than a binding may be, a kernel can be given a {@linkcode WebGpuDevice.window}.
   *
   * @param work What there is to do, for profiles: called only while one is made.
   */
  dispatch(
    kernel: WgslKernel,
    allocations: readonly Allocation[],
    arguments_: Arguments,
    workgroups: readonly [x: number, y?: number, z?: number],
    work?: () => Work,
  ): void;
}

/** Where tensors live and kernels run. */
export type Device = CpuDevice | WebGpuDevice;
