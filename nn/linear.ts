import type { OptionNames } from "../tensor/checks.ts";
import { type Device, linear, type Tensor } from "../tensor/mod.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { type Initializer, uniform } from "./initializers.ts";
import { checkLayer, inType, namedSeed, parameter } from "./parameter.ts";
import { Module } from "./module.ts";

/** Options for {@linkcode Linear}. */
export interface LinearOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer; or `null` for zeros. */
  readonly seed: number | null;
  /** Whether to add a learned bias. @default {true} */
  readonly bias?: boolean;
  /** Initializer of the weight; by default uniform within ±1/√inputs, as in PyTorch. */
  readonly initialWeight?: Initializer;
}

const OPTIONS: OptionNames<LinearOptions> = { seed: true, bias: true, initialWeight: true };

/**
 * A fully connected layer: y = x Wᵀ + b.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Linear } from "./linear.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new Linear(device, 3, 2, { seed: 42 });
 * const y = layer.forward(Tensor.ones(device, [5, 3]));
 * if (y.shape.join() !== "5,2") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class Linear extends Module {
  /** `[outputs, inputs]` */
  readonly weight: Tensor;
  /** `[outputs]`; absent with `bias: false`. */
  readonly bias?: Tensor;

  /** Creates the parameters. @throws {RangeError} If a size is not a positive integer. */
  constructor(device: Device, inputs: number, outputs: number, options: LinearOptions) {
    super();
    checkLayer("Linear", device, { inputs, outputs }, options, OPTIONS, ["seed"]);
    const bound = 1 / Math.sqrt(inputs);
    const { seed, bias = true, initialWeight = uniform(-bound, bound) } = options;
    this.weight = parameter(device, [outputs, inputs], initialWeight, namedSeed(seed, "weight"));
    if (bias) {
      this.bias = parameter(device, [outputs], uniform(-bound, bound), namedSeed(seed, "bias"));
    }
  }

  /**
   * Computes x Wᵀ + b, `[..., inputs]` to `[..., outputs]`, in the dtype of x; parameters of
   * another dtype are cast.
   *
   * @throws {RangeError} If the last axis has another length.
   */
  forward(x: Tensor): Tensor {
    checkTensor("run a Linear", x);
    const { weight, bias } = this;
    return linear(x, inType(weight, x.dtype), bias && inType(bias, x.dtype));
  }
}
