/** Messages between a device and the worker that drives its GPU. @module */

import type { AdapterFacts, GpuPlan } from "./adapter.ts";
import type { Gpu, GpuLoss } from "./gpu.ts";

/** The methods of {@linkcode Gpu} that are sent to a worker. */
export type GpuMethod = Exclude<
  { [Key in keyof Gpu]: Gpu[Key] extends (...values: never[]) => unknown ? Key : never }[keyof Gpu],
  "onUncapturedError"
>;

export interface GpuCall<Method extends GpuMethod = GpuMethod> {
  readonly method: Method;
  readonly arguments: Parameters<Gpu[Method]>;
  /** Identifies the answer to wait for; `null` if there is none. */
  readonly question: number | null;
}

export type ToWorker =
  /** Looks for an adapter; always first. */
  | { readonly kind: "find" }
  | { readonly kind: "open"; readonly plan: GpuPlan }
  | { readonly kind: "calls"; readonly calls: readonly GpuCall[] };

export type FromWorker =
  | { readonly kind: "found"; readonly facts: AdapterFacts | null }
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  | { readonly kind: "rejection"; readonly question: number; readonly reason: string }
  | { readonly kind: "uncaptured"; readonly message: string }
  | { readonly kind: "lost"; readonly loss: GpuLoss };
