/** The parameters that an optimiser is given, and the names it knows them by. @module */

import { Tensor } from "../tensor/mod.ts";

/**
 * What an optimiser trains: tensors under their names, as `module.parameters()` gives them, or a
 * list, in which the names are the positions.
 *
 * The names are those of the optimiser's state, so a list must keep its order between runs.
 */
export type Parameters = ReadonlyMap<string, Tensor> | readonly Tensor[];

/** Parameters that are trained alike. Optimisers read the numbers at each step. */
export interface ParameterGroup {
  /** The names, one for each parameter. */
  readonly names: readonly string[];
  /** The parameters. */
  readonly parameters: readonly Tensor[];
  /** The learning rate: schedules set it. */
  lr: number;
  /** The learning rate at the beginning, for schedules to multiply. */
  readonly initialLr: number;
  /** The weight decay. */
  weightDecay: number;
}

/** What every group can be told. */
export interface ParameterGroupOptions {
  /** The parameters of this group. */
  readonly parameters: Parameters;
  /** The learning rate. */
  readonly lr?: number;
  /** The learning rate that schedules multiply; `lr` unless given. */
  readonly initialLr?: number;
  /** The weight decay. */
  readonly weightDecay?: number;
}

/** The part of a group that is the same in every optimiser. */
export function makeGroup(
  options: ParameterGroupOptions,
  defaults: { readonly lr: number; readonly weightDecay: number },
): ParameterGroup {
  const { lr = defaults.lr, weightDecay = defaults.weightDecay } = options;
  const named = nameParameters(options.parameters);
  return {
    names: [...named.keys()],
    parameters: [...named.values()],
    lr,
    initialLr: options.initialLr ?? lr,
    weightDecay,
  };
}

/**
 * One list of options for each group, out of what an optimiser was given: groups, or the parameters
 * of a single one. What was said for all groups holds where a group says nothing.
 */
export function groupOptions<Options extends ParameterGroupOptions>(
  given: Parameters | readonly Options[],
  shared: Omit<Options, "parameters">,
): Options[] {
  if (isParameters(given)) return [{ ...shared, parameters: given } as Options];
  return given.map((group, i) => ({
    ...shared,
    ...group,
    parameters: nameParameters(group.parameters, `${i}.`),
  }));
}

function isParameters(given: Parameters | readonly ParameterGroupOptions[]): given is Parameters {
  return isMap(given) || (given as readonly unknown[]).every((each) => each instanceof Tensor);
}

/** Names the parameters of a list by their positions. */
function nameParameters(parameters: Parameters, prefix = ""): ReadonlyMap<string, Tensor> {
  if (isMap(parameters)) return parameters;
  return new Map(parameters.map((parameter, i) => [`${prefix}${i}`, parameter]));
}

function isMap(
  given: Parameters | readonly ParameterGroupOptions[],
): given is ReadonlyMap<string, Tensor> {
  return given instanceof Map;
}

/**
 * Checks what an optimiser was given.
 *
 * @throws {RangeError} If there is nothing to train, or two parameters have one name or are one.
 * @throws {TypeError} If no gradient is collected for a parameter.
 */
export function checkGroups(groups: readonly ParameterGroup[]): void {
  const names = new Map<string, Tensor>();
  const seen = new Map<Tensor, string>();
  for (const group of groups) {
    group.parameters.forEach((parameter, i) => {
      const name = group.names[i]!;
      if (!parameter.requiresGrad || !parameter.node!.isLeaf) {
        throw new TypeError(
          `Cannot make an optimizer: wanted parameters that collect a gradient, got ${name} without`,
        );
      }
      if (names.has(name)) {
        throw new RangeError(`Cannot make an optimizer: two parameters are called ${name}`);
      }
      if (seen.has(parameter)) {
        throw new RangeError(
          `Cannot make an optimizer: ${seen.get(parameter)} and ${name} are one parameter`,
        );
      }
      names.set(name, parameter);
      seen.set(parameter, name);
    });
  }
  if (names.size === 0) {
    throw new RangeError("Cannot make an optimizer: wanted parameters, got none");
  }
}

/** Checks a number of a group. @throws {RangeError} If it is not within its bounds. */
export function checkNumber(what: string, value: number, below = Infinity): void {
  if (value >= 0 && value < below) return;
  const bound = below === Infinity ? "a number from 0" : `a number from 0 to below ${below}`;
  throw new RangeError(`Cannot step the optimizer: wanted ${what} to be ${bound}, got ${value}`);
}
