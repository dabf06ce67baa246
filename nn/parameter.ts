/** Making a parameter. @module */

import { type Device, Tensor } from "../tensor/mod.ts";
import type { Initializer } from "./initializers.ts";

/**
 * Makes a parameter: a tensor that collects a gradient and outlives every scope.
 *
 * @param device Where it lives.
 * @param shape Its shape; that of a linear layer's weight is [outputs, inputs].
 * @param initializer What it is filled with at first.
 * @param seed Chooses the random numbers; `null` for zeros instead, where values are loaded next.
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
  const values = seed === null ? Tensor.zeros(device, shape) : initializer(device, shape, seed);
  return values.requireGrad().keep();
}
