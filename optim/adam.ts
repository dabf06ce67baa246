/** Adam, with weight decay as a penalty. @module */

import {
  type AdamGroup,
  type AdamGroupOptions,
  AdamUpdate,
  makeAdamFields,
} from "./adam_update.ts";
import { Optimizer } from "./optimizer.ts";
import { groupOptions, makeGroup, type Parameters } from "./parameters.ts";

/**
 * Adam: each number moves by its mean gradient over the root of its mean squared gradient.
 *
 * `weightDecay` is a penalty here: its gradient is added to that of the loss, as in PyTorch's `Adam`.
 * For weight decay that does not pass through the means see `AdamW`.
 *
 * Source: Kingma and Ba, "Adam" (2014).
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
   * Makes an optimiser that remembers nothing yet.
   *
   * @param parameters What to train, or groups with numbers of their own.
   * @param options For all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8 and `weightDecay` 0
   * unless given.
   * @throws {RangeError} If there is nothing to train, or a parameter is given twice.
   * @throws {TypeError} If a parameter collects no gradient.
   */
  constructor(
    parameters: Parameters | readonly AdamGroupOptions[],
    options: Omit<AdamGroupOptions, "parameters"> = {},
  ) {
    const groups = groupOptions(parameters, options).map((group) => ({
      ...makeGroup(group, { lr: 1e-3, weightDecay: 0 }),
      ...makeAdamFields(group),
    }));
    super(groups, (group) => new AdamUpdate(group, "penalty"));
  }
}
