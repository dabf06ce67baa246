/** Messages between a device and the worker that drives its GPU. @module */

import type { DeviceInfo } from "../../device.ts";
import type { WebGpuLimits, WebGpuOptions } from "./adapter.ts";
import type { Gpu, GpuLoss } from "./gpu.ts";

/** The methods of {@linkcode Gpu} that are sent to a worker. */
export type GpuMethod = Exclude<
  { [Key in keyof Gpu]: Gpu[Key] extends (...values: never[]) => unknown ? Key : never }[keyof Gpu],
  "onUncapturedError"
>;

/** A method call. */
export interface GpuCall<Method extends GpuMethod = GpuMethod> {
  readonly method: Method;
  readonly arguments: Parameters<Gpu[Method]>;
  /** Identifies the answer to wait for; `null` if there is none. */
  readonly question: number | null;
}

/** Messages to the worker. */
export type ToWorker =
  /** Opens the GPU; always first. */
  | { readonly kind: "open"; readonly options: WebGpuOptions }
  /** Calls, in order. */
  | { readonly kind: "calls"; readonly calls: readonly GpuCall[] };

/** Messages from the worker. */
export type FromWorker =
  /** The GPU is open, and accepts calls. */
  | {
    readonly kind: "opened";
    readonly info: DeviceInfo;
    readonly limits: WebGpuLimits;
    readonly features: ReadonlySet<string>;
  }
  /** The GPU could not be opened. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** The result of a call. */
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  /** The error of a call. */
  | { readonly kind: "rejection"; readonly question: number; readonly reason: string }
  /** An error outside of error scopes. */
  | { readonly kind: "uncaptured"; readonly message: string }
  /** The device was lost. */
  | { readonly kind: "lost"; readonly loss: GpuLoss };
