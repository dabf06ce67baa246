import { RangeError, TypeError } from "../tensor/errors.ts";
import { checkOptions, describeValue, type OptionNames } from "../tensor/checks.ts";
import { Tensor } from "../tensor/mod.ts";

/**
 * Parameters to train: tensors by name, as `module.parameters()` returns them, or a list, whose
 * names are the positions. The names are those of the optimizer state: a list must keep its order.
 */
export type Parameters = ReadonlyMap<string, Tensor> | readonly Tensor[];

/** Parameters with common hyperparameters, which optimizers read at each step. */
export interface ParameterGroup {
  /** The name of each parameter. */
  readonly names: readonly string[];
  /** The parameters. */
  readonly parameters: readonly Tensor[];
  /** Learning rate; schedules set it. */
  lr: number;
  /** Initial learning rate, for schedules to multiply. */
  readonly initialLr: number;
  /** Weight decay. */
  weightDecay: number;
}

/** Options of every group. */
export interface ParameterGroupOptions {
  /** The parameters of this group. */
  readonly parameters: Parameters;
  /** Learning rate. */
  readonly lr?: number;
  /** The learning rate that schedules multiply. @default {lr} */
  readonly initialLr?: number;
  /** Weight decay. */
  readonly weightDecay?: number;
}

/** The hyperparameters of a group, with their defaults; each may be an option of the group. */
export type Defaults<Group extends ParameterGroup> = Omit<
  Group,
  "names" | "parameters" | "initialLr"
>;

/** The names of the options of groups with these hyperparameters. */
export function optionNames<Options extends ParameterGroupOptions>(
  defaults: object,
): OptionNames<Options> {
  return { parameters: true, lr: true, initialLr: true, ...defaults } as OptionNames<Options>;
}

/** Creates a group from its options. */
export function makeGroup<Hyperparameters extends { lr: number }>(
  { parameters, initialLr, ...given }: Pick<ParameterGroupOptions, "parameters" | "initialLr">,
  defaults: Hyperparameters,
): Hyperparameters & Pick<ParameterGroup, "names" | "parameters" | "initialLr"> {
  const isGiven = ([, value]: [string, unknown]) => value !== undefined;
  const hyperparameters: Hyperparameters = {
    ...defaults,
    ...Object.fromEntries(Object.entries(given).filter(isGiven)),
  };
  const named = nameParameters(parameters);
  return {
    ...hyperparameters,
    names: [...named.keys()],
    parameters: [...named.values()],
    initialLr: initialLr ?? hyperparameters.lr,
  };
}

/** Creates the groups of an optimizer from its arguments. */
export function makeGroups<Hyperparameters extends { lr: number }>(
  given: Parameters | readonly ParameterGroupOptions[],
  shared: Omit<ParameterGroupOptions, "parameters">,
  defaults: Hyperparameters,
): ReturnType<typeof makeGroup<Hyperparameters>>[] {
  return groupOptions(given, shared, defaults).map((options) => makeGroup(options, defaults));
}

/** Options by group, from an optimizer's arguments; options for all groups are defaults. */
export function groupOptions<Options extends ParameterGroupOptions>(
  given: Parameters | readonly Options[],
  shared: Omit<Options, "parameters">,
  defaults: object,
): Options[] {
  const known = optionNames<Options>(defaults);
  checkOptions("make an optimizer", shared, known);
  if (isParameters(given)) return [{ ...shared, parameters: given } as Options];
  const isGroups = Array.isArray(given) && !given.some((each) => each instanceof Tensor);
  if (!isGroups) checkParameters("make an optimizer", given);
  return given.map((group, i) => {
    if (typeof Reflect.get(Object(group), "parameters") === "function") {
      checkParameters("make an optimizer", group);
    }
    checkOptions("make an optimizer", group, known, ["parameters"]);
    checkParameters("make an optimizer", group.parameters);
    return { ...shared, ...group, parameters: nameParameters(group.parameters, `${i}.`) };
  });
}

function isParameters(given: unknown): given is Parameters {
  return given instanceof Map ||
    Array.isArray(given) && given.every((each) => each instanceof Tensor);
}

/** Checks that parameters are not something else, such as the module that has them. */
export function checkParameters(what: string, given: unknown): void {
  if (isParameters(given)) return;
  const hint = given === null || typeof given !== "object"
    ? ""
    : typeof Reflect.get(given, "parameters") === "function"
    ? ". Pass module.parameters()."
    : given instanceof Tensor
    ? ". Pass a list of tensors."
    : Symbol.iterator in given && !Array.isArray(given)
    ? ". An iterator is read only once: pass a map or a list."
    : "";
  throw new TypeError(
    `Cannot ${what}: wanted parameters in a map or a list, got ${describeValue(given)}${hint}`,
  );
}

function nameParameters(parameters: Parameters, prefix = ""): ReadonlyMap<string, Tensor> {
  if ("get" in parameters) return parameters;
  return new Map(parameters.map((parameter, i) => [`${prefix}${i}`, parameter]));
}

/**
 * Throws a `RangeError` if there are no parameters, or two share a name or are the same tensor; a
 * `TypeError` if one does not require a gradient.
 */
export function checkGroups(groups: readonly ParameterGroup[]): void {
  const names = new Map<string, Tensor>();
  const seen = new Map<Tensor, string>();
  for (const group of groups) {
    group.parameters.forEach((parameter, i) => {
      const name = group.names[i]!;
      if (!parameter.requiresGrad || !parameter.node!.isLeaf) {
        throw new TypeError(
          `Cannot make an optimizer: wanted parameters that require a gradient, got ${name} without`,
        );
      }
      if (names.has(name)) {
        throw new RangeError(
          `Cannot make an optimizer: wanted a name per parameter, got ${name} twice`,
        );
      }
      if (seen.has(parameter)) {
        throw new RangeError(
          `Cannot make an optimizer: wanted distinct parameters, got one as ${
            seen.get(parameter)
          } and ${name}`,
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

export function checkNumber(what: string, value: number, below = Infinity): void {
  if (typeof value === "number" && value >= 0 && value < below) return;
  const bound = below === Infinity ? "a number from 0" : `a number from 0 to below ${below}`;
  throw new RangeError(
    `Cannot step the optimizer: wanted ${what} to be ${bound}, got ${describeValue(value)}`,
  );
}
