/** Building networks whose weights are packed, without memory for them in float32. @module */

import { type Device, Tensor } from "../tensor/mod.ts";
import { canPack } from "../tensor/ops/quantized/mod.ts";

/** The weights left out so far, while a network is built without them. */
let leftOut: Set<Tensor> | null = null;

/** A network, and tensors of the right shape in the places of its weights. */
export interface WithoutWeights<Network> {
  readonly network: Network;
  readonly placeholders: ReadonlySet<Tensor>;
}

/**
 * Builds a network with placeholders where it has weights that can be packed: views of a single number,
 * to be replaced.
 */
export function withoutWeights<Network>(build: () => Network): WithoutWeights<Network> {
  const before = leftOut;
  const placeholders = leftOut = new Set<Tensor>();
  try {
    return { network: build(), placeholders };
  } finally {
    leftOut = before;
  }
}

/** In the place of a parameter of this shape, if weights are left out; otherwise `null`. */
export function placeholderOf(device: Device, shape: readonly number[]): Tensor | null {
  if (leftOut === null || !canPack(shape)) return null;
  const one = Tensor.zeros(device, [1, 1]);
  const placeholder = one.expand(shape);
  leftOut.add(placeholder);
  return placeholder;
}
