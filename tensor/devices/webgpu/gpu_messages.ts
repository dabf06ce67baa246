/** What a device and the worker that serves its graphics processor say to each other. @module */

import type { DeviceInfo } from "../../device.ts";
import type { WebGpuLimits, WebGpuOptions } from "./adapter.ts";
import type { Gpu, GpuLoss } from "./gpu.ts";

/** The methods of {@linkcode Gpu} that a worker is told to call. */
export type GpuMethod = Exclude<
  { [Key in keyof Gpu]: Gpu[Key] extends (...values: never[]) => unknown ? Key : never }[keyof Gpu],
  "onUncapturedError"
>;

/** A call that a worker is told to make. */
export interface GpuCall<Method extends GpuMethod = GpuMethod> {
  /** The method. */
  readonly method: Method;
  /** What it is given. */
  readonly arguments: Parameters<Gpu[Method]>;
  /** The number under which the answer is awaited; `null` where none is. */
  readonly question: number | null;
}

/** What a worker is told. */
export type ToWorker =
  /** The first message: the graphics processor is to be opened. */
  | { readonly kind: "open"; readonly options: WebGpuOptions }
  /** Calls in their order. */
  | { readonly kind: "calls"; readonly calls: readonly GpuCall[] };

/** What a worker tells. */
export type FromWorker =
  /** The graphics processor is open, and calls may come. */
  | {
    readonly kind: "opened";
    readonly info: DeviceInfo;
    readonly limits: WebGpuLimits;
    readonly features: ReadonlySet<string>;
  }
  /** It could not be opened. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** What a call gave that someone waits for. */
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  /** Why a call failed that someone waits for. */
  | { readonly kind: "rejection"; readonly question: number; readonly reason: string }
  /** What went wrong where no one waits for it. */
  | { readonly kind: "uncaptured"; readonly message: string }
  /** Nothing works any more. */
  | { readonly kind: "lost"; readonly loss: GpuLoss };
