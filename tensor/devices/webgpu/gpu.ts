/**
 * The part of WebGPU that the device is built on.
 *
 * Everything is named by numbers and said in calls whose arguments are plain data, so that the calls
 * can be made right here, as `direct_gpu.ts` does, or be sent to a worker, as `remote_gpu.ts` does.
 * Calls take effect in their order; only those that return a promise have to wait for anything.
 *
 * @module
 */

import type { DeviceInfo } from "../../device.ts";
import type { WebGpuLimits } from "./adapter.ts";

/**
 * A name for something that a {@linkcode Gpu} made. Everything that one makes is numbered in the order
 * in which it was asked for, from 1 on.
 */
export type Handle<Kind extends string> = number & { readonly [kind]: Kind };

declare const kind: unique symbol;

/** Names a buffer. */
export type BufferHandle = Handle<"buffer">;
/** Names an arrangement of bindings. */
export type LayoutHandle = Handle<"layout">;
/** Names a kernel, compiled. */
export type PipelineHandle = Handle<"pipeline">;
/** Names buffers that are bound together. */
export type BindGroupHandle = Handle<"bind group">;
/** Names a set of timestamps. */
export type TimestampsHandle = Handle<"timestamps">;

/** What a buffer is for: kernels, their arguments, reading by the host, timestamps on their way there. */
export type BufferUse = "storage" | "arguments" | "read" | "timestamps";

/** What a kernel finds at a binding: memory to read, memory to write, or its arguments. */
export type BindingUse = "read" | "write" | "arguments";

/** A part of a buffer, in bytes. */
export interface BufferRange {
  /** The buffer. */
  readonly buffer: BufferHandle;
  /** Where the part begins. */
  readonly offset: number;
  /** How long it is. */
  readonly size: number;
}

/** The end of a device: nothing works after it. */
export interface GpuLoss {
  /** `"destroyed"` if that was wanted, otherwise `"unknown"`. */
  readonly reason: string;
  /** What the driver says. */
  readonly message: string;
}

/**
 * What can be recorded. A recording is a row of numbers: one of these, and after it, in the order
 * given, what belongs to it.
 */
export const COMMAND = {
  /** Pipeline, bind group, byte offset of the arguments or −1 without any, workgroups along x, y, z. */
  dispatch: 0,
  /** Timestamps, index of the first of two: the next dispatch notes there when it begins and ends. */
  time: 1,
  /** Buffer and byte offset to copy from, buffer and byte offset to copy to, bytes. */
  copy: 2,
  /** Timestamps, how many, buffer that they are written to as nanoseconds in 64 bits each. */
  resolve: 3,
} as const;

/** A graphics processor, opened, as far as the device uses it. */
export interface Gpu {
  /** What is known of the adapter, for people and for kernels. */
  readonly info: DeviceInfo;
  /** The limits that it was opened with. */
  readonly limits: WebGpuLimits;
  /** The optional features that it was opened with, such as `"timestamp-query"`. */
  readonly features: ReadonlySet<string>;
  /** Resolves when nothing works any more, after {@linkcode Gpu.destroy} too. */
  readonly lost: Promise<GpuLoss>;
  /** Has `listener` told what goes wrong outside of error scopes. */
  onUncapturedError(listener: (message: string) => void): void;

  /** Makes a buffer of `size` bytes. */
  createBuffer(label: string, size: number, use: BufferUse): BufferHandle;
  /** Gives a buffer back. No recording that uses it may be submitted afterwards. */
  destroyBuffer(buffer: BufferHandle): void;
  /** Copies `data` to a buffer before what is submitted afterwards. `data` may be changed after the call. */
  writeBuffer(buffer: BufferHandle, byteOffset: number, data: ArrayBufferView<ArrayBuffer>): void;
  /** Makes an arrangement of bindings, numbered from `firstBinding` on. */
  createLayout(label: string, firstBinding: number, bindings: readonly BindingUse[]): LayoutHandle;
  /** Compiles a kernel, whose entry point is `main`. */
  createPipeline(label: string, layout: LayoutHandle, code: string): PipelineHandle;
  /** Binds buffers, numbered from `firstBinding` on as in the layout. */
  createBindGroup(
    layout: LayoutHandle,
    firstBinding: number,
    buffers: readonly BufferRange[],
  ): BindGroupHandle;
  /** Forgets all bind groups. No recording that uses one may be submitted afterwards. */
  forgetBindGroups(): void;
  /** Makes room for so many timestamps. */
  createTimestamps(label: string, count: number): TimestampsHandle;
  /** Gives timestamps back. */
  destroyTimestamps(timestamps: TimestampsHandle): void;

  /**
   * Runs a recording after everything that was submitted before.
   *
   * @param commands The numbers of {@linkcode COMMAND}. The caller has no use for them afterwards.
   */
  submit(commands: Float64Array<ArrayBuffer>): void;
  /** Begins to watch for validation errors. */
  pushErrorScope(): void;
  /** Resolves to the first error since the last `pushErrorScope`, or to `null`. */
  popErrorScope(): Promise<string | null>;
  /** Resolves to the first bytes of a buffer for reading, when everything submitted so far is done. */
  readBuffer(buffer: BufferHandle, byteLength: number): Promise<ArrayBuffer>;
  /** Resolves when everything submitted so far is done. */
  submittedWorkDone(): Promise<void>;
  /** Ends everything. */
  destroy(): void;
}
