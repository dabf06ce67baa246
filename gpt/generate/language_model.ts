/** The interfaces of models for generation, evaluation and training. @module */

import type { Module } from "../../nn/mod.ts";
import type { MuonAdamWGroupOptions } from "../../optim/mod.ts";
import type { Device, FloatType, Reduction, Tensor } from "../../tensor/mod.ts";
import type { KVCache } from "../model/kv_cache.ts";
import type { LearningRates } from "../model/optimizer_groups.ts";

/** The fields that the config of every architecture has. */
export interface ModelConfig {
  /** Vocabulary size: the number of logits of a token. */
  readonly vocabSize: number;
  /** The length in tokens that the model was trained for. */
  readonly sequenceLen: number;
}

/** Options for {@linkcode LanguageModel.forward}. */
export interface CachedForwardOptions {
  /** The KV cache when decoding: the tokens follow those in it, and are appended. */
  readonly cache?: KVCache;
  /** Whether to compute logits for the last token only, as prefill needs. @default {false} */
  readonly lastOnly?: boolean;
}

/** A model that predicts the next token and supports KV caches: all that generation needs. */
export interface LanguageModel {
  /** The model's device. */
  readonly device: Device;
  /** The model's shape. */
  readonly config: ModelConfig;
  /** Maximum sequence length in tokens. */
  readonly maximumLength: number;
  /** Creates an empty KV cache. @throws {RangeError} If the device is out of memory. */
  createCache(batchSize: number, capacity: number): KVCache;
  /**
   * Runs the model on tokens. With a cache, they follow those in it and are appended.
   *
   * @param ids `int32 [batch, tokens]`
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`, or `[batch, 1, vocabSize]`
   * with `lastOnly`.
   * @throws {RangeError} If an id is not in the vocabulary, or the sequence is too long.
   */
  forward(ids: Tensor, targets?: undefined, options?: CachedForwardOptions): Tensor;
  /**
   * Runs the next tokens of several sequences, which may be at different positions: one token of each,
   * or more of some, as a server does that prefills the prompts of new requests while it decodes
   * others. Each weight is read once for all of them.
   *
   * @param ids `int32 [tokens, 1]`: those of the first sequence, then of the second, and so on.
   * @param caches The earlier tokens: a cache for each sequence, or for several at one position. The tokens
   * are appended.
   * @param counts The number of tokens of each sequence of a cache: one if it has several. By default one.
   * @returns The logits after the last token of each sequence, `[sequences, 1, vocabSize]`.
   * @throws {RangeError} If caches and tokens do not match.
   */
  decode(ids: Tensor, caches: readonly KVCache[], counts?: readonly number[]): Tensor;
}

/** Options for {@linkcode TrainableModel.forward}. */
export interface LossOptions extends CachedForwardOptions {
  /** How to reduce the losses of the tokens. @default {"mean"} */
  readonly reduction?: Reduction;
}

/** A language model that can be trained and saved. */
export interface TrainableModel extends LanguageModel, Module {
  /** The name of the architecture, which checkpoints tell; `undefined` for nanochat's. */
  readonly architecture: string | undefined;
  /** The dtype of activations. */
  readonly computeDtype: FloatType;
  /** FLOPs per token of training, forward and backward, in a sequence of `config.sequenceLen`. */
  readonly flopsPerToken: number;
  /**
   * Runs the model on tokens.
   *
   * @param targets `int32 [batch, tokens]`: the next token of each; −1 to ignore it.
   * @returns Without targets as in {@linkcode LanguageModel}; with targets the loss in nats: a scalar,
   * or `[batch · tokens]` with `reduction: "none"`.
   */
  forward(ids: Tensor, targets?: Tensor, options?: LossOptions): Tensor;
  /**
   * The parameters in groups with learning rates of their own.
   *
   * @throws {TypeError} If a name is unknown.
   */
  optimizerGroups(learningRates?: LearningRates): MuonAdamWGroupOptions[];
  /** Whether the linear layer of this path gets an adapter in LoRA. */
  isAdapted(path: string): boolean;
  /** The cost of decoding the last of `contextLength` tokens. */
  decodingCosts(contextLength: number): DecodingCosts;
}

/** The cost of decoding a token of one sequence. */
export interface DecodingCosts {
  /** FLOPs of the forward pass. */
  readonly flops: number;
  /** Bytes of KV cache that it reads. */
  readonly cacheBytes: number;
}
