import { type MuonGroup, type MuonGroupOptions, MuonUpdate } from "./muon_update.ts";
import { Optimizer } from "./optimizer.ts";
import { type Defaults, makeGroups, type Parameters } from "./parameters.ts";

export const MUON_DEFAULTS: Defaults<MuonGroup> = {
  kind: "muon",
  lr: 0.02,
  weightDecay: 0,
  momentum: 0.95,
  orthogonalizationSteps: 5,
  beta2: 0.9,
};

/**
 * Muon: trains matrices with orthogonalized momentum updates. This is nanochat's variant: Nesterov
 * momentum, row normalization (MuonEq), orthogonalization by Polar Express, rescaling to the norm
 * of an orthogonal matrix (Muon+), variance normalization per row or column (NorMuon), and cautious
 * weight decay.
 *
 * It is for the weights of hidden layers: train embeddings, the output layer, biases and scalars
 * with AdamW (see `MuonAdamW`). In a group, either all matrices of one shape have gradients or
 * none.
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
   * Creates an optimizer with empty state.
   *
   * @param options Defaults for all groups: `lr` 0.02, `momentum` 0.95, `orthogonalizationSteps` 5,
   * `beta2` 0.9, `weightDecay` 0.
   * @throws {RangeError} If there are no parameters, one occurs twice or is not a matrix.
   * @throws {TypeError} If a parameter does not require a gradient.
   */
  constructor(
    parameters: Parameters | readonly MuonGroupOptions[],
    options: Omit<MuonGroupOptions, "parameters"> = {},
  ) {
    super(
      makeGroups(parameters, options, MUON_DEFAULTS),
      (group) => new MuonUpdate(group),
    );
  }
}
