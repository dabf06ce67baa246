/** Modules that free what they compute on the way. @module */

import { TypeError } from "../tensor/errors.ts";
import { Tensor } from "../tensor/mod.ts";
import { Module } from "./module.ts";

/**
 * A module whose `forward` is a pure function: of what it computes, only the result is used afterwards.
 *
 * So everything else is freed when `forward` returns, except what backward will need. A large model
 * made of pure modules holds the temporaries of one layer at a time and not those of all of them,
 * and no layer says a word about memory.
 *
 * What `forward` stores elsewhere, in a field or a cache, would be freed as well: store `tensor.alias()`,
 * or call `tensor.keep()`.
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
  /**
   * Makes `forward` free what it computes on the way.
   *
   * @throws {TypeError} If the class has no `forward`.
   */
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

/** Runs `forward` in a scope of its own, and passes on its result. */
function run(forward: () => unknown, operands: readonly unknown[]): Tensor {
  const input = operands.find((operand) => operand instanceof Tensor);
  using scope = input?.device.scopes.openBriefly();
  const result = forward();
  if (!(result instanceof Tensor)) {
    throw new TypeError(`Cannot run a PureModule: wanted a tensor from forward, got ${result}`);
  }
  // A deferred result would hold on to what it is computed from.
  void result.allocation;
  if (scope !== undefined && !operands.includes(result)) scope.keep(result);
  return result;
}
