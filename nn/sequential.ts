import { checkList, describeValue } from "../tensor/checks.ts";
import { wrongType } from "../tensor/errors.ts";
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

  /**
   * Creates the chain; each layer needs a seed of its own. @throws {TypeError} If one has no
   * `forward`, or is no Module, whose parameters would not be found.
   */
  constructor(layers: readonly Layer[]) {
    super();
    checkList("make a Sequential", "a list of layers, as in [first, second]", layers);
    for (const layer of layers) {
      if (layer instanceof Module && typeof layer.forward === "function") continue;
      throw wrongType("make a Sequential", "Modules with a method forward", describeValue(layer));
    }
    this.layers = layers;
  }

  /** Applies the layers in order. */
  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }
}
