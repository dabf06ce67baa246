/** AdamW: Adam with weight decay of its own. @module */

import {
  type AdamGroup,
  type AdamGroupOptions,
  AdamUpdate,
  makeAdamFields,
} from "./adam_update.ts";
import { Optimizer } from "./optimizer.ts";
import { groupOptions, makeGroup, type Parameters } from "./parameters.ts";

/** Parameters that AdamW trains. */
export interface AdamWGroup extends AdamGroup {
  /** Tells the kinds of group apart. */
  readonly kind: "adamw";
}

/** What a group of AdamW can be told. */
export interface AdamWGroupOptions extends AdamGroupOptions {
  /** Tells the kinds of group apart, where there are several. */
  readonly kind?: "adamw";
}

/** Fills in what a group was not told: PyTorch's defaults. */
export function makeAdamWGroup(options: AdamWGroupOptions): AdamWGroup {
  return {
    kind: "adamw",
    ...makeGroup(options, { lr: 1e-3, weightDecay: 0.01 }),
    ...makeAdamFields(options),
  };
}

/**
 * AdamW: as `Adam`, but weight decay shrinks each parameter by `lr · weightDecay` of itself, beside
 * the step and unchanged by the means.
 *
 * Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017).
 *
 * @example A rate that follows a schedule
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { AdamW } from "./adamw.ts";
 * import { linearSchedule } from "./schedules.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const x = Tensor.from(device, [5], { requiresGrad: true });
 * const optimizer = new AdamW([x], { lr: 0.5, weightDecay: 0 });
 * for (let i = 0; i < 100; i++) {
 *   for (const group of optimizer.groups) group.lr = linearSchedule(i, 100, group.initialLr, 0);
 *   optimizer.zeroGrad();
 *   x.sub(3).square().sum().backward();
 *   optimizer.step();
 * }
 * if (Math.abs(await x.item() - 3) > 0.01) throw new Error("expected to end at 3");
 * await device.close();
 * ```
 */
export class AdamW extends Optimizer<AdamWGroup> {
  /**
   * Makes an optimiser that remembers nothing yet.
   *
   * @param parameters What to train, or groups with numbers of their own.
   * @param options For all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8 and `weightDecay` 0.01
   * unless given.
   * @throws {RangeError} If there is nothing to train, or a parameter is given twice.
   * @throws {TypeError} If a parameter collects no gradient.
   */
  constructor(
    parameters: Parameters | readonly AdamWGroupOptions[],
    options: Omit<AdamWGroupOptions, "parameters"> = {},
  ) {
    super(
      groupOptions(parameters, options).map(makeAdamWGroup),
      (group) => new AdamUpdate(group, "decoupled"),
    );
  }
}
