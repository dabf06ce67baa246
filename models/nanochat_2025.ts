/**
 * nanochat's architecture until January 2026, that of karpathy/nanochat-d20, -d32 and -d34, and of
 * `NanoChatForCausalLM`: parameter-free norms, QK norm after the rotary embedding, ReLU², an untied head
 * with a soft cap, and none of what came later (`gpt/model/model.ts` has that).
 *
 * Parameters have the names of nanochat's `state_dict`.
 *
 * @module
 */

import type { Architecture, ModelConfig } from "../gpt/browser.ts";
import type { SequenceRows } from "../gpt/browser_internals.ts";
import { Embedding, initializers, Linear, Module, namedSeed } from "../nn/mod.ts";
import { type Device, rmsNorm, rotary, type Tensor } from "../tensor/mod.ts";
import { CausalLM, type ModelOptions } from "./causal_lm.ts";
import { checkSizes, configNames } from "./config.ts";
import { rotaryFrequencies, RotaryTable } from "./rotary_table.ts";

/** The shape of a nanochat model of 2025. */
export interface Nanochat2025Config extends ModelConfig {
  /** Number of layers. */
  readonly layers: number;
  /** Query heads of a layer. */
  readonly heads: number;
  /** Key and value heads. */
  readonly keyHeads: number;
  /** Width of the residual stream. */
  readonly width: number;
  /** Rows of embedding and head: the vocabulary, perhaps padded. */
  readonly rows: number;
  /** Base of the rotary frequencies. */
  readonly ropeBase: number;
  /** Added to the mean square in norms. */
  readonly epsilon: number;
}

/** Logits are soft-capped to ±15. */
const LOGIT_CAP = 15;

const initialWeight = initializers.normal({ standardDeviation: 0.02 });

class Block extends Module {
  readonly attn: {
    readonly c_q: Linear;
    readonly c_k: Linear;
    readonly c_v: Linear;
    readonly c_proj: Linear;
  };
  readonly mlp: { readonly c_fc: Linear; readonly c_proj: Linear };
  readonly #layer: number;
  readonly #headSize: number;
  readonly #norm: (x: Tensor) => Tensor;

  constructor(device: Device, config: Nanochat2025Config, layer: number, seed: number | null) {
    super();
    const { width, heads, keyHeads, epsilon } = config;
    const linear = (name: string, inputs: number, outputs: number) => {
      const options = { seed: namedSeed(seed, name), bias: false, initialWeight };
      return new Linear(device, inputs, outputs, options);
    };
    const headSize = width / heads;
    this.#layer = layer;
    this.#headSize = headSize;
    this.#norm = (x) => rmsNorm(x, { epsilon });
    this.attn = {
      c_q: linear("c_q", width, heads * headSize),
      c_k: linear("c_k", width, keyHeads * headSize),
      c_v: linear("c_v", width, keyHeads * headSize),
      c_proj: linear("attn.c_proj", width, width),
    };
    this.mlp = {
      c_fc: linear("c_fc", width, 4 * width),
      c_proj: linear("mlp.c_proj", 4 * width, width),
    };
  }

  /** @param x The residual stream, `[batch, tokens, width]` */
  forward(x: Tensor, rows: SequenceRows, cos: Tensor, sin: Tensor): Tensor {
    x = x.add(this.#attend(this.#norm(x), rows, cos, sin));
    return x.add(this.mlp.c_proj.forward(this.mlp.c_fc.forward(this.#norm(x)).reluSquared()));
  }

  #attend(x: Tensor, rows: SequenceRows, cos: Tensor, sin: Tensor): Tensor {
    const { c_q, c_k, c_v, c_proj } = this.attn;
    const [batch, tokens] = x.shape as [number, number];
    const heads = (y: Tensor) => y.reshape([batch, tokens, -1, this.#headSize]);
    const turn = (layer: Linear) => this.#norm(rotary(heads(layer.forward(x)), cos, sin));
    const gathered = rows.attend(this.#layer, turn(c_q), turn(c_k), heads(c_v.forward(x)));
    return c_proj.forward(gathered.reshape(x.shape));
  }
}

/**
 * A nanochat model of 2025.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Nanochat2025 } from "./nanochat_2025.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const shape = { layers: 1, heads: 2, keyHeads: 2, width: 16, ropeBase: 10_000, epsilon: 2 ** -23 };
 * const sizes = { ...shape, vocabSize: 50, rows: 64, sequenceLen: 8 };
 * const model = new Nanochat2025(sizes, device, { seed: 1 });
 * const logits = model.forward(Tensor.from(device, [[3, 5]], { dtype: "int32" }));
 * if (logits.shape.join() !== "1,2,50") throw new Error(`got ${logits.shape}`);
 * await device.close();
 * ```
 */
export class Nanochat2025 extends CausalLM<Nanochat2025Config> {
  /** The name of the architecture in checkpoints. */
  override readonly architecture = "nanochat-2025";
  /** Token embedding and layers. */
  readonly transformer: { readonly wte: Embedding; readonly h: readonly Module[] };
  /** The head. */
  readonly lm_head: Linear;
  readonly #blocks: readonly Block[];
  readonly #angles: RotaryTable;

  /** Creates a model with random initial values. @throws {RangeError} If a size is out of range. */
  constructor(config: Nanochat2025Config, device: Device, options: ModelOptions = {}) {
    const { layers, heads, keyHeads, width, rows, ropeBase } = config;
    const headSize = width / heads;
    super(device, config, { layers, heads, keyHeads, headSize, width }, options);
    const { seed = 42 } = options;
    this.#blocks = Array.from(
      { length: layers },
      (_, layer) => new Block(device, config, layer, namedSeed(seed, `h.${layer}`)),
    );
    const embeddingOptions = { seed: namedSeed(seed, "wte"), initialWeight };
    this.transformer = {
      wte: new Embedding(device, rows, width, embeddingOptions),
      h: this.#blocks,
    };
    const headOptions = { seed: namedSeed(seed, "lm_head"), bias: false, initialWeight };
    this.lm_head = new Linear(device, width, rows, headOptions);
    const frequencies = rotaryFrequencies(headSize, ropeBase);
    this.#angles = new RotaryTable(device, frequencies, "backward");
  }

  /** nanochat's tables reach ten times as far as the training. */
  override get maximumLength(): number {
    return 10 * this.config.sequenceLen;
  }

  /** The stream that the head reads. */
  protected override hidden(ids: Tensor, rows: SequenceRows): Tensor {
    const { epsilon } = this.config;
    const { cos, sin } = rows.angles((start, count) => this.#angles.at(start, count));
    let x = rmsNorm(this.transformer.wte.forward(ids), { epsilon });
    for (const block of this.#blocks) x = block.forward(x, rows, cos, sin);
    return rmsNorm(x, { epsilon });
  }

  /** The weight of the head. */
  protected override get headWeight(): Tensor {
    return this.lm_head.weight;
  }

  /** Logits are soft-capped to ±15. */
  protected override get softcap(): number {
    return LOGIT_CAP;
  }
}

const SIZES = ["layers", "heads", "keyHeads", "width", "rows"] as const;

/** nanochat's architecture of 2025 for `openCheckpoint`. */
export const nanochat2025: Architecture<Nanochat2025Config, Nanochat2025> = {
  name: "nanochat-2025",
  checkConfig(given) {
    const config = given as Nanochat2025Config;
    configNames("nanochat-2025", config, [...SIZES, "ropeBase", "epsilon"]);
    checkSizes("nanochat-2025", config, SIZES, [["width", "heads"], ["heads", "keyHeads"]]);
    return config;
  },
  parameterShapes({ layers, heads, keyHeads, width, rows }) {
    const shapes = new Map([["transformer.wte.weight", [rows, width]]]);
    for (let layer = 0; layer < layers; layer++) {
      const set = (name: string, outputs: number, inputs: number) =>
        shapes.set(`transformer.h.${layer}.${name}.weight`, [outputs, inputs]);
      set("attn.c_q", width, width);
      set("attn.c_k", keyHeads * width / heads, width);
      set("attn.c_v", keyHeads * width / heads, width);
      set("attn.c_proj", width, width);
      set("mlp.c_fc", 4 * width, width);
      set("mlp.c_proj", width, 4 * width);
    }
    shapes.set("lm_head.weight", [rows, width]);
    return shapes;
  },
  build: (config, device, options) => new Nanochat2025(config, device, options),
};
