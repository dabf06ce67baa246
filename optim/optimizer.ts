/** The base class of optimizers: groups, state, and what surrounds a step. @module */

import { assignTensors, checkMap, checkNames, type TensorValues } from "../tensor/assign.ts";
import { checkThat } from "../tensor/checks.ts";
import { wrongState } from "../tensor/errors.ts";
import { noGrad, type Tensor } from "../tensor/mod.ts";
import {
  type Defaults,
  type Hyperparameters,
  makeGroups,
  type ParameterGroup,
  type ParametersOrGroups,
} from "./parameters.ts";

/** Optimizer state by name: tensors, such as `layer.weight.average`, and step counts. */
export type OptimizerState = Map<string, Tensor | number>;

/** The update of some parameters of a group, which have their gradients together. */
export interface Update {
  /** The parameters by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Their state. */
  readonly state: OptimizerState;
  /** Validates the hyperparameters before any parameter changes. @throws {RangeError} If it must. */
  check(): void;
  /** Updates parameters and state by the gradients. Runs in a scope, under `noGrad`. */
  step(): void;
}

/** How an optimizer trains one kind of group. */
export interface Rule<Group extends ParameterGroup> {
  /** The hyperparameters of a group that gives none; and its kind, if there are several. */
  readonly defaults: Defaults<Group>;
  /** Allocates the state of parameters of a group, and prepares their updates. */
  makeUpdates(group: Group, parameters: ReadonlyMap<string, Tensor>): readonly Update[];
}

/** Base class of optimizers: updates parameters by their gradients. */
export abstract class Optimizer<Group extends ParameterGroup> {
  /** Parameter groups; their hyperparameters are read at each step. */
  readonly groups: readonly Group[];
  readonly #updates: readonly Update[];

  /**
   * Makes the groups, and allocates the state of all parameters, or of those that `chooseOwned`
   * picks.
   *
   * @param rules One for each kind of group; a group that names no kind is of the first.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  protected constructor(
    rules: readonly Rule<Group>[],
    parameters: ParametersOrGroups<Group>,
    options: Hyperparameters<Group>,
    chooseOwned: (groups: readonly Group[]) => (name: string) => boolean = () => () => true,
  ) {
    this.groups = makeGroups(parameters, options, rules.map(({ defaults }) => defaults));
    const isOwned = chooseOwned(this.groups);
    this.#updates = this.groups.flatMap((group) => {
      const rule = rules.find(({ defaults }) => defaults.kind === group.kind)!;
      const named = group.names.map((name, i) => [name, group.parameters[i]!] as const);
      return rule.makeUpdates(group, new Map(named.filter(([name]) => isOwned(name))));
    });
  }

  /**
   * Updates every parameter that has a gradient, in place.
   *
   * @throws {RangeError} If a hyperparameter is out of range; then nothing changes.
   */
  step(): void {
    for (const { lr, weightDecay } of this.groups) {
      checkNumber("lr", lr);
      checkNumber("weightDecay", weightDecay);
    }
    for (const update of this.#updates) update.check();
    const ready = this.#updates.filter(hasGradients);
    noGrad(() => {
      for (const update of ready) {
        const [first] = update.parameters.values();
        using _scope = first!.device.scope();
        update.step();
      }
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
    return new Map(this.#updates.flatMap(({ state }) => [...state]));
  }

  /**
   * Restores the state of another optimizer for the same parameters, bit for bit: tensors, or arrays
   * as {@linkcode decodeState} returns them, are copied.
   *
   * @throws {RangeError} If an entry is missing, unknown or of another shape or dtype; one message
   * lists all problems, and nothing changes.
   */
  loadStateDict(state: ReadonlyMap<string, TensorValues | number>): void {
    const what = "load the optimizer's state";
    checkMap(what, state);
    const [own, given] = [byKind(this.stateDict()), byKind(state)];
    for (const [name, count] of given.counts) {
      checkThat(Number.isSafeInteger(count) && count >= 0, what, `${name} to be a count`, count);
    }
    checkNames(new Set(own.counts.keys()), new Set(given.counts.keys()), what);
    assignTensors(own.tensors, given.tensors, what);
    for (const { state } of this.#updates) {
      for (const name of byKind(state).counts.keys()) state.set(name, given.counts.get(name)!);
    }
  }
}

/** Whether there are gradients. @throws {Error} If only some of the parameters have one. */
function hasGradients({ parameters }: Update): boolean {
  const missing = [...parameters].filter(([, { grad }]) => grad === null).map(([name]) => name);
  if (missing.length === 0) return true;
  if (missing.length === parameters.size) return false;
  const [first] = parameters.values();
  const matrices = `matrices of shape [${first!.shape.join(", ")}]`;
  const wanted = `gradients for all ${matrices} or for none`;
  throw wrongState("step the optimizer", wanted, `none for ${missing.join(", ")}`);
}

function byKind<T extends TensorValues>(state: ReadonlyMap<string, T | number>) {
  const [tensors, counts] = [new Map<string, T>(), new Map<string, number>()];
  for (const [name, value] of state) {
    if (typeof value === "number") counts.set(name, value);
    else tensors.set(name, value);
  }
  return { tensors, counts };
}

export function checkNumber(what: string, value: number, below = Infinity): void {
  const holds = typeof value === "number" && value >= 0 && value < below;
  const bound = below === Infinity ? "a number from 0" : `a number from 0 to below ${below}`;
  checkThat(holds, "step the optimizer", `${what} to be ${bound}`, value);
}
