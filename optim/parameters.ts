import { wrongType, wrongValue } from "../tensor/errors.ts";
import { checkOptions, describeValue, type OptionNames } from "../tensor/checks.ts";
import { Tensor } from "../tensor/mod.ts";

/**
 * Parameters to train: tensors by name, as `module.parameters()` returns them, or a list, whose
 * names are the positions. The names are those of the optimizer state: a list must keep its order.
 */
export type Parameters = ReadonlyMap<string, Tensor> | readonly Tensor[];

/** Parameters with common hyperparameters, which optimizers read at each step. */
export interface ParameterGroup {
  /** The kind of group, in an optimizer with several. */
  readonly kind?: string;
  /** The name of each parameter. */
  readonly names: readonly string[];
  /** The parameters. */
  readonly parameters: readonly Tensor[];
  /** Learning rate; schedules set it. */
  lr: number;
  /** The learning rate that schedules multiply. @default {lr} */
  readonly initialLr: number;
  /** Weight decay. */
  weightDecay: number;
}

/** Hyperparameters in place of the defaults. */
export type Hyperparameters<Group extends ParameterGroup> = Readonly<
  Partial<Omit<Group, "names" | "parameters">>
>;

/** Options of a group: its parameters, and hyperparameters in place of the defaults. */
export type GroupOptions<Group extends ParameterGroup> = Hyperparameters<Group> & {
  readonly parameters: Parameters;
};

/** The parameters of an optimizer, or groups of them with hyperparameters of their own. */
export type ParametersOrGroups<Group extends ParameterGroup> =
  | Parameters
  | readonly GroupOptions<Group>[];

/** The hyperparameters of a group that gives none; each may be an option of the group. */
export type Defaults<Group extends ParameterGroup> = Omit<
  Group,
  "names" | "parameters" | "initialLr"
>;

const WHAT = "make an optimizer";

/**
 * Creates the groups of an optimizer from its arguments; `shared` hyperparameters are the defaults
 * of all groups. `kinds` has those of each kind of group; a group that names no kind is of the first.
 */
export function makeGroups<Group extends ParameterGroup>(
  given: ParametersOrGroups<Group>,
  shared: Hyperparameters<Group>,
  kinds: readonly Defaults<Group>[],
): Group[] {
  checkOptions(WHAT, shared, namesOf<Hyperparameters<Group>>(kinds[0]!));
  const isOne = isParameters(given);
  const isGroups = Array.isArray(given) && !given.some((each) => each instanceof Tensor);
  if (!isOne && !isGroups) checkParameters(WHAT, given);
  const groups = isOne ? [{ parameters: given } as GroupOptions<Group>] : given;
  const made = groups.map((options, i) => {
    if (typeof Reflect.get(Object(options), "parameters") === "function") {
      checkParameters(WHAT, options);
    }
    const kind: unknown = Reflect.get(Object(options), "kind") ?? kinds[0]!.kind;
    const defaults = kinds.find((each) => each.kind === kind);
    if (defaults === undefined) {
      const wanted = kinds.map(({ kind }) => kind).join(" or ");
      throw wrongType(WHAT, `groups of the kind ${wanted}`, `${kind}`);
    }
    checkOptions(WHAT, options, namesOf<GroupOptions<Group>>(defaults), ["parameters"]);
    const parameters: Parameters = options.parameters;
    checkParameters(WHAT, parameters);
    const named = "get" in parameters
      ? parameters
      : new Map(parameters.map((each, j) => [isOne ? `${j}` : `${i}.${j}`, each]));
    const isGiven = ([, value]: [string, unknown]) => value !== undefined;
    const own = Object.entries({ ...shared, ...options }).filter(isGiven);
    const hyperparameters = { ...defaults, ...Object.fromEntries(own) };
    const group: Omit<ParameterGroup, "kind"> = {
      initialLr: hyperparameters.lr,
      ...hyperparameters,
      names: [...named.keys()],
      parameters: [...named.values()],
    };
    // A group has nothing else, whatever its kind, but the type checker cannot know.
    return group as Group;
  });
  checkGroups(made);
  return made;
}

/** The names of the options of groups with these hyperparameters. */
function namesOf<Options>(defaults: object): OptionNames<Options> {
  return { parameters: true, lr: true, initialLr: true, ...defaults } as OptionNames<Options>;
}

function isParameters(given: unknown): given is Parameters {
  return valuesOf(given)?.every((each) => each instanceof Tensor) ?? false;
}

const valuesOf = (given: unknown): unknown[] | undefined =>
  given instanceof Map || Array.isArray(given) ? [...given.values()] : undefined;

/** Checks that parameters are not something else, such as the module that has them. */
export function checkParameters(what: string, given: unknown): void {
  if (isParameters(given)) return;
  const other = valuesOf(given)?.find((each) => !(each instanceof Tensor));
  if (other !== undefined) throw wrongType(what, "tensors as parameters", describeValue(other));
  const hint = given === null || typeof given !== "object"
    ? ""
    : typeof Reflect.get(given, "parameters") === "function"
    ? ". Pass module.parameters()."
    : given instanceof Tensor
    ? ". Pass a list of tensors."
    : Symbol.iterator in given
    ? ". An iterator is read only once: pass a map or a list."
    : "";
  throw wrongType(what, "parameters in a map or a list", `${describeValue(given)}${hint}`);
}

/**
 * Throws a `RangeError` if there are no parameters, or two share a name or are the same tensor; a
 * `TypeError` if one does not require a gradient.
 */
function checkGroups(groups: readonly ParameterGroup[]): void {
  const names = new Set<string>();
  const seen = new Map<Tensor, string>();
  for (const group of groups) {
    group.parameters.forEach((parameter, i) => {
      const name = group.names[i]!;
      if (!parameter.requiresGrad || !parameter.node!.isLeaf) {
        throw wrongType(WHAT, "parameters that require a gradient", `${name} without`);
      }
      if (names.has(name)) throw wrongValue(WHAT, "a name per parameter", `${name} twice`);
      if (seen.has(parameter)) {
        const got = `one as ${seen.get(parameter)} and ${name}`;
        throw wrongValue(WHAT, "distinct parameters", got);
      }
      names.add(name);
      seen.set(parameter, name);
    });
  }
  if (names.size === 0) throw wrongValue(WHAT, "parameters", "none");
}
