/** Multi-head attention to another sequence. @module */

import { checkOptions, type OptionNames } from "../tensor/checks.ts";
import { RangeError, wrongValue } from "../tensor/errors.ts";
import { formatShape } from "../tensor/layout.ts";
import { attention, type Device, type Tensor } from "../tensor/mod.ts";
import { checkTensor } from "../tensor/tensor.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { checkLayer, checkSizes, namedSeed } from "./parameter.ts";

/** Options for {@linkcode Attention}. */
export interface AttentionLayerOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer. */
  readonly seed: number;
  /** Number of heads. */
  readonly heads: number;
  /** Width of the context. @default {that of the input} */
  readonly contextWidth?: number;
  /** Whether the linear layers have biases. @default {true} */
  readonly bias?: boolean;
}

const OPTIONS: OptionNames<AttentionLayerOptions> = {
  seed: true,
  heads: true,
  contextWidth: true,
  bias: true,
};

/**
 * Multi-head attention of one sequence to all of another one, its context, as a decoder reads what an
 * encoder wrote. Source: Vaswani et al., "Attention Is All You Need" (2017).
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Attention } from "./attention.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const layer = new Attention(device, 8, { heads: 2, contextWidth: 6, seed: 42 });
 * const context = Tensor.ones(device, [3, 7, 6]);
 * const mask = Tensor.from(device, [1, 1, 1, 1, 1, 0, 0]); // the last two are padding
 * const y = layer.forward(Tensor.ones(device, [3, 5, 8]), context, { mask });
 * if (y.shape.join() !== "3,5,8") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class Attention extends Module {
  /** Query projection, `[width, width]`. */
  readonly query: Linear;
  /** Key projection, `[width, contextWidth]`. */
  readonly key: Linear;
  /** Value projection, `[width, contextWidth]`. */
  readonly value: Linear;
  /** Output projection, `[width, width]`. */
  readonly projection: Linear;
  readonly #headSize: number;

  /** Creates the parameters. @throws {RangeError} If the heads do not divide `width`. */
  constructor(device: Device, width: number, options: AttentionLayerOptions) {
    super();
    checkLayer("Attention", device, { width }, options, OPTIONS, ["seed", "heads"]);
    const { seed, heads, contextWidth = width, bias = true } = options;
    checkSizes("make an Attention", { heads, contextWidth });
    if (width % heads !== 0) {
      throw wrongValue("make an Attention", `heads that divide the width ${width}`, heads);
    }
    this.#headSize = width / heads;
    const layer = (name: string, inputs: number) =>
      new Linear(device, inputs, width, { bias, seed: namedSeed(seed, name) });
    this.query = layer("query", width);
    this.key = layer("key", contextWidth);
    this.value = layer("value", contextWidth);
    this.projection = layer("projection", width);
  }

  /**
   * Attends from `[batch, queries, width]` to all of `[batch, keys, contextWidth]`.
   *
   * @param options.mask 1 where a query attends to a key, 0 where not: broadcast to
   * `[batch, heads, queries, keys]`.
   * @returns `[batch, queries, width]`
   * @throws {RangeError} If there are not three axes each, or the batches differ.
   */
  forward(x: Tensor, context: Tensor, options: { readonly mask?: Tensor } = {}): Tensor {
    const what = "run an Attention";
    checkTensor(what, x);
    checkTensor(what, context, "a tensor as the context");
    checkOptions(what, options, { mask: true });
    if (x.shape.length !== 3 || context.shape.length !== 3 || x.shape[0] !== context.shape[0]) {
      throw new RangeError(
        `Cannot ${what}: wanted [batch, queries, width] and [batch, keys, width], got ` +
          `${formatShape(x.shape)} and ${formatShape(context.shape)}`,
      );
    }
    const heads = (rows: Tensor) => rows.reshape([...rows.shape.slice(0, 2), -1, this.#headSize]);
    const gathered = attention(
      heads(this.query.forward(x)),
      heads(this.key.forward(context)),
      heads(this.value.forward(context)),
      { causal: false, mask: options.mask },
    );
    return this.projection.forward(gathered.reshape(x.shape));
  }
}
