/** A second model, as different from nanochat's as one can be: the next token depends on the last. */

import { crossEntropy, Embedding, Linear, Module } from "../../nn/mod.ts";
import type { MuonAdamWGroupOptions } from "../../optim/mod.ts";
import type { Device, Tensor } from "../../tensor/mod.ts";
import type { Architecture } from "../files/architecture.ts";
import type { InspectableModel, WatchedNames } from "../generate/inspect.ts";
import type {
  DecodingCosts,
  LossOptions,
  ModelConfig,
  TrainableModel,
} from "../generate/language_model.ts";
import { SequenceRows } from "../generate/sequence_rows.ts";
import type { Watch } from "../model/block.ts";
import { KVCache } from "../model/kv_cache.ts";
import type { LearningRates } from "../model/optimizer_groups.ts";

/** The shape of a {@linkcode Bigram}. */
export interface BigramConfig extends ModelConfig {
  readonly width: number;
}

/** Logits of the next token from the embedding of the last one. It has no layer with attention. */
export class Bigram extends Module implements TrainableModel, InspectableModel {
  readonly architecture = "bigram";
  readonly computeDtype = "float32";
  readonly embed: Embedding;
  readonly head: Linear;
  readonly config: BigramConfig;
  readonly #device: Device;

  constructor(config: BigramConfig, device: Device, seed: number | null) {
    super();
    const { vocabSize, width } = config;
    this.config = config;
    this.#device = device;
    this.embed = new Embedding(device, vocabSize, width, { seed });
    this.head = new Linear(device, width, vocabSize, { seed, bias: false });
  }

  get device(): Device {
    return this.#device;
  }

  get maximumLength(): number {
    return 4 * this.config.sequenceLen;
  }

  get flopsPerToken(): number {
    return 3 * this.decodingCosts().flops;
  }

  createCache(batchSize: number, capacity: number): KVCache {
    const shape = { layers: 0, keyHeads: 1, headSize: 1 };
    return new KVCache(this.#device, shape, batchSize, capacity);
  }

  get watchedNames(): WatchedNames {
    return { stages: ["embed"], patterns: [], gates: [], smear: "" };
  }

  logits(stream: Tensor): Tensor {
    return this.head.forward(stream);
  }

  forward(
    ids: Tensor,
    targets?: Tensor,
    options: LossOptions & { readonly watch?: Watch } = {},
  ): Tensor {
    const { cache, lastOnly = false, reduction = "mean", watch } = options;
    cache?.advance(ids.shape[1]!);
    const stream = this.embed.forward(lastOnly ? ids.slice(1, -1) : ids);
    watch?.("embed", stream);
    const logits = this.logits(stream);
    if (targets === undefined) return logits;
    const loss = crossEntropy(logits, targets, { reduction });
    return reduction === "none" ? loss.reshape([-1]) : loss;
  }

  decode(ids: Tensor, caches: readonly KVCache[], counts?: readonly number[]): Tensor {
    const rows = SequenceRows.ofDecoding(caches, ids.shape[0]!, counts);
    rows.advance();
    return this.forward(rows.last(ids));
  }

  optimizerGroups({ matrixLr = 0.02 }: LearningRates = {}): MuonAdamWGroupOptions[] {
    const shared = { betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0 } as const;
    return [{ kind: "adamw", lr: matrixLr, parameters: this.parameters(), ...shared }];
  }

  isAdapted(path: string): boolean {
    return path === "head";
  }

  decodingCosts(): DecodingCosts {
    const { width, vocabSize } = this.config;
    return { flops: 2 * width * vocabSize, cacheBytes: 0 };
  }
}

export const bigram: Architecture<BigramConfig, Bigram> = {
  name: "bigram",
  checkConfig(config) {
    const { vocabSize, sequenceLen, ...rest } = config;
    const [width] = Object.values(rest);
    if (Object.keys(rest).join() === "width" && typeof width === "number") {
      return { vocabSize, sequenceLen, width };
    }
    throw new RangeError(`Cannot build a bigram: wanted a width, got ${JSON.stringify(rest)}`);
  },
  parameterShapes: ({ vocabSize, width }) =>
    new Map(["embed.weight", "head.weight"].map((name) => [name, [vocabSize, width]])),
  build: (config, device, { seed }) => new Bigram(config, device, seed),
};
