/** The common part of the models of this folder: the head, the loss, KV caches, training. @module */

import {
  type DecodingCosts,
  type KVCache,
  KVCache as Cache,
  type KVCacheShape,
  type LearningRates,
  type LossOptions,
  type ModelConfig,
  type TrainableModel,
} from "../gpt/browser.ts";
import { SequenceRows } from "../gpt/browser_internals.ts";
import { linearCrossEntropy, Module } from "../nn/mod.ts";
import type { MuonAdamWGroupOptions } from "../optim/mod.ts";
import { checkOptions, type OptionNames } from "../tensor/checks.ts";
import { RangeError, TypeError } from "../tensor/errors.ts";
import { type Device, type FloatType, linear, type Tensor } from "../tensor/mod.ts";

/** Sizes from which caches and costs follow. */
export interface ModelSizes extends KVCacheShape {
  /** Query heads of a layer. */
  readonly heads: number;
  /** Width of the residual stream. */
  readonly width: number;
}

/** Options for building a model. */
export interface ModelOptions {
  /** Seed of the initial values; `null` for zeros, if values are loaded next. @default {42} */
  readonly seed?: number | null;
  /** The dtype of activations: only `float32`. @default {"float32"} */
  readonly computeDtype?: FloatType;
}

const OPTIONS: OptionNames<ModelOptions> = { seed: true, computeDtype: true };
const FORWARD_OPTIONS: OptionNames<LossOptions> = { reduction: true, cache: true, lastOnly: true };

/**
 * nanochat's learning rates are for embeddings with a standard deviation of 0.8; these models have
 * 0.02.
 */
const EMBEDDING_SCALE = 0.02 / 0.8;

/** The width for which AdamW's learning rates were tuned. */
const TUNED_WIDTH = 768;

const LEARNING_RATES: Required<LearningRates> = {
  unembeddingLr: 0.004,
  embeddingLr: 0.2,
  matrixLr: 0.02,
  weightDecay: 0,
  scalarLr: 0.5,
};

/** A decoder-only transformer: a subclass has the layers, and names the parameters. */
export abstract class CausalLM<Config extends ModelConfig> extends Module
  implements TrainableModel {
  /** The name of the architecture in checkpoints. */
  abstract readonly architecture: string;
  /** The dtype of activations. */
  readonly computeDtype = "float32";
  /** The model's shape. */
  readonly config: Config;
  readonly #device: Device;
  readonly #sizes: ModelSizes;

  /**
   * Stores the sizes; the subclass creates the parameters.
   *
   * @throws {TypeError} If a dtype other than `float32` is requested, or an option is unknown.
   */
  constructor(
    device: Device,
    config: Config,
    sizes: ModelSizes,
    options: ModelOptions,
  ) {
    super();
    checkOptions("build the model", options, OPTIONS);
    const { computeDtype = "float32" } = options;
    if (computeDtype !== "float32") {
      throw new TypeError(
        `Cannot build the model: wanted float32 activations, got ${computeDtype}`,
      );
    }
    this.config = config;
    this.#device = device;
    this.#sizes = sizes;
  }

  /** The model's device. */
  get device(): Device {
    return this.#device;
  }

  /** Maximum sequence length in tokens. */
  get maximumLength(): number {
    return this.config.sequenceLen;
  }

  /** FLOPs per token of training, forward and backward, in a full sequence. */
  get flopsPerToken(): number {
    const { layers, heads, headSize } = this.#sizes;
    const attended = layers * this.config.sequenceLen;
    return 6 * this.#matmulParameters + 12 * heads * headSize * attended;
  }

  /** The cost of decoding the last of `contextLength` tokens. */
  decodingCosts(contextLength: number): DecodingCosts {
    const { layers, heads, keyHeads, headSize } = this.#sizes;
    return {
      flops: 2 * this.#matmulParameters + 4 * heads * headSize * layers * contextLength,
      cacheBytes: 4 * 2 * keyHeads * headSize * layers * contextLength,
    };
  }

  /** Creates an empty KV cache. @throws {RangeError} If the device is out of memory. */
  createCache(batchSize: number, capacity: number): KVCache {
    return new Cache(this.#device, this.#sizes, batchSize, capacity);
  }

  /**
   * Runs the model: see `TrainableModel`.
   *
   * @throws {RangeError} If an id is not in the vocabulary, or the sequence is too long.
   * @throws {TypeError} If there are targets, and `lastOnly`, or an option is unknown.
   */
  forward(ids: Tensor, targets?: Tensor, options: LossOptions = {}): Tensor {
    checkOptions("run the model", options, FORWARD_OPTIONS);
    const { cache, lastOnly = false, reduction = "mean" } = options;
    if (lastOnly && targets !== undefined) {
      throw new TypeError("Cannot run the model: wanted no targets with lastOnly, got some");
    }
    using scope = this.#device.scope();
    const hidden = this.#run(ids, SequenceRows.ofBatch(cache, ids.shape[1] ?? 0));
    if (targets === undefined) {
      return scope.keep(this.#logits(lastOnly ? hidden.slice(1, -1) : hidden));
    }
    const { vocabSize: classes } = this.config;
    const { softcap } = this;
    const loss = linearCrossEntropy(hidden, this.headWeight, targets, {
      classes,
      reduction,
      ...softcap !== undefined && { softcap },
    });
    return scope.keep(reduction === "none" ? loss.reshape([-1]) : loss);
  }

  /** Runs the next tokens of several sequences: see `LanguageModel`. */
  decode(ids: Tensor, caches: readonly KVCache[], counts?: readonly number[]): Tensor {
    using scope = this.#device.scope();
    const rows = SequenceRows.ofDecoding(caches, ids.shape[0]!, counts);
    return scope.keep(this.#logits(rows.last(this.#run(ids, rows))));
  }

  /**
   * The parameters in groups: Muon for the matrices of layers, one group for each shape, and AdamW for
   * everything else.
   *
   * @throws {TypeError} If a name is unknown.
   */
  optimizerGroups(learningRates: LearningRates = {}): MuonAdamWGroupOptions[] {
    for (const name of Object.keys(learningRates)) {
      if (name in LEARNING_RATES) continue;
      throw new TypeError(
        `Cannot make an optimizer: wanted ${Object.keys(LEARNING_RATES).join(", ")}, got ${name}`,
      );
    }
    const rates = { ...LEARNING_RATES, ...learningRates };
    const scale = (this.#sizes.width / TUNED_WIDTH) ** -0.5;
    const embeddingLr = rates.embeddingLr * EMBEDDING_SCALE * scale;
    const adamw = (parameters: Map<string, Tensor>, lr: number): MuonAdamWGroupOptions[] =>
      parameters.size === 0
        ? []
        : [{ kind: "adamw", parameters, lr, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0 }];
    const groups = Map.groupBy(this.parameters(), ([name, { shape }]) => {
      if (shape.length !== 2) return "scalars";
      if (name === "lm_head.weight") return "head";
      return this.isAdapted(name) ? shape.join("x") : "embeddings";
    });
    const take = (key: string) => {
      const group = new Map(groups.get(key));
      groups.delete(key);
      return group;
    };
    return [
      ...adamw(take("head"), rates.unembeddingLr * scale),
      ...adamw(take("embeddings"), embeddingLr),
      ...adamw(take("scalars"), rates.scalarLr * 0.01),
      ...[...groups.values()].map((group): MuonAdamWGroupOptions => ({
        kind: "muon",
        parameters: new Map(group),
        lr: rates.matrixLr,
        weightDecay: rates.weightDecay,
      })),
    ];
  }

  /** Whether LoRA adapts the linear layer of this path: those of all layers, but not the head. */
  isAdapted(path: string): boolean {
    return /(^|\.)(h|layers)\.\d+\./.test(path);
  }

  /**
   * The stream that the head reads, after the last norm, `[batch, tokens, width]`.
   *
   * @param ids `int32 [batch, tokens]`
   * @param rows The sequences that the tokens belong to.
   */
  protected abstract hidden(ids: Tensor, rows: SequenceRows): Tensor;

  /** The weight of the head, `[vocabSize or more, width]`. */
  protected abstract get headWeight(): Tensor;

  /** Logits are soft-capped to ± this; `undefined` for no cap. */
  protected get softcap(): number | undefined {
    return undefined;
  }

  get #matmulParameters(): number {
    const ofLayers = [...this.parameters()].filter(([name, { shape }]) =>
      shape.length === 2 && this.isAdapted(name)
    );
    return ofLayers.reduce((sum, [, { size }]) => sum + size, this.headWeight.size);
  }

  #run(ids: Tensor, rows: SequenceRows): Tensor {
    if (rows.longest > this.maximumLength) {
      throw new RangeError(
        `Cannot run the model: wanted at most ${this.maximumLength} tokens, got ${rows.longest}`,
      );
    }
    const hidden = this.hidden(ids, rows);
    rows.advance();
    return hidden;
  }

  #logits(hidden: Tensor): Tensor {
    const logits = linear(hidden, this.headWeight).slice(-1, 0, this.config.vocabSize);
    return this.softcap === undefined ? logits : logits.softcap(this.softcap);
  }
}
