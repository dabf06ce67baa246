/** Dropout. @module */

import {
  defineProgram,
  deriveSeed,
  expression as ex,
  runProgram,
  type Tensor,
  uniform,
} from "../tensor/mod.ts";
import { Module } from "./module.ts";

const dropoutProgram = defineProgram(
  { name: "dropout", inputs: ["x", "chance"], scalars: ["probability", "scale"] },
  ({ x, chance, probability, scale }) => [
    ex.select(ex.less(ex.detach(chance), probability), 0, ex.multiply(x, scale)),
  ],
);

/** What {@linkcode Dropout} is told. */
export interface DropoutOptions {
  /** Chooses what is dropped: an integer from 0 to 2⁵³ − 1, another one for each layer. */
  readonly seed: number;
}

/**
 * Sets numbers to 0 at random while the network is trained, so that it learns not to lean on any of
 * them, and scales the others up so that the mean stays. Does nothing after `eval()`.
 *
 * What is dropped depends on the seed and the count of calls alone: it is the same on every device,
 * and a run that goes on from a checkpoint sets `calls` to what it was.
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
  /** The probability of a number to become 0. */
  readonly probability: number;
  /** How often the module was called while it was trained: each call drops others. */
  calls = 0;
  readonly #seed: number;

  /**
   * Makes a module that drops numbers, with nothing to learn.
   *
   * @param probability From 0 to below 1.
   * @throws {RangeError} If it is not.
   */
  constructor(probability: number, options: DropoutOptions) {
    super();
    if (!(probability >= 0 && probability < 1)) {
      throw new RangeError(
        `Cannot make a Dropout: wanted a probability from 0 to below 1, got ${probability}`,
      );
    }
    this.probability = probability;
    this.#seed = options.seed;
  }

  /**
   * Drops numbers while the module is trained.
   *
   * @param x `[...]`
   * @returns `[...]`; `x` itself where there is nothing to do.
   */
  forward(x: Tensor): Tensor {
    const { probability } = this;
    if (!this.isTraining || probability === 0) return x;
    const chance = uniform(x.device, x.shape, { seed: deriveSeed(this.#seed, this.calls++) });
    return runProgram(dropoutProgram, [x, chance], [probability, 1 / (1 - probability)])[0]!;
  }
}
