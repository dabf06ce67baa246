import { checkIsNumber, checkOptions } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import {
  defineProgram,
  deriveSeed,
  expression as ex,
  runProgram,
  type Tensor,
  uniform,
} from "../tensor/mod.ts";
import { promote } from "../tensor/layout.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

const dropoutProgram = /* @__PURE__ */ defineProgram(
  { name: "dropout", inputs: ["x", "chance"], scalars: ["probability", "scale"] },
  ({ x, chance, probability, scale }) => [
    ex.select(ex.less(ex.detach(chance), probability), 0, ex.multiply(x, scale)),
  ],
);

/** Options for {@linkcode Dropout}. */
export interface DropoutOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer. */
  readonly seed: number;
}

/**
 * Randomly zeroes elements during training and scales the others up to keep the mean. The identity
 * after `eval()`. The mask depends only on the seed and the number of calls, so it is the same on
 * every device, and a resumed run restores it by setting `calls`.
 *
 * Source: Srivastava et al., "Dropout" (2014).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Dropout } from "./dropout.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const dropout = new Dropout(0.5, { seed: 42 });
 * const x = Tensor.ones(device, [100]);
 * const y = await dropout.forward(x).data();
 * if (y.some((value) => value !== 0 && value !== 2)) throw new Error("expected 0 or 2");
 * if (dropout.eval().forward(x) !== x) throw new Error("expected to get x back");
 * await device.close();
 * ```
 */
export class Dropout extends Module {
  /** Probability that an element is zeroed. */
  readonly probability: number;
  /** Number of calls in training mode; each has a mask of its own. */
  calls = 0;
  readonly #seed: number;

  /** Creates the module. @throws {RangeError} If `probability` is not from 0 to below 1. */
  constructor(probability: number, options: DropoutOptions) {
    super();
    checkIsNumber("make a Dropout", "a probability first, as in new Dropout(0.5, …)", probability);
    if (!(probability >= 0 && probability < 1)) {
      throw wrongValue("make a Dropout", "a probability from 0 to below 1", probability);
    }
    checkOptions("make a Dropout", options, { seed: true }, ["seed"]);
    this.probability = probability;
    this.#seed = options.seed;
  }

  /**
   * Applies dropout, `[...]` to `[...]`, in training mode only; returns `x` itself if nothing is
   * dropped.
   */
  forward(x: Tensor): Tensor {
    checkTensor("run a Dropout", x);
    const { probability } = this;
    if (!this.isTraining || probability === 0) return x;
    const chance = uniform(x.device, x.shape, { seed: deriveSeed(this.#seed, this.calls++) });
    return runProgram(
      dropoutProgram,
      [x, chance],
      [probability, 1 / (1 - probability)],
      promote([x.dtype]),
    );
  }
}
