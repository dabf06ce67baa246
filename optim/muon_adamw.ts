/** Muon for matrices and AdamW for everything else, in one optimizer. @module */

import { ADAMW, type AdamWGroup } from "./adam.ts";
import { MUON, type MuonGroup } from "./muon.ts";
import { Optimizer, type Rule } from "./optimizer.ts";
import type { GroupOptions } from "./parameters.ts";

/** Options of a group of {@linkcode MuonAdamW}: its kind, and the options of that kind. */
export type MuonAdamWGroupOptions =
  | (GroupOptions<AdamWGroup> & { readonly kind: "adamw" })
  | (GroupOptions<MuonGroup> & { readonly kind: "muon" });

export const MUON_ADAMW: readonly Rule<AdamWGroup | MuonGroup>[] = [ADAMW, MUON];

/**
 * Trains each group with Muon or AdamW, according to its `kind`: nanochat's optimizer.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { MuonAdamW } from "./muon_adamw.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.ones(device, [2, 2], { requiresGrad: true });
 * const bias = Tensor.ones(device, [2], { requiresGrad: true });
 * const optimizer = new MuonAdamW([
 *   { kind: "muon", parameters: new Map([["weight", weight]]), lr: 0.02 },
 *   { kind: "adamw", parameters: new Map([["bias", bias]]), lr: 0.001 },
 * ]);
 * for (const group of optimizer.groups) {
 *   group.lr = group.initialLr / 2;
 *   if (group.kind === "muon") group.momentum = 0.85;
 * }
 * weight.sum().add(bias.sum()).backward();
 * optimizer.step();
 * const [first] = await bias.data();
 * if (Math.abs(first! - (1 - 0.0005 * 1.01)) > 1e-6) throw new Error(`got ${first}`);
 * await device.close();
 * ```
 */
export class MuonAdamW extends Optimizer<AdamWGroup | MuonGroup> {
  /**
   * Creates an optimizer with empty state; defaults are those of `AdamW` and `Muon`.
   *
   * @throws {RangeError} If there are no parameters, one occurs twice, or one for Muon is not a
   * matrix.
   * @throws {TypeError} If a parameter does not require a gradient, or a kind is unknown.
   */
  constructor(groups: readonly MuonAdamWGroupOptions[]) {
    super(MUON_ADAMW, groups, {});
  }
}
