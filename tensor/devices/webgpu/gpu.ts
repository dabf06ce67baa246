/**
 * The part of WebGPU that the device uses.
 *
 * Objects are named by numbers and call arguments are plain data, so that calls can be made
 * directly (`direct_gpu.ts`) or sent to a worker (`remote_gpu.ts`). Calls take effect in order;
 * only those that return a promise wait.
 *
 * @module
 */

import type { DeviceInfo } from "../../device.ts";
import type { WebGpuLimits } from "./adapter.ts";

/** A handle of an object of a {@linkcode Gpu}: its number, counted from 1 in order of creation. */
export type Handle<Kind extends string> = number & { readonly [kind]: Kind };

declare const kind: unique symbol;

export type BufferHandle = Handle<"buffer">;
export type LayoutHandle = Handle<"layout">;
export type PipelineHandle = Handle<"pipeline">;
export type BindGroupHandle = Handle<"bind group">;
export type TimestampsHandle = Handle<"timestamps">;

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
  /** Pipeline, bind group, byte offset of the arguments (−1 for none), workgroups along x, y, z. */
  dispatch: 0,
  /** Query set, index of the first of two timestamps: the start and end of the next dispatch. */
  time: 1,
  /** Source buffer and byte offset, target buffer and byte offset, bytes. */
  copy: 2,
  /** Query set, number of timestamps, target buffer (64-bit nanoseconds each). */
  resolve: 3,
} as const;

export interface Gpu {
  readonly info: DeviceInfo;
  readonly limits: WebGpuLimits;
  /** Optional features in effect, such as `"timestamp-query"`. */
  readonly features: ReadonlySet<string>;
  /** Resolves when the device is lost, including after {@linkcode Gpu.destroy}. */
  readonly lost: Promise<GpuLoss>;
  /** Registers the listener for errors outside of error scopes. */
  onUncapturedError(listener: (message: string) => void): void;

  createBuffer(label: string, size: number, use: BufferUse): BufferHandle;
  /** No recording that uses the buffer may be submitted afterwards. */
  destroyBuffer(buffer: BufferHandle): void;
  /** Copies `data`, which may be changed after the call, to a buffer before later submits. */
  writeBuffer(buffer: BufferHandle, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void;
  createLayout(label: string, firstBinding: number, bindings: readonly BindingUse[]): LayoutHandle;
  /** Compiles a kernel with the entry point `main`. */
  createPipeline(label: string, layout: LayoutHandle, code: string): PipelineHandle;
  /** Resolves to why a kernel did not compile, or to `null` if it did. */
  compilationError(pipeline: PipelineHandle): Promise<string | null>;
  /** Creates a bind group, numbered from `firstBinding` as in the layout. */
  createBindGroup(
    layout: LayoutHandle,
    firstBinding: number,
    buffers: readonly BufferRange[],
  ): BindGroupHandle;
  /** Drops all bind groups. No recording that uses one may be submitted afterwards. */
  forgetBindGroups(): void;
  createTimestamps(label: string, count: number): TimestampsHandle;
  destroyTimestamps(timestamps: TimestampsHandle): void;

  /**
   * Submits a recording, without the dispatches of kernels that do not compile. The callee owns
   * `commands`, numbers of {@linkcode COMMAND}, from here on.
   */
  submit(commands: Float64Array<ArrayBuffer>): void;
  pushErrorScope(): void;
  /** Resolves to the first error since the last `pushErrorScope`, or to `null`. */
  popErrorScope(): Promise<string | null>;
  /** Resolves to the first bytes of a read-back buffer, after everything submitted so far. */
  readBuffer(buffer: BufferHandle, byteLength: number): Promise<ArrayBuffer>;
  submittedWorkDone(): Promise<void>;
  destroy(): void;
}
