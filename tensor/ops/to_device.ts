/** Copies between devices. @module */

import { checkDevice } from "../checks.ts";
import type { Device } from "../device.ts";
import { Error } from "../errors.ts";
import { Tensor } from "../tensor.ts";

/**
 * A copy on another device, for which the values are read. A parameter becomes one there, without its
 * gradient. Throws an `Error` if a gradient would end here silently: for the result of an operation that
 * requires one.
 */
export async function toDevice(x: Tensor, device: Device): Promise<Tensor> {
  const what = "copy a tensor to a device";
  checkDevice(what, device);
  if (x.requiresGrad && !x.isParameter) {
    throw new Error(
      `Cannot ${what}: wanted a parameter or a tensor without history, got the result of an operation, ` +
        "whose gradient would end here. Use detach()",
    );
  }
  const copy = Tensor.from(device, await x.data(), { shape: x.shape });
  return x.requiresGrad ? copy.requireGrad() : copy;
}
