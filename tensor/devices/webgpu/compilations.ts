/** Tracks which memory depends on kernels that may not compile. @module */

import { Error } from "../../errors.ts";
import type { WebGpuAllocation } from "./allocation.ts";

/**
 * The compilation of a kernel.
 *
 * Drivers report a compilation error late: the kernel's dispatch has been recorded by then, and
 * others that read its results. So memory remembers the kernels that its contents depend on until
 * they are known to compile. If one does not, only this memory is lost: reading it is an error, and
 * so is another dispatch of the kernel or on this memory.
 */
export interface Compilation {
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
