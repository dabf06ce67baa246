/** Layers in sequence. @module */

import type { Tensor } from "../tensor/mod.ts";
import { type Layer, Module } from "./module.ts";

/**
 * A chain of layers: the output of each is the input of the next. Parameters are named
 * `layers.0.weight` and so on.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Activation } from "./activation.ts";
 * import { Linear } from "./linear.ts";
 * import { Sequential } from "./sequential.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const network = new Sequential([
 *   new Linear(device, 2, 8, { seed: 1 }),
 *   new Activation("tanh"),
 *   new Linear(device, 8, 1, { seed: 2 }),
 * ]);
 * const y = network.forward(Tensor.ones(device, [5, 2]));
 * if (y.shape.join() !== "5,1") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class Sequential extends Module {
  /** The layers, in order. */
  readonly layers: readonly Layer[];

  /** Creates the chain. @param layers The layers; each needs a seed of its own. */
  constructor(layers: readonly Layer[]) {
    super();
    this.layers = layers;
  }

  /** Applies the layers in order. */
  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }
}
