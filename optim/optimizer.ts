/**
 * What every optimiser does in the same way: groups, state, and the frame around a step.
 *
 * @module
 */

import { assignTensors, checkNames } from "../tensor/assign.ts";
import {
  noGrad,
  type Program,
  type ProgramRun,
  runProgramTogether,
  type Tensor,
} from "../tensor/mod.ts";
import { checkGroups, checkNumber, type ParameterGroup } from "./parameters.ts";

/** How one group is trained: a step, and what is remembered from step to step. */
export interface Update {
  /** The tensors that are remembered, such as `layer.weight.average`. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** The numbers that are remembered, such as `layer.weight.step`. */
  readonly numbers: Map<string, number>;
  /** Finds out whether a step makes sense, before any group is changed. @throws {Error} If not. */
  check(): void;
  /**
   * Changes the parameters of the group that have a gradient. Runs without recording, in a scope.
   *
   * @param postpone Takes a run that can wait until all groups are through, to share a kernel with
   * those of other groups; its tensors outlive the scope.
   */
  step(postpone: (program: Program, run: ProgramRun) => void): void;
}

/** What an optimiser remembers, by name: tensors, and the numbers of steps. */
export type OptimizerState = Map<string, Tensor | number>;

/** An optimiser: changes parameters by their gradients. */
export abstract class Optimizer<Group extends ParameterGroup> {
  /** Parameters that are trained alike; the numbers are read at each step. */
  readonly groups: readonly Group[];
  readonly #updates: readonly Update[];

  /**
   * Checks the groups, and makes room for what is remembered of them.
   *
   * @param groups The groups.
   * @param makeUpdate Gives the way in which a group is trained.
   * @throws {RangeError} If there is nothing to train, or a parameter is given twice.
   * @throws {TypeError} If a parameter collects no gradient.
   */
  protected constructor(groups: readonly Group[], makeUpdate: (group: Group) => Update) {
    checkGroups(groups);
    this.groups = groups;
    this.#updates = groups.map(makeUpdate);
  }

  /**
   * Changes every parameter that has a gradient, in place.
   *
   * @throws {RangeError} If a number of a group makes no sense; nothing is changed then.
   */
  step(): void {
    this.groups.forEach(({ lr, weightDecay }, i) => {
      checkNumber("lr", lr);
      checkNumber("weightDecay", weightDecay);
      this.#updates[i]!.check();
    });
    const postponed = new Map<Program, ProgramRun[]>();
    const postpone = (program: Program, run: ProgramRun): void => {
      const runs = postponed.get(program);
      if (runs === undefined) postponed.set(program, [run]);
      else runs.push(run);
    };
    noGrad(() => {
      this.groups.forEach((group, i) => {
        if (group.parameters.length === 0) return;
        using _scope = group.parameters[0]!.device.scope();
        this.#updates[i]!.step(postpone);
      });
      for (const [program, runs] of postponed) runProgramTogether(program, runs);
    });
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const group of this.groups) {
      for (const parameter of group.parameters) parameter.zeroGrad();
    }
  }

  /**
   * What the optimiser remembers, under the names of the parameters. The tensors are views: the next
   * step changes them. The numbers of the groups are not in it: they belong to the run.
   */
  stateDict(): OptimizerState {
    return new Map<string, Tensor | number>(
      this.#updates.flatMap(({ tensors, numbers }) => [...tensors, ...numbers] as const),
    );
  }

  /**
   * Goes on from what another optimiser for the same parameters remembered, bit for bit.
   *
   * @param state As {@linkcode Optimizer.stateDict} gave it; the tensors are copied.
   * @throws {RangeError} If something is missing, unknown or of another shape or dtype; one message
   * lists what is wrong, and nothing is changed.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor | number>): void {
    const what = "load the optimizer's state";
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
