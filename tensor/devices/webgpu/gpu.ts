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

/** Where a dispatch writes its start and end timestamps. */
export interface TimestampPlace {
  readonly timestamps: TimestampsHandle;
  /** Index of the first of the two. */
  readonly index: number;
}

export interface DispatchCommand {
  readonly pipeline: PipelineHandle;
  readonly group: BindGroupHandle;
  /** Byte offset of the arguments, if there are any. */
  readonly offsets: number[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  readonly timed: TimestampPlace | null;
}

export interface CopyCommand {
  readonly from: BufferHandle;
  readonly fromOffset: number;
  readonly to: BufferHandle;
  readonly toOffset: number;
  readonly bytes: number;
}

/** Resolves the first `count` timestamps of a query set to a buffer, as 64-bit nanoseconds. */
export interface ResolveCommand {
  readonly timestamps: TimestampsHandle;
  readonly count: number;
  readonly to: BufferHandle;
}

export type Command = DispatchCommand | CopyCommand | ResolveCommand;

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
  /** Compiles a kernel with the entry point `main`. */
  createPipeline(label: string, bindings: readonly BindingUse[], code: string): PipelineHandle;
  /** Resolves to why a kernel did not compile, or to `null` if it did. */
  compilationError(pipeline: PipelineHandle): Promise<string | null>;
  /** For all kernels with these bindings. */
  createBindGroup(
    bindings: readonly BindingUse[],
    buffers: readonly BufferRange[],
  ): BindGroupHandle;
  createTimestamps(label: string, count: number): TimestampsHandle;
  /** Frees objects. No recording that uses one may be submitted afterwards. */
  free(objects: readonly (BufferHandle | BindGroupHandle | TimestampsHandle)[]): void;
  /** Copies `data`, which may be changed after the call, to a buffer before later submits. */
  writeBuffer(buffer: BufferHandle, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void;
  /**
   * Submits a recording, without the dispatches of kernels that do not compile. Resolves to the
   * first validation error, or to `null`.
   */
  submit(commands: readonly Command[]): Promise<string | null>;
  /** Resolves to the first bytes of a read-back buffer, after everything submitted so far. */
  readBuffer(buffer: BufferHandle, byteLength: number): Promise<ArrayBuffer>;
  submittedWorkDone(): Promise<void>;
  destroy(): void;
}
