import { ADAM_DEFAULTS, type AdamGroup, type AdamGroupOptions, AdamUpdate } from "./adam_update.ts";
import { Optimizer } from "./optimizer.ts";
import { type Defaults, makeGroups, type Parameters } from "./parameters.ts";

/** A parameter group of AdamW. */
export interface AdamWGroup extends AdamGroup {
  /** The kind of group. */
  readonly kind: "adamw";
}

/** Options of a group of AdamW. */
export interface AdamWGroupOptions extends AdamGroupOptions {
  /** The kind of group, in an optimizer with several. */
  readonly kind?: "adamw";
}

export const ADAMW_DEFAULTS: Defaults<AdamWGroup> = {
  kind: "adamw",
  ...ADAM_DEFAULTS,
  weightDecay: 0.01,
};

/**
 * AdamW: like `Adam`, with decoupled weight decay: it shrinks each parameter by `lr · weightDecay`
 * of itself, without passing through the moments. Source: Loshchilov and Hutter, "Decoupled Weight
 * Decay Regularization" (2017).
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
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.001, `betas` [0.9, 0.999], `eps` 1e-8,
   * `weightDecay` 0.01.
   * @throws {RangeError} If there are no parameters, or one occurs twice.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(
    parameters: Parameters | readonly AdamWGroupOptions[],
    options: Omit<AdamWGroupOptions, "parameters"> = {},
  ) {
    super(
      makeGroups(parameters, options, ADAMW_DEFAULTS),
      (group) => new AdamUpdate(group, "decoupled"),
    );
  }
}
