/**
 * Tensors and devices as backends and hand-written kernels see them: allocations, views, kernels and
 * how they are dispatched. Code that trains or runs a model needs none of it.
 *
 * @module
 */

export type { Each, Gradient, Saved } from "./apply.ts";
export * from "./device.ts";
export type { Specification, TensorLayout } from "./layout.ts";
export type { Call } from "./profile.ts";
export type { Scopes } from "./scope.ts";
export type * from "./storage.ts";
