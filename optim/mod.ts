/**
 * Optimizers, learning-rate schedules and gradient clipping. An optimizer takes parameters, alone
 * or in groups. Hyperparameters of a group are read at each step, so a schedule just sets
 * `group.lr`. A step is a few fused in-place kernels. The optimizer state can be saved and loaded.
 *
 * @module
 */

export { Adam, type AdamGroup, AdamW, type AdamWGroup } from "./adam.ts";
export { clipGradientNorm } from "./clip.ts";
export { EMA, type EMAOptions } from "./ema.ts";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad_scaler.ts";
export { Muon, type MuonGroup } from "./muon.ts";
export { MuonAdamW, type MuonAdamWGroupOptions } from "./muon_adamw.ts";
export { Optimizer, type OptimizerState, type Rule, type Update } from "./optimizer.ts";
export type {
  Defaults,
  GroupOptions,
  Hyperparameters,
  ParameterGroup,
  Parameters,
  ParametersOrGroups,
} from "./parameters.ts";
export { polarExpress, polarExpressFlops } from "./polar_express.ts";
export { RMSprop, type RMSpropGroup } from "./rmsprop.ts";
export * from "./schedules.ts";
export { type Exchange, type Segments, ShardedMuonAdamW } from "./sharded.ts";
export { SGD, type SGDGroup } from "./sgd.ts";
export { smooth } from "./smoothing.ts";
