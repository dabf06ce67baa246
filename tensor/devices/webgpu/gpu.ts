/**
 * The part of WebGPU that the device uses.
 *
 * Objects are named by numbers and call arguments are plain data, so that calls can be made
 * directly (`direct_gpu.ts`) or sent to a worker (`remote_gpu.ts`). Calls take effect in order;
 * only those that return a promise wait.
 *
 * @module
 */

import type { GpuPlan } from "./adapter.ts";

/** A handle of an object of a {@linkcode Gpu}: its number, counted from 1 in order of creation. */
export type Handle<T> = number & { readonly [object]: T };

declare const object: unique symbol;

export type BufferHandle = Handle<GPUBuffer>;
export type LayoutHandle = Handle<GPUBindGroupLayout>;
export type PipelineHandle = Handle<GPUComputePipeline>;
export type BindGroupHandle = Handle<GPUBindGroup>;
export type TimestampsHandle = Handle<GPUQuerySet>;

/** The use of a buffer: by kernels, for arguments, for reading back, or for resolved timestamps. */
export type BufferUse = "storage" | "arguments" | "read" | "timestamps";

/** The use of a binding: read-only, read-write, or arguments. */
export type BindingUse = "read" | "write" | "arguments";

/** A range of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: BufferHandle;
  readonly offset: number;
  readonly size: number;
}

export interface GpuLoss {
  /** `"destroyed"` if it was intended, otherwise `"unknown"`. */
  readonly reason: string;
  readonly message: string;
}

/** Recordable commands: numbers, each followed by its operands in the order given. */
export const COMMAND = {
  /**
   * Pipeline, bind group, byte offset of the arguments (−1 for none), workgroups along x, y, z; query
   * set (0 for none) and index of its start's timestamp, before its end's.
   */
  dispatch: 0,
  /** Source buffer and byte offset, target buffer and byte offset, bytes. */
  copy: 1,
  /** Query set, number of timestamps, target buffer (64-bit nanoseconds each). */
  resolve: 2,
} as const;

/** An opened GPU: see {@linkcode GpuPlan}. */
export interface Gpu extends GpuPlan, GpuMethods {
  /** Resolves when the device is lost, including after `destroy`. */
  readonly lost: Promise<GpuLoss>;
  /** Registers the listener for errors that no method reports. */
  onUncapturedError(listener: (message: string) => void): void;
}

/** The methods of a {@linkcode Gpu}, which a worker can be asked to call. */
export interface GpuMethods {
  createBuffer(label: string, size: number, use: BufferUse): BufferHandle;
  createLayout(label: string, bindings: readonly BindingUse[]): LayoutHandle;
  /** Compiles a kernel with the entry point `main`. */
  createPipeline(label: string, layout: LayoutHandle, code: string): PipelineHandle;
  /** Resolves to why a kernel did not compile, or to `null` if it did. */
  compilationError(pipeline: PipelineHandle): Promise<string | null>;
  createBindGroup(layout: LayoutHandle, buffers: readonly BufferRange[]): BindGroupHandle;
  createTimestamps(label: string, count: number): TimestampsHandle;
  /** Frees objects. No recording that uses one may be submitted afterwards. */
  free(objects: readonly (BufferHandle | BindGroupHandle | TimestampsHandle)[]): void;
  /** Copies `data`, which may be changed after the call, to a buffer before later submits. */
  writeBuffer(buffer: BufferHandle, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void;
  /**
   * Submits a recording, without the dispatches of kernels that do not compile. The callee owns
   * `commands`, numbers of {@linkcode COMMAND}, from here on. Resolves to the first validation
   * error, or to `null`.
   */
  submit(commands: Float64Array<ArrayBuffer>): Promise<string | null>;
  /** Resolves to the first bytes of a read-back buffer, after everything submitted so far. */
  readBuffer(buffer: BufferHandle, byteLength: number): Promise<ArrayBuffer>;
  submittedWorkDone(): Promise<void>;
  destroy(): void;
}
