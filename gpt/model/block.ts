/**
 * One layer of the transformer: attention, then a perceptron, each added to the residual stream.
 *
 * Source: nanochat, `nanochat/gpt.py`. The names of the parts are those of its `state_dict`.
 *
 * @module
 */

import { type Embedding, initializers, inType, Linear, Module, namedSeed } from "../../nn/mod.ts";
import {
  attention,
  type AttentionStep,
  attentionStep,
  defineProgram,
  type Device,
  embedding as lookUp,
  expression as ex,
  type FloatType,
  linears,
  rotaryNorm,
  runProgram,
  type Tensor,
} from "../../tensor/mod.ts";
import { type GPTConfig, hasValueEmbedding, headSize, valueGateChannels } from "./config.ts";
import type { KVCache } from "./kv_cache.ts";

/** Queries and keys are each scaled by this after their norm, which sharpens the attention. */
const QUERY_KEY_SCALE = 1.2;

/** How much of a value embedding is mixed in at most. */
const VALUE_GATE_SCALE = 3;

/** What attention makes of the residual stream before it looks around. */
type Projections = Pick<AttentionStep, "queries" | "keys" | "values" | "embedding">;

/** What a layer needs to know of the batch beside the residual stream. */
export interface BlockContext {
  /** Token ids, `int32 [batch, tokens]`, for the value embedding. */
  readonly ids: Tensor;
  /** Cosines of the rotary embedding at these positions, `[tokens, 1, head size / 2]`. */
  readonly cos: Tensor;
  /** Its sines, of the same shape. */
  readonly sin: Tensor;
  /** How far a token looks back. */
  readonly window: number;
  /** The type of activations. */
  readonly computeDtype: FloatType;
  /** The memory of earlier tokens when decoding. */
  readonly cache: KVCache | null;
}

const mixValueEmbedding = defineProgram(
  { name: "value residual", inputs: ["value", "embedding", "gate"] },
  ({ value, embedding, gate }) => [
    ex.add(value, ex.multiply(ex.multiply(VALUE_GATE_SCALE, ex.sigmoid(gate)), embedding)),
  ],
);

/** Between which numbers a uniform distribution has the standard deviation 1/√width. */
export function uniformBounds(width: number): [low: number, high: number] {
  const bound = Math.sqrt(3 / width);
  return [-bound, bound];
}

/** Causal self-attention with rotary positions, normalised queries and keys, and value embeddings. */
export class CausalSelfAttention extends Module {
  /** Makes the queries, `[nHead · head size, nEmbd]`. */
  readonly c_q: Linear;
  /** Makes the keys, `[nKvHead · head size, nEmbd]`. */
  readonly c_k: Linear;
  /** Makes the values, `[nKvHead · head size, nEmbd]`. */
  readonly c_v: Linear;
  /** Joins the heads, `[nEmbd, nEmbd]`. */
  readonly c_proj: Linear;
  /** Decides how much of the value embedding is mixed in, in layers that have one. */
  readonly ve_gate?: Linear;
  readonly #layer: number;
  readonly #config: GPTConfig;

  /** Makes the attention of one layer. */
  constructor(device: Device, config: GPTConfig, layer: number, seed: number | null) {
    super();
    const { nEmbd, nHead, nKvHead, nLayer } = config;
    const size = headSize(config);
    const spread = initializers.uniform(...uniformBounds(nEmbd));
    const make = (name: string, inputs: number, outputs: number, initialWeight = spread) =>
      new Linear(device, inputs, outputs, {
        bias: false,
        seed: namedSeed(seed, name),
        initialWeight,
      });
    this.c_q = make("c_q", nEmbd, nHead * size);
    this.c_k = make("c_k", nEmbd, nKvHead * size);
    this.c_v = make("c_v", nEmbd, nKvHead * size);
    this.c_proj = make("c_proj", nEmbd, nEmbd, initializers.zeros);
    if (hasValueEmbedding(layer, nLayer)) {
      this.ve_gate = make("ve_gate", valueGateChannels, nKvHead, initializers.uniform(0, 0.02));
    }
    this.#layer = layer;
    this.#config = config;
  }

  /**
   * Lets every token look at those before it.
   *
   * @param x The residual stream, `[batch, tokens, nEmbd]`; what looks at it sees it normalised.
   * @param valueEmbedding The layer's table of value embeddings, if it has one.
   * @returns The residual stream after that.
   */
  forward(x: Tensor, valueEmbedding: Embedding | undefined, context: BlockContext): Tensor {
    const { nHead, nKvHead, nEmbd } = this.#config;
    const size = headSize(this.#config);
    const [batch, tokens] = x.shape as [number, number];
    const heads = (y: Tensor, count: number) => y.reshape([batch, tokens, count, size]);

    const layers = [this.c_q, this.c_k, this.c_v, ...(this.ve_gate ? [this.ve_gate] : [])];
    const weights = layers.map(({ weight }) => inType(weight, x.dtype));
    const [q, k, v, gate] = linears(x, weights, { normalize: true });
    const projections: Projections = {
      queries: heads(q!, nHead),
      keys: heads(k!, nKvHead),
      values: heads(v!, nKvHead),
      embedding: valueEmbedding === undefined || gate === undefined
        ? null
        : { table: valueEmbedding.weight, ids: context.ids, gate, scale: VALUE_GATE_SCALE },
    };
    const attended = this.#step(projections, context) ?? this.#attend(projections, context);
    const joined = attended.reshape([batch, tokens, nEmbd]);
    return linears(joined, [inType(this.c_proj.weight, x.dtype)], { residual: x })[0]!;
  }

  /** What the heads find, in one kernel where there is one: a token after those in the cache. */
  #step(projections: Projections, { cos, sin, window, cache }: BlockContext): Tensor | null {
    if (cache === null) return null;
    const { keys: cachedKeys, values: cachedValues } = cache.room(this.#layer);
    const { position } = cache;
    const normScale = QUERY_KEY_SCALE;
    return attentionStep({
      ...projections,
      ...{ cos, sin, window, cachedKeys, cachedValues, position, normScale },
    });
  }

  /** What the heads find, one operation after the other. */
  #attend(projections: Projections, context: BlockContext): Tensor {
    const { cos, sin, window, cache, computeDtype } = context;
    const { embedding } = projections;
    let { queries, keys, values } = projections;
    if (embedding !== null) {
      const { table, ids, gate } = embedding;
      const embedded = lookUp(table, ids).reshape(values.shape);
      const operands = [values, embedded, gate.unsqueeze(-1)];
      [values] = runProgram(mixValueEmbedding, operands, [], computeDtype) as [Tensor];
    }
    const place = (y: Tensor) => rotaryNorm(y, cos, sin, { scale: QUERY_KEY_SCALE });
    queries = place(queries);
    keys = place(keys);
    if (cache !== null) ({ keys, values } = cache.extend(this.#layer, keys, values));
    return attention(queries, keys, values, { window });
  }
}

/** The perceptron: four times as wide inside, with squared relu. */
export class MLP extends Module {
  /** Widens, `[4 · nEmbd, nEmbd]`. */
  readonly c_fc: Linear;
  /** Narrows, `[nEmbd, 4 · nEmbd]`. */
  readonly c_proj: Linear;

  /** Makes the perceptron of one layer. */
  constructor(device: Device, { nEmbd }: GPTConfig, seed: number | null) {
    super();
    const [low, high] = uniformBounds(nEmbd);
    this.c_fc = new Linear(device, nEmbd, 4 * nEmbd, {
      bias: false,
      seed: namedSeed(seed, "c_fc"),
      initialWeight: initializers.uniform(0.4 * low, 0.4 * high),
    });
    this.c_proj = new Linear(device, 4 * nEmbd, nEmbd, {
      bias: false,
      seed: namedSeed(seed, "c_proj"),
      initialWeight: initializers.zeros,
    });
  }

  /**
   * Applies the two matrices, and the squared relu between them.
   *
   * @param x The residual stream, `[batch, tokens, nEmbd]`; what looks at it sees it normalised.
   * @returns The residual stream after that.
   */
  forward(x: Tensor): Tensor {
    const [widen, narrow] = [this.c_fc, this.c_proj].map(({ weight }) => inType(weight, x.dtype));
    const [inner] = linears(x, [widen!], { normalize: true, activation: "reluSquared" });
    return linears(inner!, [narrow!], { residual: x })[0]!;
  }
}

/** A layer. */
export class Block extends Module {
  /** Looks at the tokens before. */
  readonly attn: CausalSelfAttention;
  /** Thinks about each token by itself. */
  readonly mlp: MLP;

  /** Makes layer number `layer`, counted from 0. */
  constructor(device: Device, config: GPTConfig, layer: number, seed: number | null) {
    super();
    this.attn = new CausalSelfAttention(device, config, layer, namedSeed(seed, "attn"));
    this.mlp = new MLP(device, config, namedSeed(seed, "mlp"));
  }

  /**
   * Adds what the attention and then what the perceptron has to say.
   *
   * @param x The residual stream, `[batch, tokens, nEmbd]`
   * @param valueEmbedding The layer's table of value embeddings, if it has one.
   * @returns The residual stream after this layer, of the same shape.
   */
  forward(x: Tensor, valueEmbedding: Embedding | undefined, context: BlockContext): Tensor {
    using scope = x.device.scope();
    return scope.keep(this.mlp.forward(this.attn.forward(x, valueEmbedding, context)));
  }
}
