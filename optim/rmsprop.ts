/** RMSprop. @module */

import { wrongValue } from "../tensor/errors.ts";
import {
  defineProgram,
  expression as ex,
  type Program,
  runProgramInto,
  Tensor,
} from "../tensor/mod.ts";
import { blend } from "./formulas.ts";
import { checkNumber, Optimizer, type Rule, type Update } from "./optimizer.ts";
import type { Hyperparameters, ParameterGroup, ParametersOrGroups } from "./parameters.ts";

/** A parameter group of RMSprop. */
export interface RMSpropGroup extends ParameterGroup {
  /** α: exponential decay rate of the mean squared gradient. @default {0.99} */
  alpha: number;
  /** ε: added to the root of that mean, against division by zero. @default {1e-8} */
  eps: number;
  /** Momentum coefficient; may change unless it started at 0. @default {0} */
  momentum: number;
  /** Whether to divide by the standard deviation of the gradient instead. @default {false} */
  readonly centered: boolean;
}

type State = "squares" | "average" | "velocity";

/** From a parameter, its gradient and its states to the new parameter and the new states. */
function programOf(states: readonly State[]): Program {
  return defineProgram({
    name: "rmsprop",
    inputs: ["parameter", "gradient", ...states],
    scalars: ["lr", "penalty", "oneMinusAlpha", "eps", "momentum"],
  }, (names) => {
    const { parameter, lr, penalty, oneMinusAlpha, eps, momentum } = names;
    const gradient = ex.add(names.gradient, ex.multiply(penalty, parameter));
    const next: Partial<Record<State, ex.Expression>> = {};
    let spread = next.squares = blend(names.squares, ex.square(gradient), oneMinusAlpha);
    if (states.includes("average")) {
      next.average = blend(names.average, gradient, oneMinusAlpha);
      // Rounding may make the variance of equal gradients negative.
      spread = ex.max(0, ex.subtract(spread, ex.square(next.average)));
    }
    let step = ex.divide(gradient, ex.add(ex.sqrt(spread), eps));
    if (states.includes("velocity")) {
      step = next.velocity = ex.add(ex.multiply(momentum, names.velocity), step);
    }
    return [
      ex.subtract(parameter, ex.multiply(lr, step)),
      ...states.map((state) => next[state]!),
    ];
  });
}

function rmspropUpdates(group: RMSpropGroup, parameters: ReadonlyMap<string, Tensor>): Update[] {
  const hasMomentum = group.momentum !== 0;
  const states: State[] = ["squares"];
  if (group.centered) states.push("average");
  if (hasMomentum) states.push("velocity");
  const program = programOf(states);
  return Array.from(parameters, ([name, parameter]) => {
    const tensors = states.map(() => Tensor.zeros(parameter.device, parameter.shape).keep());
    return {
      parameters: new Map([[name, parameter]]),
      state: new Map(states.map((state, i) => [`${name}.${state}`, tensors[i]!])),
      check() {
        checkNumber("alpha", group.alpha, 1);
        checkNumber("eps", group.eps);
        checkNumber("momentum", group.momentum, 1);
        if (hasMomentum || group.momentum === 0) return;
        const wanted = "momentum 0, with which it was made";
        throw wrongValue("step the optimizer", wanted, group.momentum);
      },
      step() {
        const { lr, weightDecay, alpha, eps, momentum } = group;
        runProgramInto(
          program,
          [parameter, parameter.grad!, ...tensors],
          [parameter, ...tensors],
          [lr, weightDecay, 1 - alpha, eps, momentum],
        );
      },
    };
  });
}

const RMSPROP: Rule<RMSpropGroup> = {
  defaults: { lr: 1e-2, weightDecay: 0, alpha: 0.99, eps: 1e-8, momentum: 0, centered: false },
  makeUpdates: rmspropUpdates,
};

/**
 * RMSprop: each parameter moves by its gradient over the root of its mean squared gradient, optionally
 * with momentum. `weightDecay` is an L2 penalty, whose gradient is added to that of the loss, as in
 * PyTorch's `RMSprop`. Source: Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5
 * (2012); `centered`: Graves, "Generating Sequences With Recurrent Neural Networks" (2013).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { RMSprop } from "./rmsprop.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new RMSprop([x], { lr: 0.05, alpha: 0.9 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   x.sub(3).square().sum().backward();
 *   optimizer.step();
 * }
 * if (Math.abs(await x.item() - 3) > 0.1) throw new Error("expected to end near 3");
 * await device.close();
 * ```
 */
export class RMSprop extends Optimizer<RMSpropGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.01, `alpha` 0.99, `eps` 1e-8, `momentum` 0,
   * `centered` false, `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(
    parameters: ParametersOrGroups<RMSpropGroup>,
    options: Hyperparameters<RMSpropGroup> = {},
  ) {
    super([RMSPROP], parameters, options);
  }
}
