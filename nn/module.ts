/** Modules: a tree of named parameters. @module */

import { assignTensors, checkMap, type TensorValues } from "../tensor/assign.ts";
import { QuantizedMatrix, Tensor } from "../tensor/mod.ts";

/**
 * Base class of layers and networks, with parameters and submodules in its fields: tensors that
 * require a gradient, or are packed, are parameters, modules are submodules, and lists, sets, records and maps are
 * searched for both. A parameter is named by its path, `layers.0.weight`; the order is that of the
 * fields. Private fields (`#`) are not searched: keep tensors there that are not parameters.
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

  /** The parameters by name, each once, under its first name, in field order. */
  parameters(): Map<string, Tensor> {
    const names = new Map<Tensor, string>();
    for (const [name, parameter] of namedParameters(this)) {
      if (!names.has(parameter)) names.set(parameter, name);
    }
    return new Map(Array.from(names, ([parameter, name]) => [name, parameter]));
  }

  /**
   * The parameters by name, without copying: training continues to change them. As in PyTorch, a
   * parameter that is shared (tied) is listed under each of its names.
   */
  stateDict(): Map<string, Tensor> {
    return new Map(namedParameters(this));
  }

  /**
   * Loads values into the parameters, by name: tensors on their device, or arrays, as a safetensors
   * file has them. A tied parameter needs a value under one of its names; of several, the last counts.
   *
   * @throws {RangeError} If an entry is missing, unknown or of another shape or dtype; one message
   * lists all problems, and nothing changes.
   */
  loadStateDict(state: ReadonlyMap<string, TensorValues>): void {
    checkMap("load the parameters", state);
    const own = [...this.stateDict()];
    const given = new Set(
      own.filter(([name]) => state.has(name)).map(([, parameter]) => parameter),
    );
    const targets = own.filter(([name, parameter]) => state.has(name) || !given.has(parameter));
    assignTensors(new Map(targets), state, "load the parameters");
  }

  /** Puts the module and its submodules in training mode. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Puts the module and its submodules in evaluation mode. */
  eval(): this {
    return this.#setTraining(false);
  }

  #setTraining(isTraining: boolean): this {
    this.#isTraining = isTraining;
    for (const [, value] of fieldsOf(this)) {
      if (value instanceof Module) value.#isTraining = isTraining;
    }
    return this;
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

/** All names of all parameters, in field order. */
function* namedParameters(module: Module): Generator<[name: string, parameter: Tensor]> {
  for (const [name, value] of fieldsOf(module)) {
    if (value instanceof QuantizedMatrix || value instanceof Tensor && value.node?.isLeaf) {
      yield [name, value];
    }
  }
}

/** A value inside a module: its path, and a function that puts another value in its place. */
type Field = [path: string, value: unknown, replace: (value: unknown) => void];

/** The values in the fields of modules, lists, sets, records and maps, in pre-order. */
export function* fieldsOf(owner: unknown, path = ""): Generator<Field> {
  for (const [key, value] of entriesOf(owner)) {
    const inner = path === "" ? `${key}` : `${path}.${key}`;
    yield [inner, value, (other) => {
      if (owner instanceof Map) owner.set(key, other);
      else if (owner instanceof Set) replaceInSet(owner, value, other);
      else Reflect.set(owner as object, key as string, other);
    }];
    yield* fieldsOf(value, inner);
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
