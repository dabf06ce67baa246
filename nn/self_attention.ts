/** Multi-head self-attention. @module */

import { checkOptions, type OptionNames } from "../tensor/checks.ts";
import { wrongValue } from "../tensor/errors.ts";
import { attention, type Device, rotary, rotaryAngles, Tensor } from "../tensor/mod.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { checkLayer, checkSizes, namedSeed } from "./parameter.ts";

/** Options for {@linkcode SelfAttention}. */
export interface SelfAttentionOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer. */
  readonly seed: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads (GQA). @default {heads} */
  readonly keyValueHeads?: number;
  /** Whether to mask later positions: unlike in PyTorch, by default. @default {true} */
  readonly causal?: boolean;
  /** Sliding window: the number of earlier positions a position attends to. @default {all} */
  readonly window?: number;
  /** Whether to apply rotary position embeddings. @default {false} */
  readonly rotary?: boolean;
  /** Whether the linear layers have biases. @default {true} */
  readonly bias?: boolean;
}

const OPTIONS: OptionNames<SelfAttentionOptions> = {
  seed: true,
  heads: true,
  keyValueHeads: true,
  causal: true,
  window: true,
  rotary: true,
  bias: true,
};

/**
 * Multi-head self-attention. Several query heads may share one key and value head (GQA). Source:
 * Vaswani et al., "Attention Is All You Need" (2017); Ainslie et al., "GQA" (2023).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { SelfAttention } from "./self_attention.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new SelfAttention(device, 8, { heads: 2, keyValueHeads: 1, rotary: true, seed: 42 });
 * const y = layer.forward(Tensor.ones(device, [3, 5, 8]));
 * if (y.shape.join() !== "3,5,8") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class SelfAttention extends Module {
  /** Query projection, `[width, width]`. */
  readonly query: Linear;
  /** Key projection, `[keyValueHeads · headSize, width]`. */
  readonly key: Linear;
  /** Value projection, `[keyValueHeads · headSize, width]`. */
  readonly value: Linear;
  /** Output projection, `[width, width]`. */
  readonly projection: Linear;
  readonly #options: SelfAttentionOptions;
  readonly #headSize: number;
  /** Rotary angles of the longest sequence so far: `[positions, 1, headSize / 2]` each. */
  #angles: { readonly cos: Tensor; readonly sin: Tensor } | null = null;

  /**
   * Creates the parameters. @throws {RangeError} If the heads do not divide `width`, or the key
   * heads them.
   */
  constructor(device: Device, width: number, options: SelfAttentionOptions) {
    super();
    checkLayer("SelfAttention", device, { width }, options, OPTIONS, ["seed", "heads"]);
    const { seed, heads, keyValueHeads = heads, bias = true } = options;
    const what = "make a SelfAttention";
    checkSizes(what, { heads, keyValueHeads });
    if (width % heads !== 0 || heads % keyValueHeads !== 0) {
      const wanted = "keyValueHeads to divide heads and heads to divide the width";
      throw wrongValue(what, wanted, `${keyValueHeads}, ${heads} and ${width}`);
    }
    this.#options = options;
    this.#headSize = width / heads;
    if (options.rotary && this.#headSize % 2 !== 0) {
      throw wrongValue(what, "an even head size for rotary embeddings", this.#headSize);
    }
    const layer = (name: string, outputs: number) =>
      new Linear(device, width, outputs, { bias, seed: namedSeed(seed, name) });
    this.query = layer("query", width);
    this.key = layer("key", keyValueHeads * this.#headSize);
    this.value = layer("value", keyValueHeads * this.#headSize);
    this.projection = layer("projection", width);
  }

  /**
   * Applies attention, `[batch, positions, width]`.
   *
   * @param options.mask 1 where a position attends to another one, 0 where not: broadcast to
   * `[batch, heads, positions, positions]`, besides the other limits.
   * @throws {RangeError} If there are not three axes, or the last has another length.
   */
  forward(x: Tensor, options: { readonly mask?: Tensor } = {}): Tensor {
    checkTensor("run a SelfAttention", x);
    checkOptions("run a SelfAttention", options, { mask: true });
    if (x.shape.length !== 3) {
      throw wrongValue("attend", "the shape [batch, positions, width]", `[${x.shape.join(", ")}]`);
    }
    const { causal = true, window } = this.#options;
    const [batch, positions] = x.shape as [number, number, number];
    const heads = (rows: Tensor) => rows.reshape([batch, positions, -1, this.#headSize]);
    const [query, key] = [this.query, this.key].map((layer) => this.#turn(heads(layer.forward(x))));
    const value = heads(this.value.forward(x));
    const gathered = attention(query!, key!, value, {
      causal,
      ...(window !== undefined && { window }),
      mask: options.mask,
    });
    return this.projection.forward(gathered.reshape(x.shape));
  }

  /** Rotates `[batch, positions, heads, headSize]` by position, if enabled. */
  #turn(rows: Tensor): Tensor {
    if (!this.#options.rotary) return rows;
    const positions = rows.shape[1]!;
    if (this.#angles === null || this.#angles.cos.shape[0]! < positions) {
      const { cos, sin } = rotaryAngles(positions, this.#headSize);
      const table = (values: Float32Array<ArrayBuffer>) =>
        Tensor.from(rows.device, values, { shape: [positions, 1, this.#headSize / 2] }).keep();
      this.#angles?.cos.dispose();
      this.#angles?.sin.dispose();
      this.#angles = { cos: table(cos), sin: table(sin) };
    }
    const { cos, sin } = this.#angles;
    return rotary(rows, cos.slice(0, 0, positions), sin.slice(0, 0, positions));
  }
}
