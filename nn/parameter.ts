import { type Device, Tensor } from "../tensor/mod.ts";
import type { Initializer } from "./initializers.ts";
import { placeholderOf } from "./without_weights.ts";

/**
 * Creates a parameter: a tensor that requires a gradient and outlives every scope. A seed of `null`
 * gives zeros, if values are loaded next.
 *
 * @example
 * ```ts
 * import { openDevice } from "../tensor/mod.ts";
 * import { normal } from "./initializers.ts";
 * import { parameter } from "./parameter.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = parameter(device, [4, 2], normal({ standardDeviation: 0.02 }), 42);
 * if (!weight.requiresGrad) throw new Error("expected to collect a gradient");
 * await device.close();
 * ```
 */
export function parameter(
  device: Device,
  shape: readonly number[],
  initializer: Initializer,
  seed: number | null,
): Tensor {
  const values = placeholderOf(device, shape) ??
    (seed === null ? Tensor.zeros(device, shape) : initializer(device, shape, seed));
  return values.requireGrad().keep();
}
