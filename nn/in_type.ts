/** Casts parameters to a layer's compute dtype. @module */

import { type DType, isGradEnabled, QuantizedMatrix, type Tensor } from "../tensor/mod.ts";

interface Converted {
  readonly version: number;
  readonly tensor: Tensor;
}

/** Cache of cast parameters, for inference, where layers run repeatedly on unchanged weights. */
const converted = new WeakMap<Tensor, Converted>();

/**
 * Casts a float32 parameter to the dtype of a layer's input. Parameters stay in float32 because
 * updates are too small for half precision; the gradient flows back to them. While gradients are
 * off, as during generation, the result is cached until the parameter changes, so that not every
 * token casts all weights. Packed numbers suit every dtype, and are returned as they are.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { inType } from "./in_type.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.ones(device, [2, 2], { requiresGrad: true });
 * if (inType(weight, "float32") !== weight) throw new Error("expected nothing to convert");
 * await device.close();
 * ```
 */
export function inType(parameter: Tensor, dtype: DType): Tensor {
  if (parameter.dtype === dtype || parameter instanceof QuantizedMatrix) return parameter;
  const known = converted.get(parameter);
  const { version } = parameter.storage;
  if (!isGradEnabled() && known?.version === version && known.tensor.dtype === dtype) {
    return known.tensor;
  }
  known?.tensor.dispose();
  converted.delete(parameter);
  const tensor = parameter.to(dtype);
  if (!isGradEnabled()) converted.set(parameter, { version, tensor: tensor.keep() });
  return tensor;
}
