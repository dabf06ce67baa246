/**
 * Profiles: the time of each kernel that a device runs. {@linkcode Device.profile} makes one, and
 * `profile_text.ts` formats it.
 *
 * @module
 */

import type { View } from "./device.ts";
import { bytesPerElement } from "./dtype.ts";
import type { Call } from "./explain.ts";

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
export function viewBytes(views: readonly Pick<View, "dtype" | "shape" | "strides">[]): number {
  let bytes = 0;
  for (const { dtype, shape, strides } of views) {
    bytes += shape.reduce(
      (size, length, i) => strides[i] === 0 ? size : size * length,
      bytesPerElement(dtype),
    );
  }
  return bytes;
}
