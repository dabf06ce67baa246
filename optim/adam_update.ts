/**
 * The step of Adam and of AdamW: one kernel for each large parameter, and on WebGPU one for all small
 * ones.
 *
 * Source: Kingma and Ba, "Adam" (2014), algorithm 1; Loshchilov and Hutter, "Decoupled Weight Decay
 * Regularization" (2017), algorithm 2.
 *
 * @module
 */

import {
  defineProgram,
  expression as ex,
  type Program,
  type ProgramRun,
  Tensor,
} from "../tensor/mod.ts";
import { blend } from "./formulas.ts";
import type { Update } from "./optimizer.ts";
import { checkNumber, type ParameterGroup, type ParameterGroupOptions } from "./parameters.ts";

/** Parameters that Adam or AdamW trains. */
export interface AdamGroup extends ParameterGroup {
  /** How much of the running mean of the gradient, and of that of its square, is kept at each step. */
  betas: readonly [number, number];
  /** Added to the root of the mean square, so that nothing is divided by zero. */
  eps: number;
}

/** What a group of Adam or AdamW can be told. */
export interface AdamGroupOptions extends ParameterGroupOptions {
  /** How much of the two running means is kept at each step; [0.9, 0.999] unless given. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the mean square; 1e-8 unless given. */
  readonly eps?: number;
}

/** The new parameter, and its two running means. Nothing that changes over a run is a constant. */
const adamProgram: Program = defineProgram({
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

/** Trains a group by Adam or AdamW: they differ in what becomes of the weight decay. */
export class AdamUpdate implements Update {
  /** For each parameter `<name>.average` and `<name>.squares`, in its shape. */
  readonly tensors: Map<string, Tensor> = new Map();
  /** For each parameter `<name>.step`: how often it was changed. */
  readonly numbers: Map<string, number> = new Map();
  readonly #group: AdamGroup;
  readonly #decay: "decoupled" | "penalty";

  /**
   * @param group The group.
   * @param decay Whether weight decay shrinks the parameters beside the step (AdamW), or is a penalty
   * in the gradient (Adam).
   */
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

  /** @throws {RangeError} If a number of the group makes no sense. */
  check(): void {
    const { betas: [beta1, beta2], eps } = this.#group;
    checkNumber("beta1", beta1, 1);
    checkNumber("beta2", beta2, 1);
    checkNumber("eps", eps);
  }

  /** Changes each parameter that has a gradient, and its means. */
  step(postpone: (program: Program, run: ProgramRun) => void): void {
    const { parameters, names, betas: [beta1, beta2], eps, lr, weightDecay } = this.#group;
    const isDecoupled = this.#decay === "decoupled";
    parameters.forEach((parameter, i) => {
      if (parameter.grad === null) return;
      const name = names[i]!;
      const average = this.tensors.get(`${name}.average`)!;
      const squares = this.tensors.get(`${name}.squares`)!;
      const step = this.numbers.get(`${name}.step`)! + 1;
      this.numbers.set(`${name}.step`, step);
      postpone(adamProgram, {
        inputs: [parameter, parameter.grad, average, squares],
        outputs: [parameter, average, squares],
        scalars: [
          isDecoupled ? 0 : weightDecay,
          isDecoupled ? 1 - lr * weightDecay : 1,
          1 - beta1,
          1 - beta2,
          // Both means begin at zero; these undo how far that still pulls them down.
          lr / (1 - beta1 ** step),
          1 / (1 - beta2 ** step),
          eps,
        ],
      });
    });
  }
}

/** Fills in what a group of Adam or AdamW was not told. */
export function makeAdamFields(
  { betas = [0.9, 0.999], eps = 1e-8 }: AdamGroupOptions,
): Pick<AdamGroup, "betas" | "eps"> {
  return { betas, eps };
}
