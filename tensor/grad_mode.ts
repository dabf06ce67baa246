/** Gradient mode: whether operations are recorded for backward. @module */

import { TypeError } from "./errors.ts";

let enabled = true;

/** Whether operations are currently recorded. */
export function isGradEnabled(): boolean {
  return enabled;
}

/**
 * Runs `body` without recording, for evaluation, sampling and parameter updates.
 *
 * @throws {TypeError} If `body` is asynchronous, because code after its first `await` would be
 * recorded. Wrap the synchronous parts instead.
 *
 * @example
 * ```ts
 * import { noGrad, openDevice, Tensor } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.from(device, [1, 2], { requiresGrad: true });
 * const doubled = noGrad(() => weight.mul(2));
 * if (doubled.requiresGrad) throw new Error("nothing should have been recorded");
 * await device.close();
 * ```
 */
export function noGrad<T>(body: () => T): T {
  const before = enabled;
  enabled = false;
  let result: T;
  try {
    result = body();
  } finally {
    enabled = before;
  }
  if (result instanceof Promise) {
    throw new TypeError("Cannot run an asynchronous function without gradients: wrap its parts");
  }
  return result;
}
