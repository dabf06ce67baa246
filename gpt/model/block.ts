/**
 * One layer of the transformer: causal self-attention, then an MLP, each added to the residual
 * stream. Source: nanochat, `nanochat/gpt.py`; modules and parameters have the names of its
 * `state_dict`.
 *
 * @module
 */

import { type Embedding, initializers, Linear, Module, namedSeed } from "../../nn/mod.ts";
import {
  attention,
  attentionPattern,
  type Device,
  rmsNorm as norm,
  rotary,
  type Tensor,
} from "../../tensor/mod.ts";
import { type GPTConfig, hasValueEmbedding, headSize, valueGateChannels } from "./config.ts";
import type { KVCache } from "./kv_cache.ts";

/** Scale of attention scores besides 1/√D: nanochat's 1.2 on queries and on keys. */
export const ATTENTION_SHARPNESS = 1.2 * 1.2;

/** Maximum weight of a value embedding. */
export const VALUE_GATE_SCALE = 3;

/** Receives an intermediate tensor of the model, and its name. */
export type Watch = (name: string, tensor: Tensor) => void;

/** Inputs of a layer besides the residual stream. */
export interface BlockContext {
  /** The tokens, `int32 [batch, tokens]`. */
  readonly ids: Tensor;
  /** The table of value embeddings, of width nKvHead · head size, in layers that have one. */
  readonly valueEmbedding: Embedding | undefined;
  /** Rotary cosines at these positions, `[tokens, 1, head size / 2]`. */
  readonly cos: Tensor;
  /** Rotary sines, of the same shape. */
  readonly sin: Tensor;
  /** Attention window: how many earlier tokens a token attends to. */
  readonly window: number;
  /** KV cache, when generating. */
  readonly cache: KVCache | undefined;
  /** Receives intermediate values: see `ForwardOptions`. */
  readonly watch: Watch | undefined;
}

/** A uniform distribution with standard deviation `scale` / √width. */
export function uniformOf(width: number, scale = 1): initializers.Initializer {
  const bound = scale * Math.sqrt(3 / width);
  return initializers.uniform(-bound, bound);
}

type MakeLinear = (
  name: string,
  inputs: number,
  outputs: number,
  initialWeight: initializers.Initializer,
) => Linear;

/** Makes linear layers without biases; the seed of each depends on its name. */
export function linearsOf(device: Device, seed: number | null): MakeLinear {
  return (name, inputs, outputs, initialWeight) => {
    const options = { bias: false, seed: namedSeed(seed, name), initialWeight };
    return new Linear(device, inputs, outputs, options);
  };
}

/** Causal self-attention: rotary positions, QK norm, grouped-query attention, value embeddings. */
export class CausalSelfAttention extends Module {
  /** Query projection, `[nHead · head size, nEmbd]`. */
  readonly c_q: Linear;
  /** Key projection, `[nKvHead · head size, nEmbd]`. */
  readonly c_k: Linear;
  /** Value projection, `[nKvHead · head size, nEmbd]`. */
  readonly c_v: Linear;
  /** Output projection, `[nEmbd, nEmbd]`. */
  readonly c_proj: Linear;
  /** Gate of the value embedding, in layers that have one, `[nKvHead, valueGateChannels]`. */
  readonly ve_gate?: Linear;
  readonly #layer: number;
  readonly #name: string;
  readonly #headSize: number;

  /** Creates the attention of a layer. */
  constructor(device: Device, config: GPTConfig, layer: number, seed: number | null) {
    super();
    const { nEmbd, nHead, nKvHead, nLayer } = config;
    const size = headSize(config);
    const linear = linearsOf(device, seed);
    this.c_q = linear("c_q", nEmbd, nHead * size, uniformOf(nEmbd));
    this.c_k = linear("c_k", nEmbd, nKvHead * size, uniformOf(nEmbd));
    this.c_v = linear("c_v", nEmbd, nKvHead * size, uniformOf(nEmbd));
    this.c_proj = linear("c_proj", nEmbd, nEmbd, initializers.zeros);
    if (hasValueEmbedding(layer, nLayer)) {
      this.ve_gate = linear("ve_gate", valueGateChannels, nKvHead, initializers.uniform(0, 0.02));
    }
    this.#layer = layer;
    this.#name = `transformer.h.${layer}.attn`;
    this.#headSize = size;
  }

  /**
   * Attends from each token to itself and the tokens before it.
   *
   * @param x The normed residual stream, `[batch, tokens, nEmbd]`
   * @returns The addition to the residual stream, of the same shape.
   */
  forward(x: Tensor, context: BlockContext): Tensor {
    const { ids, valueEmbedding, cos, sin, window, cache, watch } = context;
    const heads = (y: Tensor) => y.reshape([x.shape[0]!, x.shape[1]!, -1, this.#headSize]);

    let queries = heads(this.c_q.forward(x));
    let keys = heads(this.c_k.forward(x));
    let values = heads(this.c_v.forward(x));
    if (this.ve_gate !== undefined && valueEmbedding !== undefined) {
      const embeddings = heads(valueEmbedding.forward(ids).to(x.dtype));
      const gate = this.ve_gate.forward(x.slice(-1, 0, valueGateChannels)).sigmoid()
        .mul(VALUE_GATE_SCALE);
      watch?.(`${this.#name}.ve_gate`, gate);
      values = values.add(gate.unsqueeze(-1).mul(embeddings));
    }
    queries = norm(rotary(queries, cos, sin));
    keys = norm(rotary(keys, cos, sin));
    if (cache !== undefined) ({ keys, values } = cache.extend(this.#layer, keys, values));

    const scale = ATTENTION_SHARPNESS / Math.sqrt(this.#headSize);
    const gathered = attention(queries, keys, values, { window, scale });
    if (watch !== undefined) {
      const pattern = attentionPattern(queries.detach(), keys.detach(), { window, scale });
      const parts = { queries, keys, values, pattern, output: gathered };
      for (const [part, tensor] of Object.entries(parts)) watch(`${this.#name}.${part}`, tensor);
    }
    const y = this.c_proj.forward(gathered.reshape(x.shape));
    watch?.(this.#name, y);
    return y;
  }
}

/** Position-wise MLP with ReLU² and a hidden width of 4 · nEmbd. */
export class MLP extends Module {
  /** Up-projection, `[4 · nEmbd, nEmbd]`. */
  readonly c_fc: Linear;
  /** Down-projection, `[nEmbd, 4 · nEmbd]`. */
  readonly c_proj: Linear;

  readonly #name: string;

  /** Creates the MLP of a layer. */
  constructor(device: Device, { nEmbd }: GPTConfig, layer: number, seed: number | null) {
    super();
    this.#name = `transformer.h.${layer}.mlp`;
    const linear = linearsOf(device, seed);
    this.c_fc = linear("c_fc", nEmbd, 4 * nEmbd, uniformOf(nEmbd, 0.4));
    this.c_proj = linear("c_proj", 4 * nEmbd, nEmbd, initializers.zeros);
  }

  /**
   * Transforms each token by itself.
   *
   * @param x The normed residual stream, `[batch, tokens, nEmbd]`
   * @returns The addition to the residual stream, of the same shape.
   */
  forward(x: Tensor, { watch }: Pick<BlockContext, "watch">): Tensor {
    const y = this.c_proj.forward(this.c_fc.forward(x).reluSquared());
    watch?.(this.#name, y);
    return y;
  }
}

/** Pre-norm residual block: `x = x + attn(norm(x))`, `x = x + mlp(norm(x))`. */
export class Block extends Module {
  /** Attention. */
  readonly attn: CausalSelfAttention;
  /** MLP. */
  readonly mlp: MLP;

  /** Creates layer `layer`, counted from 0. */
  constructor(device: Device, config: GPTConfig, layer: number, seed: number | null) {
    super();
    this.attn = new CausalSelfAttention(device, config, layer, namedSeed(seed, "attn"));
    this.mlp = new MLP(device, config, layer, namedSeed(seed, "mlp"));
  }

  /**
   * Adds attention and MLP to the residual stream.
   *
   * @param x The residual stream, `[batch, tokens, nEmbd]`
   * @returns The residual stream after this layer, of the same shape.
   */
  forward(x: Tensor, context: BlockContext): Tensor {
    x = x.add(this.attn.forward(norm(x), context));
    x = x.add(this.mlp.forward(norm(x), context));
    return x;
  }
}
