/** Modules: a tree of named parameters. @module */

import { assignTensors, type TensorValues } from "../tensor/assign.ts";
import { Tensor } from "../tensor/mod.ts";

/**
 * Base class of layers and networks, with parameters and submodules in its fields: tensors that
 * require a gradient are parameters, modules are submodules, and lists, records and maps are
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

  /** The parameters by name, each once, in field order. */
  parameters(): Map<string, Tensor> {
    const parameters = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    for (const [name, value] of fieldsOf(this)) {
      if (!(value instanceof Tensor) || !value.node?.isLeaf || seen.has(value)) continue;
      seen.add(value);
      parameters.set(name, value);
    }
    return parameters;
  }

  /** The parameters by name, without copying: training continues to change them. */
  stateDict(): Map<string, Tensor> {
    return this.parameters();
  }

  /**
   * Loads values into the parameters, by name: tensors on their device, or arrays, as a safetensors
   * file has them.
   *
   * @throws {RangeError} If an entry is missing, unknown or of another shape or dtype; one message
   * lists all problems, and nothing changes.
   */
  loadStateDict(state: ReadonlyMap<string, TensorValues>): void {
    assignTensors(this.parameters(), state, "load the parameters");
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

/** A value inside a module: its path, and a function that puts another value in its place. */
type Field = [path: string, value: unknown, replace: (value: unknown) => void];

/** The values in the fields of modules, lists, records and maps, in pre-order. */
export function* fieldsOf(owner: unknown, path = ""): Generator<Field> {
  for (const [key, value] of entriesOf(owner)) {
    const inner = path === "" ? `${key}` : `${path}.${key}`;
    yield [inner, value, (other) => {
      if (owner instanceof Map) owner.set(key, other);
      else Reflect.set(owner as object, key as string, other);
    }];
    yield* fieldsOf(value, inner);
  }
}

function entriesOf(owner: unknown): Iterable<[unknown, unknown]> {
  if (owner instanceof Map) return owner;
  if (owner instanceof Module || Array.isArray(owner) || isRecord(owner)) {
    return Object.entries(owner);
  }
  return [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
