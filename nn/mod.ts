/**
 * Neural network layers with named parameters, loss functions, and initializers.
 *
 * A network is a {@linkcode Module} with other modules as fields, and a `forward` method.
 *
 * @example A network that learns XOR
 * ```ts
 * import { AdamW } from "../optim/mod.ts";
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { binaryCrossEntropyWithLogits, MLP } from "./mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const inputs = Tensor.from(device, [[0, 0], [0, 1], [1, 0], [1, 1]]);
 * const targets = Tensor.from(device, [[0], [1], [1], [0]]);
 * const network = new MLP(device, [2, 8, 1], { activation: "tanh", seed: 42 });
 * const optimizer = new AdamW(network.parameters(), { lr: 0.05 });
 * for (let step = 0; step < 200; step++) {
 *   using _scope = device.scope();
 *   optimizer.zeroGrad();
 *   binaryCrossEntropyWithLogits(network.forward(inputs), targets).backward();
 *   optimizer.step();
 * }
 * const answers = await network.forward(inputs).gt(0).data();
 * if (answers.join() !== "0,1,1,0") throw new Error(`got ${answers}`);
 * await device.close();
 * ```
 *
 * @module
 */

export { Activation, type ActivationName } from "./activation.ts";
export { Attention, type AttentionLayerOptions } from "./attention.ts";
export * from "./batch_norm.ts";
export { batches, type BatchesOptions } from "./batches.ts";
export { buffer } from "./buffer.ts";
export * from "./convolution.ts";
export { Dropout, type DropoutOptions } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { GRU, type GRUState } from "./gru.ts";
export { GroupNorm, type GroupNormOptions } from "./group_norm.ts";
export * as initializers from "./initializers.ts";
export type { Initializer } from "./initializers.ts";
export { LayerNorm, type LayerNormOptions } from "./layer_norm.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export { klDivergence, type KLDivergenceOptions } from "./kl_divergence.ts";
export {
  binaryCrossEntropyWithLogits,
  huberLoss,
  type Loss,
  type LossOptions,
  meanAbsoluteError,
  meanSquaredError,
} from "./losses.ts";
export { LSTM, type LSTMState } from "./lstm.ts";
export { Recurrent, type RecurrentOptions } from "./recurrent.ts";
export * from "./lora.ts";
export { MLP, type MLPOptions } from "./mlp.ts";
export { type Layer, type LoadedNames, Module } from "./module.ts";
export { inType, namedSeed, parameter } from "./parameter.ts";
export { AvgPool2d, Flatten, MaxPool2d, Unflatten } from "./pool.ts";
export * from "./quantize.ts";
export { RMSNorm, type RMSNormOptions } from "./rms_norm.ts";
export { seedsFrom } from "./seeds_from.ts";
export { SelfAttention, type SelfAttentionOptions } from "./self_attention.ts";
export { Sequential } from "./sequential.ts";
export { summary } from "./summary.ts";
export {
  crossEntropy,
  type CrossEntropyOptions,
  decodeState,
  encodeState,
  linearCrossEntropy,
  type LinearCrossEntropyOptions,
  type WeightedCrossEntropyOptions,
} from "../tensor/mod.ts";
