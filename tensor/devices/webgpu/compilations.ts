/** Tracks which memory depends on kernels that may not compile. @module */

import { Error } from "../../errors.ts";
import type { WebGpuAllocation } from "./allocation.ts";
import { oneLine } from "./checks.ts";

export interface Compilation {
  /** The bit that marks memory it has written, or `0n` once it is known to have compiled. */
  mark: bigint;
}

/**
 * The compilations of a device.
 *
 * Drivers report a compilation error late: the kernel's dispatch has been recorded by then, and
 * others that read its results. So memory is marked with the kernels that its contents depend on
 * until they are known to compile. If one does not, only this memory is lost: reading it is an
 * error, and so is another dispatch of the kernel or on this memory.
 */
export class Compilations {
  readonly #failures: { readonly mark: bigint; readonly reason: string }[] = [];
  /** The marks of all kernels that failed or may still fail. */
  #live = 0n;
  #failed = 0n;
  #count = 0;
  /** The first failure that no error has reported. */
  #unreported: string | null = null;

  /**
   * Adds a kernel. `error` resolves to why it did not compile, or to `null`; the returned promise
   * resolves once the outcome is known here.
   */
  begin(key: string, error: Promise<string | null>): [Compilation, Promise<void>] {
    const mark = 1n << BigInt(this.#count++);
    const compilation: Compilation = { mark };
    this.#live |= mark;
    const ended = error.then((found) => {
      if (found === null) {
        this.#live &= ~mark;
        compilation.mark = 0n;
        return;
      }
      const reason = `the kernel "${key}" does not compile: ${oneLine(found)}`;
      this.#failures.push({ mark, reason });
      this.#failed |= mark;
      this.#unreported ??= reason;
    });
    return [compilation, ended];
  }

  /**
   * The marks of what a dispatch writes: its kernel's, and those of all memory bound to it. Throws
   * if one of these kernels is known not to compile.
   */
  marksOf(
    what: string,
    compilation: Compilation,
    bound: readonly { readonly own: WebGpuAllocation }[],
  ): bigint {
    let marks = compilation.mark;
    for (const { own } of bound) {
      if (own.marks !== 0n) marks |= own.marks &= this.#live;
    }
    if (marks !== 0n) this.assertCompiled(what, marks);
    return marks;
  }

  /** Throws if one of the kernels with these marks is known not to compile: the memory is lost. */
  assertCompiled(what: string, marks: bigint): void {
    if ((marks & this.#failed) === 0n) return;
    const { reason } = this.#failures.find(({ mark }) => (mark & marks) !== 0n)!;
    if (reason === this.#unreported) this.#unreported = null;
    throw new Error(`Cannot ${what}: ${reason}`);
  }

  /**
   * Throws if a kernel failed and no other error reported it, once: nobody may read what it should
   * have written.
   */
  assertReported(what: string): void {
    const reason = this.#unreported;
    if (reason === null) return;
    this.#unreported = null;
    throw new Error(`Cannot ${what}: ${reason}`);
  }
}
