/** Exponential moving average (EMA) of weights. @module */

import { assignTensors, checkMap, type TensorValues } from "../tensor/assign.ts";
import { checkOptions, describeValue, type OptionNames } from "../tensor/checks.ts";
import { Error, wrongValue } from "../tensor/errors.ts";
import {
  copyInto,
  defineProgram,
  noGrad,
  runProgramInto,
  type Tensor,
  zerosLike,
} from "../tensor/mod.ts";
import { blend } from "./formulas.ts";
import type { OptimizerState } from "./optimizer.ts";
import { checkParameters, type Parameters } from "./parameters.ts";

/** Options for {@linkcode EMA}. */
export interface EMAOptions {
  /** How much of the average stays at each update. @default {0.999} */
  readonly decay?: number;
}

const OPTIONS: OptionNames<EMAOptions> = { decay: true };

/** The name of the number of updates in the state. */
const COUNT = "updates";

const updateProgram = /* @__PURE__ */ defineProgram(
  { name: "EMA", inputs: ["average", "parameter"], scalars: ["share"] },
  ({ average, parameter, share }) => [blend(average, parameter, share)],
);

/**
 * Exponential moving average of parameters, which is often better than the parameters themselves:
 * average ← decay · average + (1 − decay) · parameter. As in PyTorch's `AveragedModel` with
 * `get_ema_multi_avg_fn`, the first update copies the parameters. Source: Polyak and Juditsky (1992).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { EMA } from "./ema.ts";
 * import { SGD } from "./sgd.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [0], { requiresGrad: true });
 * const optimizer = new SGD([x], { lr: 1 });
 * const average = new EMA([x], { decay: 0.5 });
 * for (let i = 0; i < 3; i++) {
 *   optimizer.zeroGrad();
 *   x.neg().sum().backward();
 *   optimizer.step();
 *   average.update();
 * }
 * {
 *   using _ = average.swap();
 *   if (await x.item() !== 2.25) throw new Error("expected the average of 1, 2 and 3");
 * }
 * if (await x.item() !== 3) throw new Error("expected the last value");
 * await device.close();
 * ```
 */
export class EMA {
  /** The averages by the names of the parameters: for another model, `loadStateDict(ema.averages)`. */
  readonly averages: ReadonlyMap<string, Tensor>;
  readonly #decay: number;
  readonly #parameters: ReadonlyMap<string, Tensor>;
  #updates = 0;
  #isSwapped = false;

  /** Allocates the averages. @throws {RangeError} If the decay is not from 0 to 1. */
  constructor(parameters: Parameters, options: EMAOptions = {}) {
    const what = "make an EMA";
    checkParameters(what, parameters);
    checkOptions(what, options, OPTIONS);
    const { decay = 0.999 } = options;
    if (!(decay >= 0 && decay <= 1)) {
      throw wrongValue(what, "a decay from 0 to 1", describeValue(decay));
    }
    this.#decay = decay;
    this.#parameters = "get" in parameters
      ? parameters
      : new Map(parameters.map((each, i) => [`${i}`, each]));
    this.averages = new Map(
      Array.from(this.#parameters, ([name, parameter]) => [name, zerosLike(parameter).keep()]),
    );
  }

  /** Moves the averages towards the parameters: after each step of the optimizer. */
  update(): void {
    this.#checkNotSwapped("update an EMA");
    const share = this.#updates++ === 0 ? 1 : 1 - this.#decay;
    for (const [name, average] of this.averages) {
      runProgramInto(updateProgram, [average, this.#parameters.get(name)!], [average], [share]);
    }
  }

  /**
   * Puts the averages in place of the parameters, to evaluate or save a model, until the result is
   * disposed of: `using _ = average.swap()`.
   *
   * @throws {Error} If they already are, or there was no update.
   */
  swap(): Disposable {
    const what = "swap parameters for averages";
    this.#checkNotSwapped(what);
    if (this.#updates === 0) throw new Error(`Cannot ${what}: wanted an update before, got none`);
    this.#exchange();
    return {
      [Symbol.dispose]: () => {
        if (this.#isSwapped) this.#exchange();
      },
    };
  }

  #checkNotSwapped(what: string): void {
    if (!this.#isSwapped) return;
    throw new Error(
      `Cannot ${what}: wanted the parameters in place, got the averages. End the swap.`,
    );
  }

  #exchange(): void {
    this.#isSwapped = !this.#isSwapped;
    noGrad(() => {
      for (const [name, average] of this.averages) {
        using _scope = average.device.scope();
        const parameter = this.#parameters.get(name)!;
        const before = zerosLike(average);
        copyInto(parameter, before);
        copyInto(average, parameter);
        copyInto(before, average);
      }
    });
  }

  /** The averages by the names of the parameters, and the number of updates. Not while swapped. */
  stateDict(): OptimizerState {
    this.#checkNotSwapped("save an EMA");
    return new Map<string, Tensor | number>([...this.averages, [COUNT, this.#updates]]);
  }

  /**
   * Restores the state of another average of the same parameters.
   *
   * @throws {RangeError} If an entry is missing, unknown or of another shape or dtype.
   */
  loadStateDict(state: ReadonlyMap<string, TensorValues | number>): void {
    const what = "load an EMA";
    this.#checkNotSwapped(what);
    checkMap(what, state);
    const count = state.get(COUNT);
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) {
      throw wrongValue(what, `${COUNT} to be a count`, describeValue(count));
    }
    const averages = new Map([...state].filter(([name]) => name !== COUNT));
    assignTensors(this.averages, averages, what);
    this.#updates = count;
  }
}
