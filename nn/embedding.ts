/** The embedding. @module */

import { type Device, embedding, type Tensor } from "../tensor/mod.ts";
import { type Initializer, normal } from "./initializers.ts";
import { Module } from "./module.ts";
import { parameter } from "./parameter.ts";
import { namedSeed } from "./seeds.ts";
import { checkSize } from "./sizes.ts";

/** What {@linkcode Embedding} can be told. */
export interface EmbeddingOptions {
  /**
   * Chooses the random weights: an integer from 0 to 2⁵³ − 1, another one for each layer; or `null` for
   * zeros, where values are loaded next.
   */
  readonly seed: number | null;
  /** What the table is filled with; normally distributed unless given, as in PyTorch. */
  readonly initialWeight?: Initializer;
}

/**
 * A table with a row for each token: what goes in are ids, what comes out are their rows.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Embedding } from "./embedding.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const table = new Embedding(device, 10, 4, { seed: 42 });
 * const rows = table.forward(Tensor.from(device, [[1, 2, 9]], { dtype: "int32" }));
 * if (rows.shape.join() !== "1,3,4") throw new Error(`got ${rows.shape}`);
 * await device.close();
 * ```
 */
export class Embedding extends Module {
  /** `[count, width]` */
  readonly weight: Tensor;

  /**
   * Makes the parameters.
   *
   * @param device Where the table lives.
   * @param count How many ids there are.
   * @param width The length of a row.
   * @param options The seed, and what else differs from the usual.
   * @throws {RangeError} If a size is not a positive integer.
   */
  constructor(device: Device, count: number, width: number, options: EmbeddingOptions) {
    super();
    checkSize("Embedding", "count", count);
    checkSize("Embedding", "width", width);
    const { seed, initialWeight = normal() } = options;
    this.weight = parameter(device, [count, width], initialWeight, namedSeed(seed, "weight"));
  }

  /**
   * Looks up rows.
   *
   * @param ids `int32 [...]`
   * @returns `[..., width]`
   * @throws {TypeError} If the ids are not `int32`.
   * @throws {RangeError} If an id is not in the table.
   */
  forward(ids: Tensor): Tensor {
    return embedding(this.weight, ids);
  }
}
