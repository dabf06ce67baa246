/** The base class of optimizers: groups, state, and what surrounds a step. @module */

import { assignTensors, checkMap, checkNames } from "../tensor/assign.ts";
import { RangeError } from "../tensor/errors.ts";
import { noGrad, type Tensor } from "../tensor/mod.ts";
import { checkGroups, checkNumber, type ParameterGroup } from "./parameters.ts";

/** The update rule of one group, with its state. */
export interface Update {
  /** State tensors, such as `layer.weight.average`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** State numbers, such as `layer.weight.step`. */
  readonly numbers: Map<string, number>;
  /** Validates a step before any group changes. @throws {Error} If it is invalid. */
  check(): void;
  /** Updates the parameters that have a gradient. Runs in a scope, under `noGrad`. */
  step(): void;
}

/** Optimizer state by name: tensors and step counts. */
export type OptimizerState = Map<string, Tensor | number>;

/** Base class of optimizers: updates parameters by their gradients. */
export abstract class Optimizer<Group extends ParameterGroup> {
  /** Parameter groups; their hyperparameters are read at each step. */
  readonly groups: readonly Group[];
  readonly #updates: readonly Update[];

  /**
   * Validates the groups, and allocates their state.
   *
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  protected constructor(groups: readonly Group[], makeUpdate: (group: Group) => Update) {
    checkGroups(groups);
    this.groups = groups;
    this.#updates = groups.map(makeUpdate);
  }

  /**
   * Updates every parameter that has a gradient, in place.
   *
   * @throws {RangeError} If a hyperparameter is out of range; then nothing changes.
   */
  step(): void {
    this.groups.forEach(({ lr, weightDecay }, i) => {
      checkNumber("lr", lr);
      checkNumber("weightDecay", weightDecay);
      this.#updates[i]!.check();
    });
    noGrad(() => {
      this.groups.forEach((group, i) => {
        if (group.parameters.length === 0) return;
        using _scope = group.parameters[0]!.device.scope();
        this.#updates[i]!.step();
      });
    });
  }

  /** Clears the gradients of all parameters. */
  zeroGrad(): void {
    for (const group of this.groups) {
      for (const parameter of group.parameters) parameter.zeroGrad();
    }
  }

  /**
   * The optimizer state, keyed by parameter name, without hyperparameters. Tensors are views that
   * the next step changes.
   */
  stateDict(): OptimizerState {
    return new Map<string, Tensor | number>(
      this.#updates.flatMap(({ tensors, numbers }) => [...tensors, ...numbers] as const),
    );
  }

  /**
   * Restores the state of another optimizer for the same parameters, bit for bit; tensors are
   * copied.
   *
   * @throws {RangeError} If an entry is missing, unknown or of another shape or dtype; one message
   * lists all problems, and nothing changes.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor | number>): void {
    const what = "load the optimizer's state";
    checkMap(what, state);
    const tensors = new Map(this.#updates.flatMap((update) => [...update.tensors]));
    const newTensors = new Map<string, Tensor>();
    const newNumbers = new Map<string, number>();
    for (const [name, value] of state) {
      if (typeof value !== "number") newTensors.set(name, value);
      else if (Number.isSafeInteger(value) && value >= 0) newNumbers.set(name, value);
      else throw new RangeError(`Cannot ${what}: wanted ${name} to be a count, got ${value}`);
    }
    const counted = new Set(this.#updates.flatMap(({ numbers }) => [...numbers.keys()]));
    checkNames(counted, new Set(newNumbers.keys()), what);
    assignTensors(tensors, newTensors, what);
    for (const { numbers } of this.#updates) {
      for (const name of numbers.keys()) numbers.set(name, newNumbers.get(name)!);
    }
  }
}
