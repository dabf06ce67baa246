/** Allocations of a WebGPU device. @module */

import type { Allocation } from "../../device.ts";
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
