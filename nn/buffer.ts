import type { Tensor } from "../tensor/mod.ts";

const buffers = new WeakSet<Tensor>();

/** Whether a tensor is a {@linkcode buffer}. */
export function isBuffer(tensor: Tensor): boolean {
  return buffers.has(tensor);
}

/**
 * Makes a tensor a buffer of the module that has it in a field: it outlives every scope, and is saved
 * and loaded with the parameters, but not trained. Change it in place, with `copyInto`.
 *
 * @example
 * ```ts
 * import { copyInto, type Device, openDevice, Tensor } from "../tensor/mod.ts";
 * import { buffer } from "./buffer.ts";
 * import { Module } from "./module.ts";
 *
 * class Counter extends Module {
 *   readonly calls: Tensor;
 *
 *   constructor(device: Device) {
 *     super();
 *     this.calls = buffer(Tensor.zeros(device, []));
 *   }
 *
 *   forward(x: Tensor): Tensor {
 *     copyInto(this.calls.add(1), this.calls);
 *     return x;
 *   }
 * }
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const counter = new Counter(device);
 * counter.forward(Tensor.ones(device, [2]));
 * if (await counter.stateDict().get("calls")!.item() !== 1) throw new Error("expected one call");
 * if (counter.parameters().size !== 0) throw new Error("expected nothing to train");
 * await device.close();
 * ```
 */
export function buffer(tensor: Tensor): Tensor {
  buffers.add(tensor.keep());
  return tensor;
}
