/** Adam, with L2 regularization. @module */

import { ADAM_DEFAULTS, type AdamGroup, type AdamGroupOptions, AdamUpdate } from "./adam_update.ts";
import { Optimizer } from "./optimizer.ts";
import { makeGroups, type Parameters } from "./parameters.ts";

/**
 * Adam: each parameter moves by its mean gradient over the root of its mean squared gradient.
 * `weightDecay` is an L2 penalty here, whose gradient is added to that of the loss, as in PyTorch's
 * `Adam`; for decoupled weight decay see `AdamW`. Source: Kingma and Ba, "Adam" (2014).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Adam } from "./adam.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new Adam([x], { lr: 0.5 });
 * for (let i = 0; i < 100; i++) {
 *   optimizer.zeroGrad();
 *   x.sub(3).square().sum().backward();
 *   optimizer.step();
 * }
 * if (Math.abs(await x.item() - 3) > 0.1) throw new Error("expected to end near 3");
 * await device.close();
 * ```
 */
export class Adam extends Optimizer<AdamGroup> {
  /**
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8,
   * `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(
    parameters: Parameters | readonly AdamGroupOptions[],
    options: Omit<AdamGroupOptions, "parameters"> = {},
  ) {
    super(
      makeGroups(parameters, options, ADAM_DEFAULTS),
      (group) => new AdamUpdate(group, "penalty"),
    );
  }
}
