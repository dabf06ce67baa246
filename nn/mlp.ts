import { checkDevice, checkList, checkOptions, type OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import type { Device, Tensor } from "../tensor/mod.ts";
import { Activation, type ActivationName } from "./activation.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { namedSeed } from "./parameter.ts";

/** Options for {@linkcode MLP}. */
export interface MLPOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Activation after every layer but the last. @default {"relu"} */
  readonly activation?: ActivationName;
  /** Whether the layers have biases. @default {true} */
  readonly bias?: boolean;
}

const OPTIONS: OptionNames<MLPOptions> = { seed: true, activation: true, bias: true };

/**
 * Linear layers with an activation between them, such as the `mlp` of a transformer block.
 *
 * @example nanochat's MLP: four times as wide inside, with ReLU²
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { MLP } from "./mlp.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const mlp = new MLP(device, [8, 32, 8], { activation: "reluSquared", bias: false, seed: 42 });
 * const y = mlp.forward(Tensor.ones(device, [2, 5, 8]));
 * if (y.shape.join() !== "2,5,8") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class MLP extends Module {
  /** The linear layers, in order. */
  readonly layers: readonly Linear[];
  readonly #activation: Activation;

  /**
   * Creates the parameters.
   *
   * @param widths Number of input features, then the number of features after each layer.
   * @throws {RangeError} If there are fewer than two widths, or one is not a positive integer.
   */
  constructor(device: Device, widths: readonly number[], options: MLPOptions) {
    super();
    checkDevice("make an MLP", device);
    checkList("make an MLP", "a list of widths, as in [2, 8, 1]", widths);
    if (widths.length < 2) {
      const wanted = "at least 2 widths, those of input and output";
      throw wrongValue("make an MLP", wanted, widths.length);
    }
    checkOptions("make an MLP", options, OPTIONS, ["seed"]);
    const { seed, activation = "relu", bias = true } = options;
    this.#activation = new Activation(activation);
    this.layers = widths.slice(1).map((outputs, i) =>
      new Linear(device, widths[i]!, outputs, { bias, seed: namedSeed(seed, `layers.${i}`) })
    );
  }

  /**
   * Applies the layers, `[..., first width]` to `[..., last width]`, with the activation between
   * them.
   *
   * @throws {RangeError} If the last axis has another length.
   */
  forward(x: Tensor): Tensor {
    return this.layers.reduce(
      (value, layer, i) => layer.forward(i === 0 ? value : this.#activation.forward(value)),
      x,
    );
  }
}
