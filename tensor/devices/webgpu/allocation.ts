/** Memory of a WebGPU device, as kernels and tensors hold it. @module */

import type { Allocation, View, WebGpuDevice } from "../../device.ts";
import { bytesPerElement, type DType } from "../../dtype.ts";
import { contiguousStrides, sizeOf } from "../../shape.ts";
import type { PooledBuffer } from "./buffer_pool.ts";

/** Parts of buffers that are bound begin at multiples of this on every adapter, in bytes. */
export const WINDOW_ALIGNMENT = 256;

/**
 * Bytes in whole words of four, which is what can be copied: buffers have room for that beyond an odd
 * number of `float16`.
 */
export function wholeWords(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/**
 * Memory of its own for contiguous elements.
 *
 * @param label What it is for, in error messages.
 */
export function allocateView(
  device: WebGpuDevice,
  dtype: DType,
  shape: readonly number[],
  label: string,
): View {
  const allocation = device.allocate(bytesPerElement(dtype) * sizeOf(shape), label);
  return { allocation, dtype, shape, strides: contiguousStrides(shape), offset: 0 };
}

/** A pooled buffer's memory; the buffer is gone once it is freed. */
export class WebGpuAllocation implements Allocation {
  /** The device that it belongs to. */
  readonly owner: object;
  readonly bytes: number;
  /** What it is for, in error messages. */
  readonly label: string;
  /** The buffer, until it is freed. */
  buffer: PooledBuffer | null;

  /** Takes hold of a buffer. */
  constructor(owner: object, bytes: number, label: string, buffer: PooledBuffer) {
    this.owner = owner;
    this.bytes = bytes;
    this.label = label;
    this.buffer = buffer;
  }
}

/** A part of an allocation, for kernels. */
export class WebGpuWindow implements Allocation {
  /** What it is a part of. */
  readonly whole: Allocation;
  /** Where it begins: a multiple of {@linkcode WINDOW_ALIGNMENT}. */
  readonly byteOffset: number;
  readonly bytes: number;

  /** Names a part. */
  constructor(whole: Allocation, byteOffset: number, bytes: number) {
    this.whole = whole;
    this.byteOffset = byteOffset;
    this.bytes = bytes;
  }
}

/** The allocation that something bound is, or is a part of. */
export function wholeOf(allocation: Allocation): Allocation {
  return allocation instanceof WebGpuWindow ? allocation.whole : allocation;
}
