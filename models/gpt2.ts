/**
 * GPT-2: learned positions, layer norms with biases, GELU, and a head that is the embedding.
 *
 * Parameters have the names of Hugging Face's files, without `transformer.`; matrices are
 * `[outputs, inputs]`, where the files have them transposed.
 *
 * Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019).
 *
 * @module
 */

import type { Architecture, ModelConfig } from "../gpt/browser.ts";
import type { SequenceRows } from "../gpt/browser_internals.ts";
import { Embedding, initializers, LayerNorm, Linear, Module, namedSeed } from "../nn/mod.ts";
import type { Device, Tensor } from "../tensor/mod.ts";
import { CausalLM, type ModelOptions } from "./causal_lm.ts";
import { checkSizes, configNames } from "./config.ts";

/** The shape of a GPT-2. */
export interface GPT2Config extends ModelConfig {
  /** Number of layers. */
  readonly layers: number;
  /** Attention heads of a layer. */
  readonly heads: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Width of the MLPs between their two matrices. */
  readonly mlpWidth: number;
  /** Added to the variance in layer norms. */
  readonly epsilon: number;
}

const initialWeight = initializers.normal({ standardDeviation: 0.02 });

type MakeLinear = (name: string, inputs: number, outputs: number) => Linear;

class Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: { readonly c_attn: Linear; readonly c_proj: Linear };
  readonly ln_2: LayerNorm;
  readonly mlp: { readonly c_fc: Linear; readonly c_proj: Linear };
  readonly #layer: number;
  readonly #heads: number;

  constructor(device: Device, config: GPT2Config, layer: number, seed: number | null) {
    super();
    const { width, mlpWidth, epsilon, heads } = config;
    const linear: MakeLinear = (name, inputs, outputs) =>
      new Linear(device, inputs, outputs, { seed: namedSeed(seed, name), initialWeight });
    this.#layer = layer;
    this.#heads = heads;
    this.ln_1 = new LayerNorm(device, width, { epsilon });
    this.attn = {
      c_attn: linear("c_attn", width, 3 * width),
      c_proj: linear("attn.c_proj", width, width),
    };
    this.ln_2 = new LayerNorm(device, width, { epsilon });
    this.mlp = {
      c_fc: linear("c_fc", width, mlpWidth),
      c_proj: linear("mlp.c_proj", mlpWidth, width),
    };
  }

  /** @param x The residual stream, `[batch, tokens, width]` */
  forward(x: Tensor, rows: SequenceRows): Tensor {
    x = x.add(this.#attend(this.ln_1.forward(x), rows));
    const wide = this.mlp.c_fc.forward(this.ln_2.forward(x)).gelu();
    return x.add(this.mlp.c_proj.forward(wide));
  }

  #attend(x: Tensor, rows: SequenceRows): Tensor {
    const [batch, tokens, width] = x.shape as [number, number, number];
    const all = this.attn.c_attn.forward(x);
    const [queries, keys, values] = [0, 1, 2].map((i) =>
      all.slice(-1, i * width, (i + 1) * width).reshape([batch, tokens, this.#heads, -1])
    ) as [Tensor, Tensor, Tensor];
    const gathered = rows.attend(this.#layer, queries, keys, values);
    return this.attn.c_proj.forward(gathered.reshape(x.shape));
  }
}

/**
 * A GPT-2.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { GPT2 } from "./gpt2.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { layers: 1, heads: 2, width: 16, mlpWidth: 64, epsilon: 1e-5 };
 * const model = new GPT2({ ...shape, vocabSize: 50, sequenceLen: 8 }, device, { seed: 1 });
 * const logits = model.forward(Tensor.from(device, [[3, 5]], { dtype: "int32" }));
 * if (logits.shape.join() !== "1,2,50") throw new Error(`got ${logits.shape}`);
 * await device.close();
 * ```
 */
export class GPT2 extends CausalLM<GPT2Config> {
  /** The name of the architecture in checkpoints. */
  override readonly architecture = "gpt2";
  /** Token embedding, and the head. */
  readonly wte: Embedding;
  /** Position embedding. */
  readonly wpe: Embedding;
  /** Layers. */
  readonly h: readonly Module[];
  /** The last norm. */
  readonly ln_f: LayerNorm;
  readonly #blocks: readonly Block[];

  /** Creates a model with random initial values. @throws {RangeError} If a size is out of range. */
  constructor(config: GPT2Config, device: Device, options: ModelOptions = {}) {
    const { seed = 42 } = options;
    const { vocabSize, sequenceLen, layers, heads, width, epsilon } = config;
    const headSize = width / heads;
    super(device, config, { layers, heads, keyHeads: heads, headSize, width }, options);
    const embedding = (name: string, count: number) =>
      new Embedding(device, count, width, { seed: namedSeed(seed, name), initialWeight });
    this.wte = embedding("wte", vocabSize);
    this.wpe = embedding("wpe", sequenceLen);
    this.#blocks = Array.from(
      { length: layers },
      (_, layer) => new Block(device, config, layer, namedSeed(seed, `h.${layer}`)),
    );
    this.h = this.#blocks;
    this.ln_f = new LayerNorm(device, width, { epsilon });
  }

  /** The stream that the head reads. */
  protected override hidden(ids: Tensor, rows: SequenceRows): Tensor {
    const places = rows.positionIds(this.device);
    let x = this.wte.forward(ids).add(this.wpe.forward(places));
    for (const block of this.#blocks) x = block.forward(x, rows);
    return this.ln_f.forward(x);
  }

  /** The weight of the head. */
  protected override get headWeight(): Tensor {
    return this.wte.weight;
  }
}

const SIZES = ["layers", "heads", "width", "mlpWidth"] as const;

/** GPT-2 for `openCheckpoint`. */
export const gpt2: Architecture<GPT2Config, GPT2> = {
  name: "gpt2",
  checkConfig(given) {
    const config = given as GPT2Config;
    configNames("gpt2", config, [...SIZES, "epsilon"]);
    checkSizes("gpt2", config, SIZES, [["width", "heads"]]);
    return config;
  },
  parameterShapes({ vocabSize, sequenceLen, layers, width, mlpWidth }) {
    const shapes = new Map([["wte.weight", [vocabSize, width]], ["wpe.weight", [
      sequenceLen,
      width,
    ]]]);
    const linear = (name: string, inputs: number, outputs: number) => {
      shapes.set(`${name}.weight`, [outputs, inputs]);
      shapes.set(`${name}.bias`, [outputs]);
    };
    const norm = (name: string) => {
      shapes.set(`${name}.weight`, [width]);
      shapes.set(`${name}.bias`, [width]);
    };
    for (let layer = 0; layer < layers; layer++) {
      norm(`h.${layer}.ln_1`);
      linear(`h.${layer}.attn.c_attn`, width, 3 * width);
      linear(`h.${layer}.attn.c_proj`, width, width);
      norm(`h.${layer}.ln_2`);
      linear(`h.${layer}.mlp.c_fc`, width, mlpWidth);
      linear(`h.${layer}.mlp.c_proj`, mlpWidth, width);
    }
    norm("ln_f");
    return shapes;
  },
  build: (config, device, options) => new GPT2(config, device, options),
};
