/** Validation before calling the driver, whose errors come later and say less. @module */

import type { Allocation, Arguments, WgslKernel } from "../../device.ts";
import { RangeError } from "../../errors.ts";
import type { WebGpuLimits } from "./adapter.ts";
import { wholeOf } from "./allocation.ts";

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
  const problem = callProblem(kernel, allocations, limits, workgroups) ??
    different("integer arguments", kernel.integers.length, integers.length) ??
    different("float arguments", kernel.floats?.length ?? 0, floats.length);
  if (problem !== null) throw new RangeError(`Cannot run "${kernel.key}": ${problem}`);
}

function callProblem(
  kernel: WgslKernel,
  allocations: readonly Allocation[],
  limits: WebGpuLimits,
  workgroups: number,
): string | null {
  const count = allocations.length;
  const most = limits.maxStorageBuffersPerShaderStage;
  if (count > most) return `wanted at most ${most} buffers on this device, got ${count}`;
  if (workgroups > limits.maxComputeWorkgroupsPerDimension) {
    return `wanted at most ${limits.maxComputeWorkgroupsPerDimension} workgroups in each ` +
      `dimension, got ${workgroups}`;
  }
  for (let i = 0; i < count; i++) {
    const allocation = allocations[i]!;
    if (allocation.bytes > limits.maxStorageBufferBindingSize) {
      return `wanted buffers of at most ${limits.maxStorageBufferBindingSize} bytes, got ` +
        `${allocation.bytes} for "${kernel.buffers[i]?.name}"`;
    }
    const first = allocations.findIndex((other) => wholeOf(other) === wholeOf(allocation));
    if (first < i && (kernel.buffers[first]?.writes || kernel.buffers[i]?.writes)) {
      return `wanted one binding of an allocation that is written to, got it as ` +
        `"${kernel.buffers[first]?.name}" and as "${kernel.buffers[i]?.name}"`;
    }
  }
  return different("buffers", kernel.buffers.length, count);
}

function different(what: string, wanted: number, got: number): string | null {
  return wanted === got ? null : `wanted ${wanted} ${what}, got ${got}`;
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
  throw new RangeError(
    `Cannot ${what} bytes ${offset} to ${end} of an allocation: wanted ` +
      `${unit === 1 ? "them" : `multiples of ${unit}`} within ${bytes} bytes, ` +
      `got an offset of ${offset} and a length of ${length}`,
  );
}

export function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}
