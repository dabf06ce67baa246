/** Modules: a tree of named parameters. @module */

import { assignTensors, checkMap, type TensorValues } from "../tensor/assign.ts";
import { checkOptions } from "../tensor/checks.ts";
import { QuantizedMatrix, Tensor } from "../tensor/mod.ts";
import { isBuffer } from "./buffer.ts";

/** The names in which a module and the loaded state differ. */
export interface LoadedNames {
  /** Names of the module that were not given. */
  readonly missing: readonly string[];
  /** Names that were given, and that the module does not have. */
  readonly unknown: readonly string[];
}

/**
 * Base class of layers and networks, with parameters and submodules in its fields: tensors that
 * require a gradient or are packed are parameters, others are saved if they are a {@linkcode buffer}, modules are
 * submodules, and lists, sets, records and maps are searched for all of them. A parameter is named by
 * its path, `layers.0.weight`; the order is that of the fields. Private fields (`#`) are not
 * searched.
 *
 * @example
 * ```ts
 * import { openDevice, type Tensor } from "../tensor/mod.ts";
 * import { Linear } from "./linear.ts";
 * import { Module } from "./module.ts";
 *
 * class Network extends Module {
 *   readonly layers: readonly Linear[];
 *
 *   constructor(device: Tensor["device"]) {
 *     super();
 *     this.layers = [
 *       new Linear(device, 2, 3, { seed: 1 }),
 *       new Linear(device, 3, 1, { seed: 2, bias: false }),
 *     ];
 *   }
 *
 *   forward(x: Tensor): Tensor {
 *     return this.layers[1]!.forward(this.layers[0]!.forward(x).tanh());
 *   }
 * }
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const names = [...new Network(device).parameters().keys()].join();
 * if (names !== "layers.0.weight,layers.0.bias,layers.1.weight") throw new Error(`got ${names}`);
 * await device.close();
 * ```
 */
export abstract class Module {
  #isTraining = true;

  /** Whether the module is in training mode, which enables dropout. */
  get isTraining(): boolean {
    return this.#isTraining;
  }

  /**
   * The parameters by name, in field order, without frozen ones; each once, under its first name.
   */
  parameters(): Map<string, Tensor> {
    const names = new Map<Tensor, string>();
    for (const [name, tensor] of namedState(this)) {
      const isParameter = tensor.requiresGrad || tensor instanceof QuantizedMatrix;
      if (isParameter && !names.has(tensor)) names.set(tensor, name);
    }
    return new Map(Array.from(names, ([parameter, name]) => [name, parameter]));
  }

  /**
   * The parameters, frozen ones too, and the buffers by name, without copying: training continues to
   * change them. As in PyTorch, a parameter that is shared (tied) is listed under each of its names.
   */
  stateDict(): Map<string, Tensor> {
    return new Map(namedState(this));
  }

  /**
   * Loads values into parameters and buffers, by name: tensors on their device, or arrays, as
   * {@linkcode decodeState} returns them. A tied parameter needs a value under one of its names; of
   * several, the last counts.
   *
   * @param options.strict Whether all names must be given, and no others. @default {true}
   * @returns The names that were missing or unknown: none if it is strict.
   * @throws {RangeError} If an entry is of another shape or dtype or, if it is strict, missing or
   * unknown; one message lists all problems, and nothing changes.
   */
  loadStateDict(
    state: ReadonlyMap<string, TensorValues | number>,
    options: { readonly strict?: boolean } = {},
  ): LoadedNames {
    const what = "load the parameters";
    checkMap(what, state);
    checkOptions(what, options, { strict: true });
    const own = this.stateDict();
    const given = new Set([...own].flatMap(([name, each]) => state.has(name) ? [each] : []));
    const missing = [...own].flatMap(([name, each]) => given.has(each) ? [] : [name]);
    const unknown = [...state.keys()].filter((name) => !own.has(name));
    const isStrict = options.strict ?? true;
    assignTensors(
      new Map([...own].filter(([name, each]) => state.has(name) || isStrict && !given.has(each))),
      new Map([...state].filter(([name]) => own.has(name) || isStrict)),
      what,
    );
    return { missing, unknown };
  }

  /** Makes all parameters require a gradient; with `false`, freezes them. */
  requireGrad(isRequired = true): this {
    for (const [, tensor] of namedState(this)) {
      if (tensor.isParameter) tensor.requireGrad(isRequired);
    }
    return this;
  }

  /** Puts the module and its submodules in training mode; with `false`, in evaluation mode. */
  train(isTraining = true): this {
    this.#isTraining = isTraining;
    for (const [, value] of fieldsOf(this)) {
      if (value instanceof Module) value.#isTraining = isTraining;
    }
    return this;
  }

  /** Puts the module and its submodules in evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** Clears the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters().values()) parameter.zeroGrad();
  }
}

/** A module that maps one tensor to one tensor. */
export interface Layer extends Module {
  /** Computes the output. */
  forward(x: Tensor): Tensor;
}

/** All names of all parameters and buffers, in field order. */
function* namedState(module: Module): Generator<[name: string, tensor: Tensor]> {
  for (const [name, value] of fieldsOf(module)) {
    const isSaved = value instanceof QuantizedMatrix ||
      value instanceof Tensor && (value.isParameter || isBuffer(value));
    if (isSaved) yield [name, value];
  }
}

/** A value inside a module: its path, and a function that puts another value in its place. */
type Field = [path: string, value: unknown, replace: (value: unknown) => void];

/**
 * The values in the fields of modules, lists, sets, records and maps, in pre-order; what refers back to
 * an owner is left out.
 */
export function* fieldsOf(owner: unknown, path = "", above = [owner]): Generator<Field> {
  for (const [key, value] of entriesOf(owner)) {
    if (above.includes(value)) continue;
    const inner = path === "" ? `${key}` : `${path}.${key}`;
    yield [inner, value, (other) => {
      if (owner instanceof Map) owner.set(key, other);
      else if (owner instanceof Set) replaceInSet(owner, value, other);
      else Reflect.set(owner as object, key as string, other);
    }];
    yield* fieldsOf(value, inner, [...above, value]);
  }
}

function entriesOf(owner: unknown): Iterable<[unknown, unknown]> {
  if (owner instanceof Map) return owner;
  if (owner instanceof Set) return Object.entries([...owner]);
  if (owner instanceof Module || Array.isArray(owner) || isRecord(owner)) {
    return Object.entries(owner);
  }
  return [];
}

/** Keeps the order, by which the elements are named. */
function replaceInSet(set: Set<unknown>, value: unknown, other: unknown): void {
  const values = [...set];
  set.clear();
  for (const each of values) set.add(each === value ? other : each);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
