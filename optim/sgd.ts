/** Stochastic gradient descent. @module */

import { wrongValue } from "../tensor/errors.ts";
import { defineProgram, expression as ex, runProgramInto, Tensor } from "../tensor/mod.ts";
import { checkNumber, Optimizer, type Rule, type Update } from "./optimizer.ts";
import type { Hyperparameters, ParameterGroup, ParametersOrGroups } from "./parameters.ts";

/** A parameter group of SGD. */
export interface SGDGroup extends ParameterGroup {
  /** Momentum coefficient; may change unless it started at 0. @default {0} */
  momentum: number;
  /** Whether to use Nesterov momentum. @default {false} */
  readonly nesterov: boolean;
}

const plainProgram = defineProgram(
  { name: "sgd", inputs: ["parameter", "gradient"], scalars: ["lr", "penalty"] },
  ({ parameter, gradient, lr, penalty }) => [
    ex.subtract(parameter, ex.multiply(lr, ex.add(gradient, ex.multiply(penalty, parameter)))),
  ],
);

const momentumProgram = defineProgram({
  name: "sgd (momentum)",
  inputs: ["parameter", "gradient", "velocity"],
  scalars: ["lr", "penalty", "momentum", "nesterov"],
}, (names) => {
  const { parameter, lr, penalty, momentum, nesterov } = names;
  const gradient = ex.add(names.gradient, ex.multiply(penalty, parameter));
  const velocity = ex.add(ex.multiply(momentum, names.velocity), gradient);
  const ahead = ex.add(gradient, ex.multiply(momentum, velocity));
  const step = ex.select(nesterov, ahead, velocity);
  return [ex.subtract(parameter, ex.multiply(lr, step)), velocity];
});

const what = "step the optimizer";

function sgdUpdates(group: SGDGroup, parameters: ReadonlyMap<string, Tensor>): Update[] {
  return Array.from(parameters, ([name, parameter]) => {
    const { device, shape } = parameter;
    const velocity = group.momentum === 0 ? null : Tensor.zeros(device, shape).keep();
    return {
      parameters: new Map([[name, parameter]]),
      state: new Map(velocity === null ? [] : [[`${name}.velocity`, velocity]]),
      check() {
        checkNumber("momentum", group.momentum, 1);
        if (group.nesterov && velocity === null) {
          throw wrongValue(what, "a momentum above 0 with nesterov", group.momentum);
        }
        if (group.momentum === 0 || velocity !== null) return;
        throw wrongValue(what, "momentum 0, with which it was made", group.momentum);
      },
      step() {
        const { lr, weightDecay, momentum, nesterov } = group;
        const inputs = [parameter, parameter.grad!];
        if (velocity === null) {
          runProgramInto(plainProgram, inputs, [parameter], [lr, weightDecay]);
        } else {
          runProgramInto(
            momentumProgram,
            [...inputs, velocity],
            [parameter, velocity],
            [lr, weightDecay, momentum, Number(nesterov)],
          );
        }
      },
    };
  });
}

const SGD_RULE: Rule<SGDGroup> = {
  defaults: { lr: 1e-3, weightDecay: 0, momentum: 0, nesterov: false },
  makeUpdates: sgdUpdates,
};

/**
 * Stochastic gradient descent, optionally with momentum. `weightDecay` is an L2 penalty, whose
 * gradient is added to the loss gradient.
 *
 * As in PyTorch's `SGD` without dampening: v ← momentum · v + g, and p ← p − lr · v; for
 * Nesterov p ← p − lr · (g + momentum · v).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { SGD } from "./sgd.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 0.25 });
 * x.sub(3).square().sum().backward();
 * optimizer.step();
 * if (await x.item() !== 4) throw new Error("expected 5 - 0.25 * 4");
 * await device.close();
 * ```
 */
export class SGD extends Optimizer<SGDGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.001, `momentum` 0, `nesterov` false,
   * `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(parameters: ParametersOrGroups<SGDGroup>, options: Hyperparameters<SGDGroup> = {}) {
    super([SGD_RULE], parameters, options);
  }
}
