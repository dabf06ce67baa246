/** Muon for matrices and AdamW for everything else, in one optimizer. @module */

import type { Tensor } from "../tensor/mod.ts";
import { adamUpdates, ADAMW_DEFAULTS, type AdamWGroup } from "./adam.ts";
import { MUON_DEFAULTS, type MuonGroup, muonUpdates } from "./muon.ts";
import { Optimizer, type Update } from "./optimizer.ts";
import { type GroupOptions, makeGroups } from "./parameters.ts";

/** Options of a group of {@linkcode MuonAdamW}: its kind, and the options of that kind. */
export type MuonAdamWGroupOptions =
  | (GroupOptions<AdamWGroup> & { readonly kind: "adamw" })
  | (GroupOptions<MuonGroup> & { readonly kind: "muon" });

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
    super(makeMuonAdamWGroups(groups), muonAdamWUpdates);
  }
}

export function makeMuonAdamWGroups(
  groups: readonly MuonAdamWGroupOptions[],
): (AdamWGroup | MuonGroup)[] {
  return makeGroups<AdamWGroup | MuonGroup>(groups, {}, ADAMW_DEFAULTS, MUON_DEFAULTS);
}

export function muonAdamWUpdates(
  group: AdamWGroup | MuonGroup,
  parameters: ReadonlyMap<string, Tensor>,
): Update[] {
  return group.kind === "muon"
    ? muonUpdates(group, parameters)
    : adamUpdates(group, parameters, true);
}
