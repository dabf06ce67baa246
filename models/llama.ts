/**
 * The Llama family: Llama, SmolLM2, Qwen2 (biases of queries, keys and values) and Qwen3 (norms of
 * queries and keys). RMS norms, rotary positions, grouped queries, SwiGLU.
 *
 * Parameters have the names of Hugging Face's files.
 *
 * Source: Touvron et al., "Llama 2" (2023); Grattafiori et al., "The Llama 3 Herd of Models" (2024).
 *
 * @module
 */

import type { Architecture, ModelConfig } from "../gpt/browser.ts";
import type { RotaryAngles, SequenceRows } from "../gpt/browser_internals.ts";
import { Embedding, initializers, Linear, Module, namedSeed, RMSNorm } from "../nn/mod.ts";
import { type Device, rotary, type Tensor } from "../tensor/mod.ts";
import { RangeError } from "../tensor/errors.ts";
import { CausalLM, type ModelOptions } from "./causal_lm.ts";
import { checkSizes, configNames } from "./config.ts";
import { rotaryFrequencies, RotaryTable } from "./rotary_table.ts";

/** Llama 3.1's scaling of rotary frequencies, for more positions than were trained at first. */
export interface RopeScaling {
  /** The divisor of low frequencies. */
  readonly factor: number;
  /** Frequencies with wavelengths above `originalLength / lowFreqFactor` are low. */
  readonly lowFreqFactor: number;
  /** Frequencies with wavelengths below `originalLength / highFreqFactor` stay as they are. */
  readonly highFreqFactor: number;
  /** The original length in tokens. */
  readonly originalLength: number;
}

/** The shape of a Llama. */
export interface LlamaConfig extends ModelConfig {
  /** The member of the family. */
  readonly kind: "llama" | "qwen2" | "qwen3";
  /** Number of layers. */
  readonly layers: number;
  /** Query heads of a layer. */
  readonly heads: number;
  /** Key and value heads; each serves `heads / keyHeads` query heads. */
  readonly keyHeads: number;
  /** Channels of a head. */
  readonly headSize: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Width of the MLPs between their matrices. */
  readonly mlpWidth: number;
  /** Added to the mean square in norms. */
  readonly epsilon: number;
  /** Base of the rotary frequencies. */
  readonly ropeBase: number;
  /** Scaling of the rotary frequencies; `null` for none. */
  readonly ropeScaling: RopeScaling | null;
  /** Whether the head is the embedding. */
  readonly isTied: boolean;
}

const initialWeight = initializers.normal({ standardDeviation: 0.02 });

class SelfAttention extends Module {
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;
  readonly q_norm?: RMSNorm;
  readonly k_norm?: RMSNorm;
  readonly #layer: number;
  readonly #headSize: number;

  constructor(device: Device, config: LlamaConfig, layer: number, seed: number | null) {
    super();
    const { kind, width, heads, keyHeads, headSize, epsilon } = config;
    const linear = (name: string, inputs: number, outputs: number, bias = false) =>
      new Linear(device, inputs, outputs, { seed: namedSeed(seed, name), bias, initialWeight });
    const hasBias = kind === "qwen2";
    this.#layer = layer;
    this.#headSize = headSize;
    this.q_proj = linear("q_proj", width, heads * headSize, hasBias);
    this.k_proj = linear("k_proj", width, keyHeads * headSize, hasBias);
    this.v_proj = linear("v_proj", width, keyHeads * headSize, hasBias);
    this.o_proj = linear("o_proj", heads * headSize, width);
    if (kind === "qwen3") {
      this.q_norm = new RMSNorm(device, headSize, { epsilon });
      this.k_norm = new RMSNorm(device, headSize, { epsilon });
    }
  }

  forward(x: Tensor, rows: SequenceRows, { cos, sin }: RotaryAngles): Tensor {
    const [batch, tokens] = x.shape as [number, number];
    const heads = (y: Tensor) => y.reshape([batch, tokens, -1, this.#headSize]);
    const queries = heads(this.q_proj.forward(x));
    const keys = heads(this.k_proj.forward(x));
    const turn = (y: Tensor, norm: RMSNorm | undefined) => rotary(norm?.forward(y) ?? y, cos, sin);
    const gathered = rows.attend(
      this.#layer,
      turn(queries, this.q_norm),
      turn(keys, this.k_norm),
      heads(this.v_proj.forward(x)),
    );
    return this.o_proj.forward(gathered.reshape([batch, tokens, -1]));
  }
}

class Block extends Module {
  readonly input_layernorm: RMSNorm;
  readonly self_attn: SelfAttention;
  readonly post_attention_layernorm: RMSNorm;
  readonly mlp: {
    readonly gate_proj: Linear;
    readonly up_proj: Linear;
    readonly down_proj: Linear;
  };

  constructor(device: Device, config: LlamaConfig, layer: number, seed: number | null) {
    super();
    const { width, mlpWidth, epsilon } = config;
    const linear = (name: string, inputs: number, outputs: number) => {
      const options = { seed: namedSeed(seed, name), bias: false, initialWeight };
      return new Linear(device, inputs, outputs, options);
    };
    this.input_layernorm = new RMSNorm(device, width, { epsilon });
    this.self_attn = new SelfAttention(device, config, layer, namedSeed(seed, "self_attn"));
    this.post_attention_layernorm = new RMSNorm(device, width, { epsilon });
    this.mlp = {
      gate_proj: linear("gate_proj", width, mlpWidth),
      up_proj: linear("up_proj", width, mlpWidth),
      down_proj: linear("down_proj", mlpWidth, width),
    };
  }

  /** @param x The residual stream, `[batch, tokens, width]` */
  forward(x: Tensor, rows: SequenceRows, angles: RotaryAngles): Tensor {
    const { gate_proj, up_proj, down_proj } = this.mlp;
    x = x.add(this.self_attn.forward(this.input_layernorm.forward(x), rows, angles));
    const y = this.post_attention_layernorm.forward(x);
    return x.add(down_proj.forward(gate_proj.forward(y).silu().mul(up_proj.forward(y))));
  }
}

/**
 * A Llama, SmolLM2, Qwen2 or Qwen3.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Llama } from "./llama.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const sizes = { layers: 1, heads: 2, keyHeads: 1, headSize: 8, width: 16, mlpWidth: 40 };
 * const rope = { ropeBase: 10_000, ropeScaling: null };
 * const model = new Llama({
 *   ...{ kind: "llama", ...sizes, ...rope, epsilon: 1e-5, isTied: true },
 *   ...{ vocabSize: 50, sequenceLen: 8 },
 * }, device, { seed: 1 });
 * const logits = model.forward(Tensor.from(device, [[3, 5]], { dtype: "int32" }));
 * if (logits.shape.join() !== "1,2,50") throw new Error(`got ${logits.shape}`);
 * await device.close();
 * ```
 */
export class Llama extends CausalLM<LlamaConfig> {
  /** The name of the architecture in checkpoints. */
  override readonly architecture = "llama";
  /** Token embedding, layers and the last norm. */
  readonly model: {
    readonly embed_tokens: Embedding;
    readonly layers: readonly Module[];
    readonly norm: RMSNorm;
  };
  /** The head, if it is not the embedding. */
  readonly lm_head?: Linear;
  readonly #blocks: readonly Block[];
  readonly #angles: RotaryTable;

  /** Creates a model with random initial values. @throws {RangeError} If a size is out of range. */
  constructor(config: LlamaConfig, device: Device, options: ModelOptions = {}) {
    super(device, config, config, options);
    const { seed = 42 } = options;
    const { vocabSize, width, layers, epsilon, isTied } = config;
    this.#blocks = Array.from(
      { length: layers },
      (_, layer) => new Block(device, config, layer, namedSeed(seed, `layers.${layer}`)),
    );
    const embeddingOptions = { seed: namedSeed(seed, "embed_tokens"), initialWeight };
    this.model = {
      embed_tokens: new Embedding(device, vocabSize, width, embeddingOptions),
      layers: this.#blocks,
      norm: new RMSNorm(device, width, { epsilon }),
    };
    if (!isTied) {
      const headOptions = { seed: namedSeed(seed, "lm_head"), bias: false, initialWeight };
      this.lm_head = new Linear(device, width, vocabSize, headOptions);
    }
    this.#angles = new RotaryTable(device, llamaFrequencies(config));
  }

  /** The stream that the head reads. */
  protected override hidden(ids: Tensor, rows: SequenceRows): Tensor {
    const angles = rows.angles((start, count) => this.#angles.at(start, count));
    let x = this.model.embed_tokens.forward(ids);
    for (const block of this.#blocks) x = block.forward(x, rows, angles);
    return this.model.norm.forward(x);
  }

  /** The weight of the head. */
  protected override get headWeight(): Tensor {
    return this.lm_head?.weight ?? this.model.embed_tokens.weight;
  }
}

/** The rotary frequencies, scaled as in Llama 3.1 if the config says so. */
export function llamaFrequencies(
  { headSize, ropeBase, ropeScaling }: Pick<LlamaConfig, "headSize" | "ropeBase" | "ropeScaling">,
): number[] {
  const frequencies = rotaryFrequencies(headSize, ropeBase);
  if (ropeScaling === null) return frequencies;
  const { factor, lowFreqFactor, highFreqFactor, originalLength } = ropeScaling;
  return frequencies.map((frequency) => {
    const waves = originalLength * frequency / (2 * Math.PI);
    if (waves > highFreqFactor) return frequency;
    if (waves < lowFreqFactor) return frequency / factor;
    const smooth = (waves - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return (1 - smooth) * frequency / factor + smooth * frequency;
  });
}

const SIZES = ["layers", "heads", "keyHeads", "headSize", "width", "mlpWidth"] as const;

/** The Llama family for `openCheckpoint`. */
export const llama: Architecture<LlamaConfig, Llama> = {
  name: "llama",
  checkConfig(given) {
    const config = given as LlamaConfig;
    const others = ["kind", "epsilon", "ropeBase", "ropeScaling", "isTied"];
    configNames("llama", config, [...SIZES, ...others]);
    checkSizes("llama", config, SIZES, [["heads", "keyHeads"]]);
    if (config.headSize % 2 !== 0) {
      throw new RangeError(
        `Cannot build a llama: wanted an even headSize for rotary positions, got ${config.headSize}`,
      );
    }
    if (["llama", "qwen2", "qwen3"].includes(config.kind)) return config;
    throw new RangeError(
      `Cannot build a llama: wanted the kind llama, qwen2 or qwen3, got ${config.kind}`,
    );
  },
  parameterShapes(config) {
    const { kind, vocabSize, layers, heads, keyHeads, headSize, width, mlpWidth } = config;
    const shapes = new Map([["model.embed_tokens.weight", [vocabSize, width]]]);
    for (let layer = 0; layer < layers; layer++) {
      const set = (name: string, shape: number[]) =>
        shapes.set(`model.layers.${layer}.${name}`, shape);
      set("input_layernorm.weight", [width]);
      for (const [name, count] of [["q", heads], ["k", keyHeads], ["v", keyHeads]] as const) {
        set(`self_attn.${name}_proj.weight`, [count * headSize, width]);
        if (kind === "qwen2") set(`self_attn.${name}_proj.bias`, [count * headSize]);
      }
      set("self_attn.o_proj.weight", [width, heads * headSize]);
      if (kind === "qwen3") {
        set("self_attn.q_norm.weight", [headSize]);
        set("self_attn.k_norm.weight", [headSize]);
      }
      set("post_attention_layernorm.weight", [width]);
      set("mlp.gate_proj.weight", [mlpWidth, width]);
      set("mlp.up_proj.weight", [mlpWidth, width]);
      set("mlp.down_proj.weight", [width, mlpWidth]);
    }
    shapes.set("model.norm.weight", [width]);
    if (!config.isTied) shapes.set("lm_head.weight", [vocabSize, width]);
    return shapes;
  },
  build: (config, device, options) => new Llama(config, device, options),
};
