/**
 * The update of Adam and AdamW: one kernel per large parameter; on WebGPU, one for all small ones.
 *
 * Source: Kingma and Ba, "Adam" (2014), algorithm 1; Loshchilov and Hutter, "Decoupled Weight Decay
 * Regularization" (2017), algorithm 2.
 *
 * @module
 */

import { defineProgram, expression as ex, runProgramInto, Tensor } from "../tensor/mod.ts";
import { blend } from "./formulas.ts";
import type { Update } from "./optimizer.ts";
import {
  checkNumber,
  type Defaults,
  type ParameterGroup,
  type ParameterGroupOptions,
} from "./parameters.ts";

/** A parameter group of Adam or AdamW. */
export interface AdamGroup extends ParameterGroup {
  /** β₁ and β₂: exponential decay rates of the first- and second-moment estimates. */
  betas: readonly [number, number];
  /** ε: added to the root of the second moment, against division by zero. */
  eps: number;
}

/** Options of a group of Adam or AdamW. */
export interface AdamGroupOptions extends ParameterGroupOptions {
  /** β₁ and β₂: exponential decay rates of the moment estimates. @default {[0.9, 0.999]} */
  readonly betas?: readonly [number, number];
  /** ε: added to the root of the second moment. @default {1e-8} */
  readonly eps?: number;
}

export const ADAM_DEFAULTS: Defaults<AdamGroup> = {
  lr: 1e-3,
  weightDecay: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
};

/** The new parameter and moments. Whatever changes over a run is an input, not a constant. */
const adamProgram = defineProgram({
  name: "adam",
  inputs: ["parameter", "gradient", "average", "squares"],
  scalars: ["penalty", "kept", "newShare", "newShareOfSquares", "rate", "squaresCorrection", "eps"],
}, (names) => {
  const { parameter, penalty, kept, newShare, newShareOfSquares, rate, squaresCorrection, eps } =
    names;
  const gradient = ex.add(names.gradient, ex.multiply(penalty, parameter));
  const average = blend(names.average, gradient, newShare);
  const squares = blend(names.squares, ex.square(gradient), newShareOfSquares);
  const size = ex.add(ex.sqrt(ex.multiply(squares, squaresCorrection)), eps);
  const step = ex.multiply(rate, ex.divide(average, size));
  return [ex.subtract(ex.multiply(parameter, kept), step), average, squares];
});

export class AdamUpdate implements Update {
  /** First and second moments: `<name>.average` and `<name>.squares`, in the parameter's shape. */
  readonly tensors: Map<string, Tensor> = new Map();
  /** `<name>.step`: the number of updates of each parameter. */
  readonly numbers: Map<string, number> = new Map();
  readonly #group: AdamGroup;
  readonly #decay: "decoupled" | "penalty";

  /** `"decoupled"` weight decay is AdamW, an L2 `"penalty"` in the gradient Adam. */
  constructor(group: AdamGroup, decay: "decoupled" | "penalty") {
    this.#group = group;
    this.#decay = decay;
    group.parameters.forEach(({ device, shape }, i) => {
      const name = group.names[i]!;
      this.tensors.set(`${name}.average`, Tensor.zeros(device, shape).keep());
      this.tensors.set(`${name}.squares`, Tensor.zeros(device, shape).keep());
      this.numbers.set(`${name}.step`, 0);
    });
  }

  check(): void {
    const { betas: [beta1, beta2], eps } = this.#group;
    checkNumber("beta1", beta1, 1);
    checkNumber("beta2", beta2, 1);
    checkNumber("eps", eps);
  }

  step(): void {
    const { parameters, names, betas: [beta1, beta2], eps, lr, weightDecay } = this.#group;
    const isDecoupled = this.#decay === "decoupled";
    parameters.forEach((parameter, i) => {
      if (parameter.grad === null) return;
      const name = names[i]!;
      const average = this.tensors.get(`${name}.average`)!;
      const squares = this.tensors.get(`${name}.squares`)!;
      const step = this.numbers.get(`${name}.step`)! + 1;
      this.numbers.set(`${name}.step`, step);
      runProgramInto(
        adamProgram,
        [parameter, parameter.grad, average, squares],
        [parameter, average, squares],
        [
          isDecoupled ? 0 : weightDecay,
          isDecoupled ? 1 - lr * weightDecay : 1,
          1 - beta1,
          1 - beta2,
          // Bias correction: both moments start at zero.
          lr / (1 - beta1 ** step),
          1 / (1 - beta2 ** step),
          eps,
        ],
      );
    });
  }
}
