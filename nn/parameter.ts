/** Parameters of layers: what is checked before they are made, their seeds, and their dtypes. @module */

import {
  checkDevice,
  checkOptions,
  checkThat,
  type OptionNames,
  withArticle,
} from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { formatShape } from "../tensor/layout.ts";
import {
  deriveSeed,
  type Device,
  type DType,
  type FloatType,
  isGradEnabled,
  QuantizedMatrix,
  Tensor,
} from "../tensor/mod.ts";
import type { Initializer } from "./initializers.ts";
import { placeholderOf } from "./without_weights.ts";

/** Checks the arguments of a layer: its device, its sizes by name, and its options. */
export function checkLayer<Options extends object>(
  layer: string,
  device: Device,
  sizes: Readonly<Record<string, number>>,
  options: Options,
  known: OptionNames<Options>,
  required: readonly (keyof Options & string)[] = [],
): void {
  const what = `make ${withArticle(layer)}`;
  checkDevice(what, device);
  checkSizes(what, sizes);
  checkOptions(what, options, known, required);
}

export function checkSizes(what: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    checkThat(Number.isSafeInteger(size) && size > 0, what, `${name} to be 1 or more`, size);
  }
}

/**
 * Derives the seed of a named part, such as `"weight"`. It depends only on the seed and the name,
 * so adding a part does not change the random values of others.
 *
 * @example
 * ```ts
 * import { namedSeed } from "./parameter.ts";
 *
 * const [weight, bias] = [namedSeed(42, "weight"), namedSeed(42, "bias")];
 * if (weight === bias) throw new Error("expected two seeds");
 * ```
 */
export function namedSeed(seed: number, name: string): number;
/** Derives the seed of a named part; `null` stays `null`. */
export function namedSeed(seed: number | null, name: string): number | null;
export function namedSeed(seed: number | null, name: string): number | null {
  if (seed === null) return null;
  // FNV-1a (Fowler, Noll and Vo), in 32 bits.
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return deriveSeed(seed, hash);
}

/**
 * Creates a parameter: a tensor that requires a gradient and outlives every scope. A seed of `null`
 * gives zeros, if values are loaded next. One of 16 bits has its gradient in them, too, and the moments
 * of optimizers.
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
  dtype: FloatType = "float32",
): Tensor {
  using _scope = device.scope();
  const make = () => seed === null ? Tensor.zeros(device, shape) : initializer(device, shape, seed);
  const values = placeholderOf(device, shape) ?? make().to(dtype);
  const [wanted, got] = [shape, values.shape].map(formatShape);
  if (got !== wanted) throw wrongValue("make a parameter", `initial values ${wanted}`, got!);
  return values.requireGrad().keep();
}

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
 * import { inType } from "./parameter.ts";
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
