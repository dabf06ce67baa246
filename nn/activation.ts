/** Activation functions, by name. @module */

import { wrongValue } from "../tensor/errors.ts";
import type { Tensor } from "../tensor/mod.ts";
import { Module } from "./module.ts";

/** The name of an activation function. */
export type ActivationName =
  | "identity"
  | "relu"
  | "reluSquared"
  | "gelu"
  | "silu"
  | "tanh"
  | "sigmoid"
  | "elu"
  | "leakyRelu"
  | "softplus"
  | "logSigmoid"
  | "hardswish";

const functions: Record<ActivationName, (x: Tensor) => Tensor> = {
  identity: (x) => x,
  relu: (x) => x.relu(),
  reluSquared: (x) => x.reluSquared(),
  gelu: (x) => x.gelu(),
  silu: (x) => x.silu(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  elu: (x) => x.elu(),
  leakyRelu: (x) => x.leakyRelu(),
  softplus: (x) => x.softplus(),
  logSigmoid: (x) => x.logSigmoid(),
  hardswish: (x) => x.hardswish(),
};

/**
 * An elementwise activation function, as a module.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Activation } from "./activation.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = await new Activation("reluSquared").forward(Tensor.from(device, [-3, 3])).data();
 * if (y.join() !== "0,9") throw new Error(`got ${y}`);
 * await device.close();
 * ```
 */
export class Activation extends Module {
  /** The name of the function. */
  readonly name: ActivationName;

  /** Looks up the function. @throws {RangeError} If there is none of this name. */
  constructor(name: ActivationName) {
    super();
    if (!Object.hasOwn(functions, name)) {
      const names = Object.keys(functions).join(", ");
      throw wrongValue("make an Activation", `one of ${names}`, name);
    }
    this.name = name;
  }

  /** Applies the function elementwise, `[...]` to `[...]`. */
  forward(x: Tensor): Tensor {
    return functions[this.name](x);
  }
}
