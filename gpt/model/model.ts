/**
 * nanochat's GPT.
 *
 * Differences from GPT-2: rotary positions, parameter-free RMSNorm, QK norm, ReLU², an untied
 * lm_head with logit soft-capping, a gate that smears the previous token into the next, value
 * embeddings in every other layer, the first embedding added to every layer, the mid-depth residual
 * stream subtracted before the head ("backout"), and sliding attention windows.
 *
 * Source: nanochat, `nanochat/gpt.py`.
 *
 * @module
 */

import {
  Embedding,
  initializers,
  inType,
  type Linear,
  linearCrossEntropy,
  Module,
  namedSeed,
  parameter,
} from "../../nn/mod.ts";
import { MuonAdamW, type MuonAdamWGroupOptions } from "../../optim/mod.ts";
import { checkDevice, checkOptions, type OptionNames } from "../../tensor/checks.ts";
import { RangeError, TypeError } from "../../tensor/errors.ts";
import {
  concat,
  type Device,
  type FloatType,
  rmsNorm as norm,
  rotaryAngles,
  Tensor,
} from "../../tensor/mod.ts";
import { checkIds } from "../../tensor/ops/gather/gather.ts";
import { shapesEqual } from "../../tensor/layout.ts";
import { checkTensor } from "../../tensor/tensor.ts";
import { Block, linearsOf, uniformOf, type Watch } from "./block.ts";
import {
  checkConfig,
  type GPTConfig,
  hasValueEmbedding,
  headSize,
  LOGIT_CAP,
  paddedVocabSize,
  smearChannels,
  windowSizes,
} from "./config.ts";
import type { KVCache } from "./kv_cache.ts";
import { parameterCounts } from "./parameters.ts";
import { asSmearCache, SmearCache } from "./smear_cache.ts";
import { decodeFused } from "../generate/decode.ts";
import type { InspectableModel, WatchedNames } from "../generate/inspect.ts";
import type { DecodingCosts, LossOptions, TrainableModel } from "../generate/language_model.ts";
import { decodeFlops, flopsPerToken, kvReadBytes } from "./costs.ts";
import { type LearningRates, optimizerGroupOptions } from "./optimizer_groups.ts";

/** Length of the rotary tables, as a multiple of the training length. */
const ROTARY_LENGTHS = 10;

/** Options for {@linkcode GPT}. */
export interface GPTOptions {
  /** Seed of the initial values; `null` for zeros, if values are loaded next. @default {42} */
  readonly seed?: number | null;
  /**
   * The dtype of activations, and of weights in matmuls. Parameters and their gradients stay
   * `float32`, and so do the logits' softcap and the loss. In `bfloat16`, as nanochat trains, the head
   * and Muon's orthogonalization multiply in it as well, and tables of embeddings are kept in it. In
   * `float16` they are not, and training needs a `GradScaler`, or small gradients underflow.
   * @default {"float32"}
   */
  readonly computeDtype?: FloatType;
}

const OPTIONS: OptionNames<GPTOptions> = { seed: true, computeDtype: true };

/** Options for {@linkcode GPT.forward}. */
export interface ForwardOptions extends LossOptions {
  /**
   * Called with intermediate values, in order, under the names of their modules. `B` sequences of
   * `T` tokens attend to `Tk` tokens, including those in the cache:
   *
   * - `transformer.wte`: the residual stream that enters the first layer, `[B, T, nEmbd]`
   * - `transformer.h.N`: the residual stream after layer N, `[B, T, nEmbd]`
   * - `transformer.h.N.attn`, `transformer.h.N.mlp`: their additions to it, `[B, T, nEmbd]`
   * - `transformer.h.N.attn.queries`: after rotation and norm, `[B, T, nHead, head size]`
   * - `transformer.h.N.attn.keys`, `….values`: `[B, Tk, nKvHead, head size]`
   * - `transformer.h.N.attn.pattern`: attention weights, `[B, nHead, T, Tk]`; rows sum to 1
   * - `transformer.h.N.attn.output`: the weighted values, `[B, T, nHead, head size]`
   * - `transformer.h.N.attn.ve_gate`: weights of value embeddings, 0 to 3, `[B, T, nKvHead]`
   * - `smear_gate`: weights of the previous embeddings, `[B, T − 1, 1]`
   * - `backout`: the residual stream that the head reads, `[B, T, nEmbd]`
   *
   * The caller owns the tensors: they live as long as the logits, unless disposed of or kept. The
   * attention pattern is computed only for the callback.
   */
  readonly watch?: Watch;
}

const FORWARD_OPTIONS: OptionNames<ForwardOptions> = {
  reduction: true,
  cache: true,
  lastOnly: true,
  watch: true,
};

/** Fails before allocating what does not fit into memory. */
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

/** A parameter with a number per layer, linearly spaced from `first` to `last`. */
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
 * @example Logits for the next token at each of two tokens
 * ```ts
 * import { openDevice, Tensor } from "../../tensor/mod.ts";
 * import { GPT } from "./model.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const size = { sequenceLen: 16, vocabSize: 64, nLayer: 2, nHead: 2, nKvHead: 2, nEmbd: 32 };
 * const model = new GPT({ ...size, windowPattern: "L" }, device, { seed: 1 });
 * const logits = model.forward(Tensor.from(device, [[3, 5]], { dtype: "int32" }));
 * console.log(logits.shape); // [ 1, 2, 64 ]
 * await device.close();
 * ```
 */
export class GPT extends Module implements TrainableModel, InspectableModel {
  /** The model's shape. */
  readonly config: GPTConfig;
  /** The model's device. */
  readonly device: Device;
  /** The dtype of activations. */
  readonly computeDtype: FloatType;
  /** Scale of the residual stream at each layer, `[nLayer]`. */
  readonly resid_lambdas: Tensor;
  /** Scale of the first embedding, added at each layer, `[nLayer]`. */
  readonly x0_lambdas: Tensor;
  /** Scale of the previous token's embedding, added to the next, `[1]`. */
  readonly smear_lambda: Tensor;
  /** Scale of the mid-depth residual stream, subtracted before the head, `[1]`. */
  readonly backout_lambda: Tensor;
  /** Token embedding and layers. */
  readonly transformer: { readonly wte: Embedding; readonly h: readonly Block[] };
  /** The head, `[padded vocabulary, nEmbd]`. */
  readonly lm_head: Linear;
  /** Gate of the previous token's embedding. */
  readonly smear_gate: Linear;
  /** Value embeddings by layer. */
  readonly value_embeds: Readonly<Record<string, Embedding>>;
  /** Attention window of each layer. */
  readonly windows: readonly number[];
  /** Rotary cosines and sines, `[2, maximum length, 1, head size / 2]`: one buffer of a kernel. */
  readonly #angles: Tensor;
  /**
   * The dtype of tables of embeddings, of the head's matmul, and of Muon's orthogonalization, whose numbers
   * may leave the range of `float16`.
   */
  readonly #wideType: FloatType;

  /**
   * Creates a model with random initial values.
   *
   * @throws {RangeError} If no model of this shape can be built, or the device is out of memory.
   * @throws {TypeError} If the device is missing, a name is unknown, or `float16` is asked for and
   * the device does not support it.
   */
  constructor(config: GPTConfig, device: Device, options: GPTOptions = {}) {
    super();
    checkConfig(config);
    checkDevice("build a GPT", device, "after the config");
    checkOptions("build a GPT", options, OPTIONS);
    const { nLayer, nEmbd, nKvHead } = config;
    const { seed = 42, computeDtype = "float32" } = options;
    if (computeDtype === "float16" && !device.hasFloat16) {
      throw new TypeError(
        `Cannot build a model in float16: wanted a device with shader-f16, got ` +
          device.info.description,
      );
    }
    // Callers that load values have checked that there is room for them, packed or not.
    if (seed !== null) checkMemory(config, device);
    const vocabSize = paddedVocabSize(config);
    const layers = Array.from({ length: nLayer }, (_, layer) => layer);
    this.config = config;
    this.device = device;
    this.computeDtype = computeDtype;
    this.#wideType = computeDtype === "float16" ? "float32" : computeDtype;
    this.resid_lambdas = overLayers(device, nLayer, 1.15, 1.05);
    this.x0_lambdas = overLayers(device, nLayer, 0.2, 0.05);
    this.smear_lambda = parameter(device, [1], initializers.zeros, seed);
    this.backout_lambda = parameter(device, [1], initializers.constant(0.2), seed);
    const linear = linearsOf(device, seed);
    const embedding = (name: string, width: number, initialWeight: initializers.Initializer) => {
      const options = { seed: namedSeed(seed, name), initialWeight, dtype: this.#wideType };
      return new Embedding(device, vocabSize, width, options);
    };
    this.transformer = {
      wte: embedding("wte", nEmbd, initializers.normal({ standardDeviation: 0.8 })),
      h: layers.map((layer) => new Block(device, config, layer, namedSeed(seed, `h.${layer}`))),
    };
    const small = initializers.normal({ standardDeviation: 0.001 });
    this.lm_head = linear("lm_head", nEmbd, vocabSize, small);
    this.smear_gate = linear("smear_gate", smearChannels, 1, initializers.uniform(0, 0.02));
    const keyWidth = nKvHead * headSize(config);
    this.value_embeds = Object.fromEntries(
      layers.filter((layer) => hasValueEmbedding(layer, nLayer)).map((layer) =>
        [layer, embedding(`value_embeds.${layer}`, keyWidth, uniformOf(nEmbd))] as const
      ),
    );
    this.windows = windowSizes(config);
    const { cos, sin } = rotaryAngles(this.maximumLength, headSize(config));
    const both = new Float32Array(2 * cos.length);
    both.set(cos);
    both.set(sin, cos.length);
    const shape = [2, this.maximumLength, 1, headSize(config) / 2];
    this.#angles = Tensor.from(device, both, { shape }).keep();
  }

  /** The names that `watch` is called with, for `inspect`. */
  get watchedNames(): WatchedNames {
    const layers = this.transformer.h.map((_, layer) => `transformer.h.${layer}`);
    return {
      stages: ["transformer.wte", ...layers, "backout"],
      patterns: layers.map((layer) => `${layer}.attn.pattern`),
      gates: layers.map((layer) => `${layer}.attn.ve_gate`),
      smear: "smear_gate",
    };
  }

  /** Maximum sequence length: the length of the rotary tables. */
  get maximumLength(): number {
    return this.config.sequenceLen * ROTARY_LENGTHS;
  }

  /** nanochat's architecture needs no name in checkpoints. */
  get architecture(): undefined {
    return undefined;
  }

  /** FLOPs per token of training, forward and backward, in a sequence of `config.sequenceLen`. */
  get flopsPerToken(): number {
    return flopsPerToken(this.config);
  }

  /** Creates a KV cache for `batchSize` sequences of up to `capacity` tokens. */
  createCache(batchSize: number, capacity: number): KVCache {
    return new SmearCache(this.device, this.config, batchSize, capacity, this.computeDtype);
  }

  /** Rotary tables of `tokens` positions from `start`, `[tokens, 1, head size / 2]` each. */
  rotaryAngles(start: number, tokens: number): { readonly cos: Tensor; readonly sin: Tensor } {
    const both = this.#angles.slice(1, start, start + tokens);
    return { cos: both.slice(0, 0, 1).squeeze(0), sin: both.slice(0, 1).squeeze(0) };
  }

  /**
   * Replaces the values of all parameters.
   *
   * @param values All parameters by their names in nanochat's `state_dict`.
   * @throws {RangeError | TypeError} If a name is missing or unknown, or a shape or dtype differs;
   * then nothing has changed.
   */
  loadParameters(values: Parameters<Module["loadStateDict"]>[0]): void {
    this.loadStateDict(values);
  }

  /**
   * Creates nanochat's optimizer: Muon for matrices, AdamW for the rest.
   *
   * @throws {TypeError} If a name is unknown.
   */
  optimizer(learningRates: LearningRates = {}): MuonAdamW {
    return new MuonAdamW(this.optimizerGroups(learningRates));
  }

  /** The parameter groups of {@linkcode GPT.optimizer}. @throws {TypeError} If a name is unknown. */
  optimizerGroups(learningRates: LearningRates = {}): MuonAdamWGroupOptions[] {
    return optimizerGroupOptions(this.config, learningRates, this.parameters()).map((group) =>
      group.kind === "muon" ? { ...group, orthogonalizationDtype: this.#wideType } : group
    );
  }

  /** LoRA adapts the matrices of attention and of the MLPs. */
  isAdapted(path: string): boolean {
    return /^transformer\.h\.\d+\.(attn|mlp)\.c_/.test(path);
  }

  /** The cost of decoding the last of `contextLength` tokens. */
  decodingCosts(contextLength: number): DecodingCosts {
    return {
      flops: decodeFlops(this.config, contextLength),
      cacheBytes: kvReadBytes(this.config, contextLength, this.computeDtype),
    };
  }

  /**
   * Runs the model.
   *
   * @param ids `int32 [batch, tokens]`
   * @param targets `int32 [batch, tokens]`: the next token of each; −1 to ignore it.
   * @returns Without targets, logits of the next token, `[batch, tokens, vocabSize]`, or
   * `[batch, 1, vocabSize]` with `lastOnly`; with targets, the loss in nats: a scalar, or
   * `[batch · tokens]` with `reduction: "none"`.
   * @throws {RangeError} If an id is not in the vocabulary, the sequence is too long, or shapes
   * differ.
   * @throws {TypeError} If there are targets, and `lastOnly`; if ids or targets are no tensors, or
   * an option is unknown.
   */
  forward(ids: Tensor, targets?: Tensor, options: ForwardOptions = {}): Tensor {
    checkOptions("run the model", options, FORWARD_OPTIONS);
    this.checkTokens(ids, options.cache?.position);
    if (targets !== undefined) checkTensor("run the model", targets, "a tensor of targets");
    if (targets !== undefined && !shapesEqual(targets.shape, ids.shape)) {
      throw new RangeError(
        `Cannot run the model: wanted targets of shape [${ids.shape}], got [${targets.shape}]`,
      );
    }
    const { lastOnly = false, reduction = "mean" } = options;
    if (lastOnly && targets !== undefined) {
      throw new TypeError("Cannot run the model: wanted no targets with lastOnly, got some");
    }
    using scope = this.device.scope();
    // The watching caller gets aliases without history, which live as long as the result.
    const watch: Watch | undefined = options.watch &&
      ((name, tensor) => options.watch?.(name, scope.keep(tensor.alias())));
    const stream = this.#stream(ids, options.cache && asSmearCache(options.cache), watch);
    if (targets === undefined) {
      return scope.keep(this.logits(lastOnly ? stream.slice(1, -1) : stream));
    }
    const hidden = this.#headInput(stream);
    const weight = inType(this.lm_head.weight, hidden.dtype);
    const loss = linearCrossEntropy(hidden, weight, targets, {
      classes: this.config.vocabSize,
      softcap: LOGIT_CAP,
      reduction,
    });
    return scope.keep(reduction === "none" ? loss.reshape([-1]) : loss);
  }

  /**
   * Runs the next tokens of several sequences, with fused operations: see `generate/decode.ts`.
   *
   * @param ids `int32 [tokens, 1]`: those of the first sequence, then of the second, and so on.
   * @param caches The earlier tokens: one cache of all sequences, or one of one sequence for each.
   * @param counts The number of tokens of each sequence, by default one.
   * @returns The logits after the last token of each sequence, `[sequences, 1, vocabSize]`.
   * @throws {RangeError} If an id is not in the vocabulary, or a sequence is too long.
   */
  decode(ids: Tensor, caches: readonly KVCache[], counts?: readonly number[]): Tensor {
    return decodeFused(this, ids, caches.map(asSmearCache), counts);
  }

  /**
   * The head: logits from a residual stream, after the last layer or at any earlier place (the
   * logit lens).
   *
   * @param stream The residual stream, `[batch, tokens, nEmbd]`
   * @returns The logits of the next token, `[batch, tokens, vocabSize]`
   */
  logits(stream: Tensor): Tensor {
    const logits = this.lm_head.forward(this.#headInput(stream));
    return logits.slice(-1, 0, this.config.vocabSize).to("float32").softcap(LOGIT_CAP);
  }

  /** The normed stream, in the dtype of the head's matmul. */
  #headInput(stream: Tensor): Tensor {
    return norm(stream.to("float32")).to(this.#wideType);
  }

  /**
   * Validates token ids.
   *
   * @param ids `int32 [batch, tokens]`
   * @param position The number of earlier tokens.
   * @throws {RangeError} If an id is not in the vocabulary, or the sequence is too long.
   * @throws {TypeError} If they are not an `int32` tensor.
   */
  checkTokens(ids: Tensor, position = 0): void {
    checkTensor("run the model", ids, "a tensor of ids");
    if (ids.shape.length !== 2) {
      throw new RangeError(`Cannot run the model: wanted ids [batch, tokens], got [${ids.shape}]`);
    }
    const length = position + ids.shape[1]!;
    if (length > this.maximumLength) {
      throw new RangeError(
        `Cannot run the model: wanted at most ${this.maximumLength} tokens, got ${length}`,
      );
    }
    // The embedding has more rows than the vocabulary.
    checkIds("run the model", "id", ids, 0, this.config.vocabSize);
  }

  /** Everything before the head: the last residual stream, in `float32`. */
  #stream(ids: Tensor, cache: SmearCache | undefined, watch: Watch | undefined): Tensor {
    const { computeDtype } = this;
    const tokens = ids.shape[1]!;
    const angles = this.rotaryAngles(cache?.position ?? 0, tokens);
    const residLambdas = this.resid_lambdas.to(computeDtype);
    const x0Lambdas = this.x0_lambdas.to(computeDtype);

    const embeddings = norm(this.transformer.wte.forward(ids).to(computeDtype));
    const x0 = this.#smear(embeddings, cache?.previousEmbedding, watch);
    watch?.("transformer.wte", x0);
    let x = x0;
    let middle = x0;
    for (const [layer, block] of this.transformer.h.entries()) {
      using scope = this.device.scope();
      const ofLayer = (lambdas: Tensor) => lambdas.slice(0, layer, layer + 1);
      x = x.mul(ofLayer(residLambdas)).add(x0.mul(ofLayer(x0Lambdas)));
      const [window, valueEmbedding] = [this.windows[layer]!, this.value_embeds[layer]];
      x = block.forward(x, { ids, valueEmbedding, ...angles, window, cache, watch });
      scope.keep(x);
      watch?.(`transformer.h.${layer}`, x);
      if (layer === Math.floor(this.config.nLayer / 2)) middle = x;
    }
    cache?.advanceWith(embeddings);
    const stream = x.sub(this.backout_lambda.mul(middle));
    watch?.("backout", stream);
    return stream;
  }

  /** Adds a gated share of the previous token's embedding; `beforeFirst` precedes the first. */
  #smear(x: Tensor, beforeFirst: Tensor | undefined, watch: Watch | undefined): Tensor {
    const allButLast = x.slice(1, 0, x.shape[1]! - 1);
    if (beforeFirst !== undefined) return this.#mix(x, concat([beforeFirst, allButLast], 1), watch);
    return concat([x.slice(1, 0, 1), this.#mix(x.slice(1, 1), allButLast, watch)], 1);
  }

  #mix(x: Tensor, previous: Tensor, watch: Watch | undefined): Tensor {
    const gate = this.smear_gate.forward(x.slice(-1, 0, smearChannels)).sigmoid()
      .mul(this.smear_lambda.to(x.dtype));
    watch?.("smear_gate", gate);
    return x.add(gate.mul(previous));
  }
}
