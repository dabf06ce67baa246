/** Allocations of a WebGPU device, and the kernels that their contents depend on. @module */

import type { Allocation } from "../../device.ts";
import { Error } from "../../errors.ts";
import type { PooledBuffer } from "./buffer_pool.ts";

export class WebGpuAllocation implements Allocation {
  readonly owner: object;
  readonly bytes: number;
  readonly label: string;
  /** The buffer; `null` once freed. */
  buffer: PooledBuffer | null;
  /** The kernels that the content depends on and that may not compile. */
  dependsOn: readonly Compilation[] = [];

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
 * The compilation of a kernel.
 *
 * Drivers report a compilation error late: the kernel's dispatch has been recorded by then, and
 * others that read its results. So memory remembers the kernels that its contents depend on until
 * they are known to compile. If one does not, only this memory is lost: reading it is an error, and
 * so is another dispatch of the kernel or on this memory.
 */
export interface Compilation {
  /** Resolves when it is known whether it failed. */
  readonly ended: Promise<void>;
  /** Why it failed: `null` if it did not, and `undefined` as long as that is not known. */
  failure?: string | null;
  /** Whether an error has reported the failure. */
  isReported?: boolean;
}

/**
 * The kernels that the memory written by a dispatch depends on: its own, and those that all memory
 * bound to it depends on. Throws if one of them is known not to compile.
 */
export function dependenciesOf(
  what: string,
  kernel: Compilation,
  bound: readonly { readonly own: WebGpuAllocation }[],
): readonly Compilation[] {
  const all = new Set([kernel]);
  for (const { own } of bound) for (const each of own.dependsOn) all.add(each);
  const unsure = [...all].filter(({ failure }) => failure !== null);
  assertCompiled(what, unsure);
  return unsure;
}

/** Throws if one of these kernels is known not to compile: what depends on it is lost. */
export function assertCompiled(what: string, compilations: readonly Compilation[]): void {
  const failed = compilations.find(({ failure }) => typeof failure === "string");
  if (failed === undefined) return;
  failed.isReported = true;
  throw new Error(`Cannot ${what}: ${failed.failure}`);
}
