/**
 * Allocations of a WebGPU device, and what is checked before the driver is called, whose errors come
 * later and say less.
 *
 * @module
 */

import type { Allocation, Arguments, WebGpuLimits, WgslKernel } from "../../device.ts";
import { type RangeError, wrongValue } from "../../errors.ts";
import type { PooledBuffer } from "./buffer_pool.ts";

export class WebGpuAllocation implements Allocation {
  readonly owner: object;
  readonly bytes: number;
  readonly label: string;
  /** The buffer; `null` once freed. */
  buffer: PooledBuffer | null;

  constructor(owner: object, bytes: number, label: string, buffer: PooledBuffer) {
    this.owner = owner;
    this.bytes = bytes;
    this.label = label;
    this.buffer = buffer;
  }
}

export class WebGpuRange implements Allocation {
  readonly whole: Allocation;
  readonly byteOffset: number;
  readonly bytes: number;

  constructor(whole: Allocation, byteOffset: number, bytes: number) {
    this.whole = whole;
    this.byteOffset = byteOffset;
    this.bytes = bytes;
  }
}

/** The allocation that a range belongs to, or the allocation itself. */
export function wholeOf(allocation: Allocation): Allocation {
  return allocation instanceof WebGpuRange ? allocation.whole : allocation;
}

/**
 * Throws a `RangeError` if a dispatch violates the kernel's signature or the limits, of which
 * `workgroups` is the largest number of workgroups along a dimension.
 */
export function assertCall(
  limits: WebGpuLimits,
  kernel: WgslKernel,
  allocations: readonly Allocation[],
  { integers, floats = [] }: Arguments,
  workgroups: number,
): void {
  const count = allocations.length;
  const most = limits.maxStorageBuffersPerShaderStage;
  if (count > most) throw wrongCall(kernel, `at most ${most} buffers on this device`, count);
  const groupLimit = limits.maxComputeWorkgroupsPerDimension;
  if (workgroups > groupLimit) {
    throw wrongCall(kernel, `at most ${groupLimit} workgroups in each dimension`, workgroups);
  }
  const byteLimit = limits.maxStorageBufferBindingSize;
  for (let i = 0; i < count; i++) {
    const allocation = allocations[i]!;
    const name = kernel.buffers[i]?.name;
    if (allocation.bytes > byteLimit) {
      const got = `${allocation.bytes} for "${name}"`;
      throw wrongCall(kernel, `buffers of at most ${byteLimit} bytes`, got);
    }
    const first = allocations.findIndex((other) => wholeOf(other) === wholeOf(allocation));
    if (first < i && (kernel.buffers[first]?.writes || kernel.buffers[i]?.writes)) {
      const got = `it as "${kernel.buffers[first]?.name}" and as "${name}"`;
      throw wrongCall(kernel, "one binding of an allocation that is written to", got);
    }
  }
  assertCount(kernel, "buffers", kernel.buffers.length, count);
  assertCount(kernel, "integer arguments", kernel.integers.length, integers.length);
  assertCount(kernel, "float arguments", kernel.floats?.length ?? 0, floats.length);
}

function assertCount(kernel: WgslKernel, what: string, wanted: number, got: number): void {
  if (wanted !== got) throw wrongCall(kernel, `${wanted} ${what}`, got);
}

function wrongCall({ key }: WgslKernel, wanted: string, got: string | number): RangeError {
  return wrongValue(`run "${key}"`, wanted, got);
}

/**
 * Throws if a copy is outside `allocation`, or not of units of so many bytes; the last unit may be
 * partial.
 */
export function assertRange(
  what: string,
  { bytes }: Allocation,
  offset: number,
  length: number,
  unit: 1 | 4,
): void {
  const end = offset + length;
  const isWhole = offset % unit === 0 && (length % unit === 0 || end === bytes);
  if (offset >= 0 && isWhole && end <= Math.ceil(bytes / unit) * unit) return;
  throw wrongValue(
    `${what} bytes ${offset} to ${end} of an allocation`,
    `${unit === 1 ? "them" : `multiples of ${unit}`} within ${bytes} bytes`,
    `an offset of ${offset} and a length of ${length}`,
  );
}
