/** Modules that free their intermediate results. @module */

import { TypeError } from "../tensor/errors.ts";
import { type Device, Tensor } from "../tensor/mod.ts";
import { Module } from "./module.ts";

/** Receives an intermediate tensor of a module, and its name. */
export type Watch = (name: string, tensor: Tensor) => void;

/**
 * A module whose `forward` is a pure function: everything but its result is freed when it returns,
 * except what backward will need. So a large model of pure modules holds the temporaries of one
 * layer at a time instead of all, without any code for memory in the layers.
 *
 * What `forward` stores elsewhere, in a field or a cache, would be freed as well: store
 * `tensor.alias()`, or call `tensor.keep()`.
 *
 * @example
 * ```ts
 * import { noGrad, openDevice, Tensor } from "../tensor/mod.ts";
 * import { Linear } from "./linear.ts";
 * import { PureModule } from "./pure_module.ts";
 *
 * class Gate extends PureModule {
 *   readonly gate: Linear;
 *   constructor(device: Tensor["device"]) {
 *     super();
 *     this.gate = new Linear(device, 4, 4, { seed: 1, bias: false });
 *   }
 *   forward(x: Tensor): Tensor {
 *     return x.mul(this.gate.forward(x).sigmoid());
 *   }
 * }
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [gate, x] = [new Gate(device), Tensor.ones(device, [2, 4])];
 * const before = device.live;
 * using _scope = device.scope();
 * noGrad(() => gate.forward(x));
 * if (device.live !== before + 1) throw new Error("expected nothing but the result to live on");
 * ```
 */
export abstract class PureModule extends Module {
  constructor() {
    super();
    const forward: unknown = Reflect.get(this, "forward");
    if (typeof forward !== "function") {
      throw new TypeError(`Cannot create a ${this.constructor.name}: wanted a method forward`);
    }
    const value = (...operands: unknown[]) =>
      run(() => Reflect.apply(forward, this, operands), operands);
    Object.defineProperty(this, "forward", { value, configurable: true, writable: true });
  }
}

function run(forward: () => unknown, operands: readonly unknown[]): Tensor {
  const input = operands.find((operand) => operand instanceof Tensor);
  using scope = input?.device.scopes.openBriefly();
  const result = forward();
  if (!(result instanceof Tensor)) {
    throw new TypeError(`Cannot run a PureModule: wanted a tensor from forward, got ${result}`);
  }
  // A deferred result would keep its inputs alive.
  void result.allocation;
  if (scope !== undefined && !operands.includes(result)) scope.keep(result);
  return result;
}

/**
 * Prepares a callback for intermediate tensors of the pure module that is running on a device;
 * `undefined` if the caller has none. It gets aliases without history, which belong to the code
 * that called the module: they outlive the module as its result does, may be disposed of at once,
 * and may be kept.
 */
export function watchForCaller(watch: Watch | undefined, device: Device): Watch | undefined {
  // The module's own scope, whose caller gets what it keeps.
  const scope = device.scopes.current!;
  return watch && ((name, tensor) => watch(name, scope.keep(tensor.alias())));
}
