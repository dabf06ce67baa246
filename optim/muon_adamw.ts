/** Muon for matrices and AdamW for everything else, in one optimizer. @module */

import { checkOptions } from "../tensor/checks.ts";
import { TypeError } from "../tensor/errors.ts";
import { AdamUpdate } from "./adam_update.ts";
import { ADAMW_DEFAULTS, type AdamWGroup, type AdamWGroupOptions } from "./adamw.ts";
import { MUON_DEFAULTS } from "./muon.ts";
import { type MuonGroup, type MuonGroupOptions, MuonUpdate } from "./muon_update.ts";
import { Optimizer } from "./optimizer.ts";
import { groupOptions, makeGroup, optionNames } from "./parameters.ts";

/** Options of a group of {@linkcode MuonAdamW}: its kind, and the options of that kind. */
export type MuonAdamWGroupOptions =
  | (AdamWGroupOptions & { readonly kind: "adamw" })
  | (MuonGroupOptions & { readonly kind: "muon" });

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
    super(
      groupOptions<MuonAdamWGroupOptions>(groups, { kind: "adamw" }, {
        ...ADAMW_DEFAULTS,
        ...MUON_DEFAULTS,
      }).map(makeGroupOfKind),
      (group) => group.kind === "muon" ? new MuonUpdate(group) : new AdamUpdate(group, "decoupled"),
    );
  }
}

/** Creates a group of the kind that its options name. @throws {TypeError} If the kind is unknown. */
export function makeGroupOfKind(options: MuonAdamWGroupOptions): AdamWGroup | MuonGroup {
  switch (options.kind) {
    case "muon":
      checkOptions("make a muon group", options, optionNames(MUON_DEFAULTS));
      return makeGroup(options, MUON_DEFAULTS);
    case "adamw":
      checkOptions("make an adamw group", options, optionNames(ADAMW_DEFAULTS));
      return makeGroup(options, ADAMW_DEFAULTS);
    default: {
      const { kind } = options as { kind: unknown };
      throw new TypeError(
        `Cannot make a group: wanted the kind muon or adamw, got ${kind}`,
      );
    }
  }
}
