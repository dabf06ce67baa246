/**
 * nanochat's GPT.
 *
 * What is different from GPT-2: rotary positions, norms without parameters, normalised queries and
 * keys, squared relu, an untied head with capped logits, a gate that smears the previous token into
 * the next, value embeddings in every other layer, the first embedding mixed back in at every layer,
 * half of the depth backed out again before the head, and windows that limit how far layers look back.
 *
 * Source: nanochat, `nanochat/gpt.py`.
 *
 * @module
 */

import {
  crossEntropy,
  Embedding,
  initializers,
  Linear,
  namedSeed,
  parameter,
  PureModule,
  type Watch,
  watchForCaller,
} from "../../nn/mod.ts";
import { MuonAdamW } from "../../optim/mod.ts";
import { RangeError, TypeError } from "../../tensor/errors.ts";
import {
  concat,
  type Device,
  type FloatType,
  type Reduction,
  rmsNorm as norm,
  rotaryAngles,
  Tensor,
} from "../../tensor/mod.ts";
import { checkIds } from "../../tensor/ops/gather/ids.ts";
import { Block, uniformBounds } from "./block.ts";
import {
  checkConfig,
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  paddedVocabSize,
  smearChannels,
  windowSizes,
} from "./config.ts";
import { KVCache } from "./kv_cache.ts";
import { parameterCounts } from "./parameters.ts";
import { type LearningRates, optimizerGroupOptions } from "../train/optimizer_groups.ts";

/** Logits are smoothly kept between minus this and this. */
export const LOGIT_CAP = 15;

/** Positions for which rotary angles are made, as a multiple of the training length. */
const ROTARY_LENGTHS = 10;

/** What {@linkcode GPT} can be told beside its shape. */
export interface GPTOptions {
  /** The seed of the starting values (default 42); `null` for zeros, where values are loaded next. */
  readonly seed?: number | null;
  /**
   * The type of activations, and of the layers' weights as they are computed with (default `float32`).
   * Parameters and their gradients are `float32` in any case, and so is the head, from the residual
   * stream on. Training in `float16` wants a `GradScaler`: without one small gradients vanish.
   */
  readonly computeDtype?: FloatType;
}

/** What {@linkcode GPT.forward} can be told. */
export interface ForwardOptions {
  /** How the losses of the tokens become one: `mean` by default. */
  readonly reduction?: Reduction;
  /** The memory of earlier tokens when decoding: these ones follow them, and are added to it. */
  readonly cache?: KVCache;
  /**
   * Is called with what the model computes, in order, under the names of its parts. `B` sequences of
   * `T` tokens attend to `Tk` of them, those in the cache included:
   *
   * - `transformer.wte`: the residual stream that enters the first layer, `[B, T, nEmbd]`
   * - `transformer.h.N`: the residual stream after layer N, `[B, T, nEmbd]`
   * - `transformer.h.N.attn`, `transformer.h.N.mlp`: what each adds to the stream, `[B, T, nEmbd]`
   * - `transformer.h.N.attn.queries`: with positions and norm, `[B, T, nHead, head size]`
   * - `transformer.h.N.attn.keys`, `….values`: `[B, Tk, nKvHead, head size]`
   * - `transformer.h.N.attn.pattern`: the weight of each value, `[B, nHead, T, Tk]`; rows sum to 1
   * - `transformer.h.N.attn.output`: values by pattern, `[B, T, nHead, head size]`
   * - `transformer.h.N.attn.ve_gate`: the share of value embeddings, 0 to 3, `[B, T, nKvHead]`
   * - `smear_gate`: the share of the embedding before each token but the first, `[B, T − 1, 1]`
   * - `backout`: the residual stream that the head reads, `[B, T, nEmbd]`
   *
   * The tensors belong to the code that calls `forward`: they live as long as the logits, unless they
   * are disposed of or kept. The pattern is computed only for the callback.
   */
  readonly watch?: Watch;
}

/** Refuses what the device has no memory for, before it is computed. */
function checkMemory(config: GPTConfig, device: Device): void {
  const { total } = parameterCounts(config);
  const angles = config.sequenceLen * ROTARY_LENGTHS * headSize(config);
  const bytes = Float32Array.BYTES_PER_ELEMENT * (total + angles);
  const { limitBytes } = device.memory;
  if (bytes <= limitBytes) return;
  throw new RangeError(
    `Cannot build a GPT of ${total} parameters: wanted at most ${limitBytes} bytes of memory on the ` +
      `${device.kind} device, got ${bytes}`,
  );
}

/** A parameter with a number for each layer, evenly spaced from the first to the last. */
function overLayers(device: Device, nLayer: number, first: number, last: number): Tensor {
  const values = Array.from(
    { length: nLayer },
    (_, layer) => first + (last - first) * layer / Math.max(nLayer - 1, 1),
  );
  return Tensor.from(device, values, { requiresGrad: true });
}

/**
 * A GPT.
 *
 * @example Two tokens in, logits for the next one out at each of them
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { GPT } from "./model.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const config = {
 *   sequenceLen: 16,
 *   vocabSize: 64,
 *   nLayer: 2,
 *   nHead: 2,
 *   nKvHead: 2,
 *   nEmbd: 32,
 *   windowPattern: "L",
 * };
 * const model = new GPT(config, device, { seed: 1 });
 * const logits = model.forward(Tensor.from(device, [[3, 5]], { dtype: "int32" }));
 * if (logits.shape.join() !== "1,2,64") throw new Error(`got ${logits.shape}`);
 * await device.close();
 * ```
 */
export class GPT extends PureModule {
  /** The shape of the model. */
  readonly config: GPTConfig;
  /** Where the model lives. */
  readonly device: Device;
  /** The type of activations. */
  readonly computeDtype: FloatType;
  /** How much of the residual stream each layer takes over, `[nLayer]`. */
  readonly resid_lambdas: Tensor;
  /** How much of the first embedding each layer mixes in, `[nLayer]`. */
  readonly x0_lambdas: Tensor;
  /** How much of the previous token is smeared into the next, `[1]`. */
  readonly smear_lambda: Tensor;
  /** How much of the middle of the network is taken out before the head, `[1]`. */
  readonly backout_lambda: Tensor;
  /** The embedding of tokens, and the layers. */
  readonly transformer: { readonly wte: Embedding; readonly h: readonly Block[] };
  /** Makes logits, `[padded vocabulary, nEmbd]`. */
  readonly lm_head: Linear;
  /** Decides for each token how much of the previous one is smeared in. */
  readonly smear_gate: Linear;
  /** The value embeddings, by layer. */
  readonly value_embeds: Readonly<Record<string, Embedding>>;
  /** How many earlier tokens a token attends to, in each layer. */
  readonly windows: readonly number[];
  readonly #cos: Tensor;
  readonly #sin: Tensor;

  /**
   * Builds a model with random starting values.
   *
   * @throws {RangeError} If a model of this shape cannot be built, or the device has no room for it.
   * @throws {TypeError} If it is to compute in `float16`, and the device cannot.
   */
  constructor(config: GPTConfig, device: Device, options: GPTOptions = {}) {
    super();
    checkConfig(config);
    const { nLayer, nEmbd, nKvHead, sequenceLen } = config;
    const { seed = 42, computeDtype = "float32" } = options;
    if (computeDtype === "float16" && !device.hasFloat16) {
      throw new TypeError(
        `Cannot build a model in float16: wanted a device with shader-f16, got ` +
          device.info.description,
      );
    }
    checkMemory(config, device);
    const vocabSize = paddedVocabSize(config);
    const layers = Array.from({ length: nLayer }, (_, layer) => layer);
    this.config = config;
    this.device = device;
    this.computeDtype = computeDtype;
    this.resid_lambdas = overLayers(device, nLayer, 1.15, 1.05);
    this.x0_lambdas = overLayers(device, nLayer, 0.2, 0.05);
    this.smear_lambda = parameter(device, [1], initializers.zeros, seed);
    this.backout_lambda = parameter(device, [1], initializers.constant(0.2), seed);
    this.transformer = {
      wte: new Embedding(device, vocabSize, nEmbd, {
        seed: namedSeed(seed, "wte"),
        initialWeight: initializers.normal({ standardDeviation: 0.8 }),
      }),
      h: layers.map((layer) => new Block(device, config, layer, namedSeed(seed, `h.${layer}`))),
    };
    this.lm_head = new Linear(device, nEmbd, vocabSize, {
      bias: false,
      seed: namedSeed(seed, "lm_head"),
      initialWeight: initializers.normal({ standardDeviation: 0.001 }),
    });
    this.smear_gate = new Linear(device, smearChannels, 1, {
      bias: false,
      seed: namedSeed(seed, "smear_gate"),
      initialWeight: initializers.uniform(0, 0.02),
    });
    const makeValueEmbedding = (layer: number) =>
      new Embedding(device, vocabSize, nKvHead * headSize(config), {
        seed: namedSeed(seed, `value_embeds.${layer}`),
        initialWeight: initializers.uniform(...uniformBounds(nEmbd)),
      });
    this.value_embeds = Object.fromEntries(
      layers.filter((layer) => hasValueEmbedding(layer, nLayer))
        .map((layer) => [layer, makeValueEmbedding(layer)]),
    );
    this.windows = windowSizes(config);
    const { cos, sin } = rotaryAngles(sequenceLen * ROTARY_LENGTHS, headSize(config));
    const shape = [2, sequenceLen * ROTARY_LENGTHS, 1, headSize(config) / 2];
    const both = new Float32Array(2 * cos.length);
    both.set(cos);
    both.set(sin, cos.length);
    const angles = Tensor.from(device, both, { shape });
    [this.#cos, this.#sin] = [0, 1].map((i) => angles.slice(0, i, i + 1).squeeze(0).keep()) as [
      Tensor,
      Tensor,
    ];
  }

  /** The longest text, in tokens, for which there are rotary angles. */
  get maximumLength(): number {
    return this.config.sequenceLen * ROTARY_LENGTHS;
  }

  /** Creates a KV cache for `batchSize` sequences of up to `capacity` tokens. */
  createCache(batchSize: number, capacity: number): KVCache {
    return new KVCache(this.device, this.config, batchSize, capacity, this.computeDtype);
  }

  /** The rotary angles of `tokens` positions from `start`, `[tokens, 1, head size / 2]` each. */
  rotaryAngles(start: number, tokens: number): { readonly cos: Tensor; readonly sin: Tensor } {
    const at = (angles: Tensor) => angles.slice(0, start, start + tokens);
    return { cos: at(this.#cos), sin: at(this.#sin) };
  }

  /**
   * Replaces the values of all parameters.
   *
   * @param values By the names of nanochat's `state_dict`: every one of them, and no other.
   * @throws {RangeError | TypeError} If a name is missing or unknown, or a shape or dtype differs;
   * then nothing has changed.
   */
  loadParameters(values: Parameters<PureModule["loadStateDict"]>[0]): void {
    this.loadStateDict(values);
  }

  /** Makes the optimiser that nanochat trains with: Muon for matrices, AdamW for the rest. */
  optimizer(learningRates: LearningRates = {}): MuonAdamW {
    return new MuonAdamW(optimizerGroupOptions(this.config, learningRates, this.parameters()));
  }

  /**
   * Runs the model.
   *
   * @param ids `int32 [batch, tokens]`
   * @param targets `int32 [batch, tokens]`: the token that follows each; −1 where it does not count.
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`; or with targets the loss in
   * nats: a scalar, or `[batch · tokens]` with `reduction: "none"`.
   * @throws {RangeError} If an id is not in the vocabulary, the text is too long, or shapes differ.
   */
  forward(ids: Tensor, targets?: Tensor, options: ForwardOptions = {}): Tensor {
    this.checkTokens(ids, options.cache?.position);
    this.#checkTargets(ids, targets);
    const watch = watchForCaller(options.watch);
    const logits = this.logits(this.#stream(ids, options.cache, watch));
    if (targets === undefined) return logits;
    const { reduction = "mean" } = options;
    const loss = crossEntropy(logits, targets, { reduction });
    return reduction === "none" ? loss.reshape([-1]) : loss;
  }

  /**
   * The head: what a residual stream predicts, after the last layer or at any place before (the logit
   * lens).
   *
   * @param stream The residual stream, `[batch, tokens, nEmbd]`
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`
   */
  logits(stream: Tensor): Tensor {
    const logits = this.lm_head.forward(norm(stream.to("float32")));
    return logits.slice(-1, 0, this.config.vocabSize).softcap(LOGIT_CAP);
  }

  /**
   * Checks the tokens that the model is to run on.
   *
   * @param ids `int32 [batch, tokens]`
   * @param position The number of tokens before them.
   * @throws {RangeError} If an id is not in the vocabulary, or the sequence is too long.
   */
  checkTokens(ids: Tensor, position = 0): void {
    if (ids.shape.length !== 2) {
      throw new RangeError(`Cannot run the model: wanted ids [batch, tokens], got [${ids.shape}]`);
    }
    const length = position + ids.shape[1]!;
    if (length > this.maximumLength) {
      throw new RangeError(
        `Cannot run the model: wanted at most ${this.maximumLength} tokens, got ${length}`,
      );
    }
    // The embedding has rows for the padding of the vocabulary, too.
    checkIds("run the model", "id", ids, 0, this.config.vocabSize);
  }

  #checkTargets(ids: Tensor, targets: Tensor | undefined): void {
    if (targets === undefined || targets.shape.join() === ids.shape.join()) return;
    throw new RangeError(
      `Cannot run the model: wanted targets of shape [${ids.shape}], got [${targets.shape}]`,
    );
  }

  /** Everything before the head: the residual stream after the last layer, in `float32`. */
  #stream(ids: Tensor, cache: KVCache | undefined, watch: Watch | undefined): Tensor {
    const { computeDtype } = this;
    const tokens = ids.shape[1]!;
    const angles = this.rotaryAngles(cache?.position ?? 0, tokens);
    const residLambdas = this.resid_lambdas.to(computeDtype);
    const x0Lambdas = this.x0_lambdas.to(computeDtype);

    const embeddings = norm(this.transformer.wte.forward(ids).to(computeDtype));
    const x0 = this.#smear(embeddings, cache?.previousEmbedding ?? null, watch);
    watch?.("transformer.wte", x0);
    let x = x0;
    let middle = x0;
    for (const [layer, block] of this.transformer.h.entries()) {
      const ofLayer = (lambdas: Tensor) => lambdas.slice(0, layer, layer + 1);
      x = x.mul(ofLayer(residLambdas)).add(x0.mul(ofLayer(x0Lambdas)));
      const [window, valueEmbedding] = [this.windows[layer]!, this.value_embeds[layer]];
      x = block.forward(x, { ids, valueEmbedding, ...angles, window, cache, watch });
      watch?.(`transformer.h.${layer}`, x);
      if (layer === Math.floor(this.config.nLayer / 2)) middle = x;
    }
    cache?.advance(tokens, embeddings.slice(1, tokens - 1));
    const stream = x.sub(this.backout_lambda.mul(middle));
    watch?.("backout", stream);
    return stream;
  }

  /**
   * Adds to the embedding of each token a share of the embedding before it, as a gate decides. The first
   * token has none before it, unless that is given.
   */
  #smear(x: Tensor, beforeFirst: Tensor | null, watch: Watch | undefined): Tensor {
    const allButLast = x.slice(1, 0, x.shape[1]! - 1);
    if (beforeFirst !== null) return this.#mix(x, concat([beforeFirst, allButLast], 1), watch);
    return concat([x.slice(1, 0, 1), this.#mix(x.slice(1, 1), allButLast, watch)], 1);
  }

  #mix(x: Tensor, previous: Tensor, watch: Watch | undefined): Tensor {
    const gate = this.smear_gate.forward(x.slice(-1, 0, smearChannels)).sigmoid()
      .mul(this.smear_lambda.to(x.dtype));
    watch?.("smear_gate", gate);
    return x.add(gate.mul(previous));
  }
}
