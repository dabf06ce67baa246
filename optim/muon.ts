/** Muon: momentum, made orthogonal. @module */

import { type MuonGroup, type MuonGroupOptions, MuonUpdate } from "./muon_update.ts";
import { Optimizer } from "./optimizer.ts";
import { groupOptions, makeGroup, type Parameters } from "./parameters.ts";

/** Fills in what a group was not told: nanochat's defaults. */
export function makeMuonGroup(options: MuonGroupOptions): MuonGroup {
  return {
    kind: "muon",
    ...makeGroup(options, { lr: 0.02, weightDecay: 0 }),
    momentum: options.momentum ?? 0.95,
    orthogonalizationSteps: options.orthogonalizationSteps ?? 5,
    beta2: options.beta2 ?? 0.9,
  };
}

/**
 * Muon: trains matrices by steps in which all directions are of about one size.
 *
 * It is the variant of nanochat: Nesterov momentum, rows brought to one norm, orthogonalisation by
 * Polar Express, the norm of an orthogonal matrix, division by the running deviation of each row or
 * column, and cautious weight decay.
 *
 * For the weights of hidden layers. Embeddings, the last layer, biases and scalars are better trained
 * by AdamW: see `MuonAdamW`. All matrices of one shape in a group must have gradients, or none.
 *
 * Source: Jordan et al., "Muon" (2024); "NorMuon" (arXiv 2510.05491); "MuonEq" (arXiv 2603.28254);
 * "Muon+" (arXiv 2602.21545).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Muon } from "./muon.ts";
 * import { linearSchedule } from "./schedules.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weight = Tensor.from(device, [[3, 1], [0, 2]], { requiresGrad: true });
 * const optimizer = new Muon([weight], { lr: 0.2, momentum: 0.8 });
 * for (let i = 0; i < 50; i++) {
 *   for (const group of optimizer.groups) group.lr = linearSchedule(i, 50, group.initialLr, 0);
 *   optimizer.zeroGrad();
 *   weight.square().sum().backward();
 *   optimizer.step();
 * }
 * const norm = await weight.square().sum().item();
 * if (norm > 0.01) throw new Error(`expected to come near 0, got ${norm}`);
 * await device.close();
 * ```
 */
export class Muon extends Optimizer<MuonGroup> {
  /**
   * Makes an optimiser that remembers nothing yet.
   *
   * @param parameters What to train, or groups with numbers of their own.
   * @param options For all groups: `lr` 0.02, `momentum` 0.95, `orthogonalizationSteps` 5, `beta2` 0.9
   * and `weightDecay` 0 unless given.
   * @throws {RangeError} If there is nothing to train, a parameter is given twice or is not a matrix.
   * @throws {TypeError} If a parameter collects no gradient.
   */
  constructor(
    parameters: Parameters | readonly MuonGroupOptions[],
    options: Omit<MuonGroupOptions, "parameters"> = {},
  ) {
    super(
      groupOptions(parameters, options).map(makeMuonGroup),
      (group) => new MuonUpdate(group),
    );
  }
}
