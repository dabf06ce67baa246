/** Parameters in the type that a layer computes with. @module */

import { type DType, isGradEnabled, type Tensor } from "../tensor/mod.ts";

/** What a parameter was when it was converted, and what came of it. */
interface Converted {
  readonly version: number;
  readonly tensor: Tensor;
}

/** The parameters that are not being trained, converted: layers are run on them again and again. */
const converted = new WeakMap<Tensor, Converted>();

/**
 * A parameter in another type, in which a layer computes: trained are the numbers in single precision,
 * since steps are smaller than half precision can tell apart. The gradient comes back to these.
 *
 * While nothing is recorded, as when a model writes, the result is kept as long as the parameter stays
 * the same, so that every token does not convert all weights anew.
 *
 * @param parameter In single precision.
 * @param dtype The type of what goes into the layer.
 * @returns The parameter itself if it has that type.
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
  if (parameter.dtype === dtype) return parameter;
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
