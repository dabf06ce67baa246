/** Modules: parameters with names, in a tree. @module */

import { assignTensors, type TensorValues } from "../tensor/assign.ts";
import { Tensor } from "../tensor/mod.ts";

/**
 * A part of a network: it has parameters, and parts of its own.
 *
 * Whatever a module keeps in its fields is found: tensors that collect a gradient are parameters,
 * modules are parts, and lists, records and maps of them are searched. The name of a parameter is the
 * path to it, `layers.0.weight`, and the order is that of the fields. Fields with a `#` are private to
 * the module and are not searched, so that is where to keep what is no parameter.
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

  /** Whether the module is being trained, and not used: dropout works only then. */
  get isTraining(): boolean {
    return this.#isTraining;
  }

  /** The parameters under their names, each once, in the order of the fields. */
  parameters(): Map<string, Tensor> {
    const parameters = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    walk(this, "", (name, value) => {
      if (!(value instanceof Tensor) || !value.node?.isLeaf || seen.has(value)) return;
      seen.add(value);
      parameters.set(name, value);
    });
    return parameters;
  }

  /** The parameters as they are now, under their names: no copies, so training goes on changing them. */
  stateDict(): Map<string, Tensor> {
    return this.parameters();
  }

  /**
   * Copies values into the parameters.
   *
   * @param state The values of each parameter, under its name and of its shape: a tensor on its
   * device, or an array as a safetensors file gives it.
   * @throws {RangeError} If something is missing, unknown or of another shape or dtype; one message
   * lists what is wrong, and nothing is changed.
   */
  loadStateDict(state: ReadonlyMap<string, TensorValues>): void {
    assignTensors(this.parameters(), state, "load the parameters");
  }

  /** Tells the module and its parts that they are being trained. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Tells the module and its parts that they are being used, and not trained. */
  eval(): this {
    return this.#setTraining(false);
  }

  #setTraining(isTraining: boolean): this {
    walk(this, "", (_name, value) => {
      if (value instanceof Module) value.#isTraining = isTraining;
    });
    return this;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters().values()) parameter.zeroGrad();
  }
}

/** A module that makes one tensor of one tensor. */
export interface Layer extends Module {
  /** Computes the output. */
  forward(x: Tensor): Tensor;
}

/** Visits the values in the fields of modules, lists, records and maps, from the outside in. */
function walk(value: unknown, name: string, visit: (name: string, value: unknown) => void): void {
  visit(name, value);
  for (const [key, child] of childrenOf(value)) {
    walk(child, name === "" ? key : `${name}.${key}`, visit);
  }
}

function childrenOf(value: unknown): Iterable<[string, unknown]> {
  if (value instanceof Map) return [...value].map(([key, child]) => [String(key), child]);
  if (value instanceof Module || Array.isArray(value) || isRecord(value)) {
    return Object.entries(value);
  }
  return [];
}

/** Whether a value is an object in braces, and not one of a class that knows nothing of modules. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}
