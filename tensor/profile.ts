/**
 * Profiles: the time of each kernel that a device runs. {@linkcode Device.profile} makes one, and
 * `profile_text.ts` formats it.
 *
 * An explanation is a profile whose events know the call that they belong to: the line of the user's
 * code, and why it was this kernel. {@linkcode Device.explain} makes one. Meanwhile, `apply.ts` notes the
 * line of each operation, so that its gradient has the line of the forward pass, and `fast_paths.ts`
 * notes which fast path was taken and why others were not. Otherwise these notes cost a comparison.
 *
 * @module
 */

import { limits } from "./errors.ts";
import type { KernelSource } from "./kernel/language.ts";
import { explainedBy } from "./kernel/text.ts";
import { bytesPerElement, type TensorLayout } from "./layout.ts";

/** The work of a dispatch. Operations pass a function that returns it: only profiles call it. */
export interface Work {
  /** The operation's name. @default {the kernel's key} */
  readonly name?: string;
  /** Floating-point additions and multiplications. */
  readonly flops?: number;
  /** Bytes that must be read and written, counting each element once. */
  readonly bytes?: number;
  /** The shapes of the operands: inputs, then outputs. */
  readonly shapes?: readonly (readonly number[])[];
}

/** One run of a kernel, or another use of the device's time. */
export interface ProfileEvent {
  /** The operation, as in {@linkcode Work}. */
  readonly name: string;
  /** Key of the kernel. */
  readonly kernel: string;
  /** Start, in milliseconds since the start of the profile. */
  readonly start: number;
  /** Duration in milliseconds. */
  readonly milliseconds: number;
  /** As in {@linkcode Work}, if known. */
  readonly flops: number | undefined;
  /** As in {@linkcode Work}, if known. */
  readonly bytes: number | undefined;
  /** The call that it belongs to, in an explanation. */
  readonly call?: Call;
}

/** The work of a device during a period of time. */
export interface Profile {
  /** Wall-clock duration in milliseconds. */
  readonly milliseconds: number;
  /** Events in order; none overlap. */
  readonly events: readonly ProfileEvent[];
}

export class ProfileRecorder {
  readonly #begin = performance.now();
  readonly #events: ProfileEvent[] = [];

  time(kernel: string, work: Work | undefined, run: () => void, call?: Call): void {
    const start = performance.now();
    run();
    this.add(kernel, work, start, performance.now(), call);
  }

  /** Records an event from `start` to `end`, in milliseconds of `performance.now()`. */
  add(kernel: string, work: Work | undefined, start: number, end: number, call?: Call): void {
    this.#events.push({
      name: work?.name ?? kernel,
      kernel,
      start: start - this.#begin,
      milliseconds: end - start,
      flops: work?.flops,
      bytes: work?.bytes,
      ...(call && { call }),
    });
  }

  /** The profile from the creation of this recorder until now, or until `end`. */
  finish(end: number = performance.now()): Profile {
    return { milliseconds: end - this.#begin, events: this.#events };
  }
}

/** Bytes of the elements of some views; broadcast elements count once. */
export function viewBytes(views: readonly TensorLayout[]): number {
  let bytes = 0;
  for (const { dtype, shape, strides } of views) {
    bytes += shape.reduce(
      (size, length, i) => strides[i] === 0 ? size : size * length,
      bytesPerElement(dtype),
    );
  }
  return bytes;
}

// --- Explanations -----------------------------------------------------------------------------

/** A fast path that was not taken. */
export interface RefusedPath {
  /** The name in `fast/mod.ts`. */
  readonly name: string;
  /** The condition that it failed. */
  readonly reason: string;
}

/** How an operation was computed. */
export interface Choice {
  /** The operation, as `fast_paths.ts` names it. */
  readonly operation: string;
  /** The fast path that ran, or `"plain"` for the operation's own body. */
  readonly taken: string;
  /** The fast paths before it in `fast/mod.ts`, each with the condition that refused it. */
  readonly refused: readonly RefusedPath[];
}

/** The code of a kernel, for people. */
export interface KernelText {
  /** The kernel as pseudo-code, or the formula that it computes. */
  code(): string;
  /** The derived gradient of a formula. */
  gradient?(): string;
}

/** The call that a kernel belongs to. */
export interface Call {
  /** `file:line` of the innermost caller outside of `tensor/`, `autograd/` and `nn/`. */
  readonly source: string | null;
  /** Whether it is a part of the gradient of what that line computed. */
  readonly isGradient: boolean;
  /** Why it was this kernel; `null` if there was no choice. */
  readonly choice: Choice | null;
  /** The shapes of its operands, if known: inputs, then outputs. */
  readonly shapes: readonly (readonly number[])[];
  /** The code of the kernel, if it can be shown. */
  readonly text: KernelText | null;
  /** The kernel in WGSL, on WebGPU. */
  readonly wgsl: (() => string) | null;
}

/** A kernel that ran. */
export interface ExplainedKernel extends Omit<ProfileEvent, "call">, Call {}

/** The kernels that ran, in order. */
export interface Explanation {
  /** Wall-clock duration in milliseconds. */
  readonly milliseconds: number;
  /** The kernels in order. */
  readonly kernels: readonly ExplainedKernel[];
}

interface Notes {
  /** The source of the gradient that is being computed. */
  readonly gradientSource: string | null;
  readonly choice: Choice | null;
}

let notes: Notes | null = null;

/** A device that explains the kernels that it profiles: see {@linkcode Device.explain}. */
export abstract class Profiled {
  abstract profile(run: () => void | Promise<void>): Promise<Profile>;

  async explain(run: () => void | Promise<void>): Promise<Explanation> {
    const { milliseconds, events } = await this.profile(async () => {
      const { stackTraceLimit = 10 } = limits;
      // Operations call each other a few levels deep, below the line that is wanted.
      limits.stackTraceLimit = 50;
      notes = { gradientSource: null, choice: null };
      try {
        await run();
      } finally {
        notes = null;
        limits.stackTraceLimit = stackTraceLimit;
      }
    });
    // Without a call are not kernels, but their compilation.
    const kernels = events.flatMap(({ call, ...event }) => call ? [{ ...event, ...call }] : []);
    return { milliseconds, kernels };
  }
}

/** For devices: the call of a kernel that is dispatched now, while an explanation is made. */
export function currentCall(
  kernel: { readonly source?: object; readonly code?: () => string },
  shapes: readonly (readonly number[])[] = [],
): Call | undefined {
  if (notes === null) return undefined;
  const { gradientSource, choice } = notes;
  return {
    source: gradientSource ?? sourceLine(),
    isGradient: gradientSource !== null,
    choice,
    shapes,
    text: kernel.source === undefined ? null : explainedBy(kernel.source as KernelSource),
    wgsl: kernel.code ?? null,
  };
}

/** Runs a function whose kernels belong to a choice, or to the gradient of a line of the forward pass. */
export function withNotes<Result>(some: Partial<Notes>, run: () => Result): Result {
  if (notes === null) return run();
  const before = notes;
  notes = { ...notes, ...some };
  try {
    return run();
  } finally {
    notes = before;
  }
}

/** The library's folder. A bundle without an address has none, and no file names to shorten. */
const root = `${import.meta.url}`.replace(/[^/]*\/[^/]*$/, "");
/** Folders of the library, whose lines explain less than those of their callers. */
const LIBRARY = ["tensor/", "autograd/", "nn/"];

/** `file:line` of the innermost caller outside of the library, while an explanation is made. */
export function sourceLine(): string | null {
  if (notes === null) return null;
  for (const line of new globalThis.Error().stack?.split("\n").slice(1) ?? []) {
    const [, address, row] = /([a-z]+:\/\/[^\s()]+):(\d+):\d+\)?$/.exec(line) ?? [];
    if (address === undefined) continue;
    const path = address.startsWith(root) ? address.slice(root.length) : address;
    const isLibrary = LIBRARY.some((folder) => path.startsWith(folder));
    if (!isLibrary || path.endsWith("_test.ts")) return `${path}:${row}`;
  }
  return null;
}
