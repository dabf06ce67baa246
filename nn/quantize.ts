/** Packing the weights of a network: 8 or 4 bits a number, for running it in less memory. @module */

import { bytesPerElement } from "../tensor/layout.ts";
import { type Packing, quantize, QuantizedMatrix, Tensor } from "../tensor/mod.ts";
import { BLOCK, canPack } from "../tensor/ops/quantized/mod.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { fieldsOf, type Module } from "./module.ts";
import { withoutWeights } from "./without_weights.ts";

/**
 * Packs the weights of all linear layers and embeddings of a network, in place, and frees the float32
 * ones. A weight that several layers share remains one. Rows that are not a multiple of 32 long,
 * biases and the weights of norms stay as they are.
 *
 * Afterwards the network runs as before, within `noGrad`; training, saving or exporting it is an error.
 *
 * @throws {TypeError} If the packing is neither `q8` nor `q4`.
 *
 * @example
 * ```ts
 * import { noGrad, openDevice, Tensor } from "../tensor/mod.ts";
 * import { MLP } from "./mlp.ts";
 * import { quantizeModule } from "./quantize.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const network = new MLP(device, [64, 96, 4], { activation: "tanh", seed: 1 });
 * const x = Tensor.ones(device, [1, 64]);
 * const [before] = await network.forward(x).data();
 * quantizeModule(network, "q8");
 * const [after] = await noGrad(() => network.forward(x)).data();
 * if (Math.abs(before! - after!) > 0.01) throw new Error(`expected ${before}, got ${after}`);
 * await device.close();
 * ```
 */
export function quantizeModule(network: Module, packing: Packing): void {
  const packed = new Map<Tensor, QuantizedMatrix>();
  for (const [, layer] of fieldsOf(network)) {
    if (!(layer instanceof Linear || layer instanceof Embedding)) continue;
    const { weight } = layer;
    if (!weight.isParameter || !canPack(weight.shape)) continue;
    const matrix = packed.get(weight) ?? quantize(weight, packing).keep();
    packed.set(weight, matrix);
    Reflect.set(layer, "weight", matrix);
  }
  for (const weight of packed.keys()) weight.dispose();
}

/**
 * Builds a network with packed weights that have no values yet: `assign` packs into each what is
 * read for it. Thus no weight is ever on the device in float32.
 *
 * @param build Builds the network; its initial values of weights do not count.
 * @param packingOf How to pack the parameter of a name.
 */
export function buildPacked<Network>(
  build: () => Network,
  packingOf: (name: string) => Packing,
): Network {
  const { network, placeholders } = withoutWeights(build);
  const packed = new Map<Tensor, QuantizedMatrix>();
  for (const [name, value, replace] of fieldsOf(network)) {
    if (!(value instanceof Tensor && placeholders.has(value))) continue;
    const { device, shape } = value;
    const matrix = packed.get(value) ??
      QuantizedMatrix.allocate(device, packingOf(name), shape).keep();
    packed.set(value, matrix);
    replace(matrix);
  }
  for (const placeholder of placeholders) placeholder.dispose();
  return network;
}

/** Bytes of numbers of a shape: packed if they can be, or else in float32. */
export function packedBytes(shape: readonly number[], packing: Packing | null): number {
  const size = shape.reduce((size, length) => size * length, 1);
  if (packing === null || !canPack(shape)) return 4 * size;
  return size / BLOCK * (packing === "q8" ? 36 : 20);
}

/** Bytes that the parameters of a network take on its device, each counted once. */
export function parameterBytes(network: Pick<Module, "parameters">): number {
  const bytesOf = (parameter: Tensor) =>
    parameter instanceof QuantizedMatrix
      ? parameter.bytes
      : parameter.size * bytesPerElement(parameter.dtype);
  return [...network.parameters().values()].reduce((sum, each) => sum + bytesOf(each), 0);
}
