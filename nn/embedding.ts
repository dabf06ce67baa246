import type { OptionNames } from "../tensor/checks.ts";
import { type Device, embedding, type FloatType, type Tensor } from "../tensor/mod.ts";
import { type Initializer, normal } from "./initializers.ts";
import { Module } from "./module.ts";
import { checkLayer, namedSeed, parameter } from "./parameter.ts";

/** Options for {@linkcode Embedding}. */
export interface EmbeddingOptions {
  /** Random seed: an integer from 0 to 2⁵³ − 1, different for each layer; or `null` for zeros. */
  readonly seed: number | null;
  /** Initializer of the table. @default {normal()} (as in PyTorch) */
  readonly initialWeight?: Initializer;
  /** The dtype of the table, its gradient and an optimizer's moments. @default {"float32"} */
  readonly dtype?: FloatType;
}

const OPTIONS: OptionNames<EmbeddingOptions> = { seed: true, initialWeight: true, dtype: true };

/**
 * An embedding table with one row per token id.
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

  /** Creates the parameters. @throws {RangeError} If a size is not a positive integer. */
  constructor(device: Device, count: number, width: number, options: EmbeddingOptions) {
    super();
    checkLayer("Embedding", device, { count, width }, options, OPTIONS, ["seed"]);
    const { seed, initialWeight: initial = normal(), dtype } = options;
    this.weight = parameter(device, [count, width], initial, namedSeed(seed, "weight"), dtype);
  }

  /**
   * Looks up the rows of ids, `int32 [...]` to `[..., width]`.
   *
   * @throws {TypeError} If the ids are not `int32`.
   * @throws {RangeError} If an id is out of range.
   */
  forward(ids: Tensor): Tensor {
    return embedding(this.weight, ids);
  }
}
