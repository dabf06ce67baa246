/**
 * Adam and AdamW, with one fused kernel per parameter. It computes in single precision; moments have the
 * dtype of their parameter, as in PyTorch.
 *
 * @module
 */

import { checkList } from "../tensor/checks.ts";
import { defineProgram, expression as ex, runProgramInto, Tensor } from "../tensor/mod.ts";
import { blend } from "./formulas.ts";
import { checkNumber, Optimizer, type Rule, type Update } from "./optimizer.ts";
import type { Hyperparameters, ParameterGroup, ParametersOrGroups } from "./parameters.ts";

/** A parameter group of Adam. */
export interface AdamGroup extends ParameterGroup {
  /** β₁ and β₂: exponential decay rates of the moment estimates. @default {[0.9, 0.999]} */
  betas: readonly [number, number];
  /** ε: added to the root of the second moment, against division by zero. @default {1e-8} */
  eps: number;
}

/** A parameter group of AdamW. */
export interface AdamWGroup extends AdamGroup {
  /** The kind of group, in an optimizer with several. */
  readonly kind: "adamw";
}

/** The new parameter and moments. Whatever changes over a run is an input, not a constant. */
const adamProgram = defineProgram({
  name: "adam",
  inputs: ["parameter", "gradient", "average", "squares"],
  scalars: ["penalty", "decay", "oneMinusBeta1", "oneMinusBeta2", "lr", "squaresCorrection", "eps"],
}, (names) => {
  const { parameter, penalty, decay, oneMinusBeta1, oneMinusBeta2, lr, squaresCorrection, eps } =
    names;
  const gradient = ex.add(names.gradient, ex.multiply(penalty, parameter));
  const average = blend(names.average, gradient, oneMinusBeta1);
  const squares = blend(names.squares, ex.square(gradient), oneMinusBeta2);
  const size = ex.add(ex.sqrt(ex.multiply(squares, squaresCorrection)), eps);
  const step = ex.multiply(lr, ex.divide(average, size));
  return [ex.subtract(ex.multiply(parameter, decay), step), average, squares];
});

/**
 * The update of each parameter, by the first and second moments of its gradient. `weightDecay` is
 * decoupled from them in AdamW, and an L2 penalty in the gradient in Adam.
 */
function adamUpdates(
  group: AdamGroup,
  parameters: ReadonlyMap<string, Tensor>,
  isDecoupled: boolean,
): Update[] {
  return Array.from(parameters, ([name, parameter]) => {
    const { device, shape, dtype } = parameter;
    const zeros = () => Tensor.zeros(device, shape, { dtype }).keep();
    const [average, squares] = [zeros(), zeros()];
    const stepName = `${name}.step`;
    const state = new Map<string, Tensor | number>([
      [`${name}.average`, average],
      [`${name}.squares`, squares],
      [stepName, 0],
    ]);
    return {
      parameters: new Map([[name, parameter]]),
      state,
      check() {
        checkList("step the optimizer", "betas, as in [0.9, 0.999]", group.betas);
        const { betas: [beta1, beta2], eps } = group;
        checkNumber("beta1", beta1, 1);
        checkNumber("beta2", beta2, 1);
        checkNumber("eps", eps);
      },
      step() {
        const { betas: [beta1, beta2], eps, lr, weightDecay } = group;
        const step = state.get(stepName) as number + 1;
        state.set(stepName, step);
        runProgramInto(
          adamProgram,
          [parameter, parameter.grad!, average, squares],
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
      },
    };
  });
}

const ADAM: Rule<AdamGroup> = {
  defaults: { lr: 1e-3, weightDecay: 0, betas: [0.9, 0.999], eps: 1e-8 },
  makeUpdates: (group, parameters) => adamUpdates(group, parameters, false),
};

export const ADAMW: Rule<AdamWGroup> = {
  defaults: { kind: "adamw", lr: 1e-3, weightDecay: 0.01, betas: [0.9, 0.999], eps: 1e-8 },
  makeUpdates: (group, parameters) => adamUpdates(group, parameters, true),
};

/**
 * Adam: each parameter moves by its mean gradient over the root of its mean squared gradient.
 * `weightDecay` is an L2 penalty here, whose gradient is added to that of the loss, as in PyTorch's
 * `Adam`; for decoupled weight decay see `AdamW`. Source: Kingma and Ba, "Adam" (2014),
 * algorithm 1.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Adam } from "./adam.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new Adam([x], { lr: 0.5 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   x.sub(3).square().sum().backward();
 *   optimizer.step();
 * }
 * if (Math.abs(await x.item() - 3) > 0.1) throw new Error("expected to end near 3");
 * await device.close();
 * ```
 */
export class Adam extends Optimizer<AdamGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8,
   * `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(parameters: ParametersOrGroups<AdamGroup>, options: Hyperparameters<AdamGroup> = {}) {
    super([ADAM], parameters, options);
  }
}

/**
 * AdamW: like `Adam`, with decoupled weight decay: it shrinks each parameter by `lr · weightDecay`
 * of itself, without passing through the moments. Source: Loshchilov and Hutter, "Decoupled Weight
 * Decay Regularization" (2017), algorithm 2.
 *
 * @example A rate that follows a schedule
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { AdamW } from "./adam.ts";
 * import { linearSchedule } from "./schedules.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new AdamW([x], { lr: 0.5, weightDecay: 0 });
 * for (let i = 0; i < 100; i++) {
 *   for (const group of optimizer.groups) group.lr = linearSchedule(i, 100, group.initialLr, 0);
 *   optimizer.zeroGrad();
 *   x.sub(3).square().sum().backward();
 *   optimizer.step();
 * }
 * if (Math.abs(await x.item() - 3) > 0.01) throw new Error("expected to end at 3");
 * await device.close();
 * ```
 */
export class AdamW extends Optimizer<AdamWGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8,
   * `weightDecay` 0.01.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(
    parameters: ParametersOrGroups<AdamWGroup>,
    options: Hyperparameters<AdamWGroup> = {},
  ) {
    super([ADAMW], parameters, options);
  }
}
