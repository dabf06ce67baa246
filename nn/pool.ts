/** Layers without parameters, for images. @module */

import {
  avgPool2d,
  maxPool2d,
  type NumberOrPair,
  type PoolOptions,
  type Tensor,
} from "../tensor/mod.ts";
import { checkList } from "../tensor/checks.ts";
import { poolGeometry } from "../tensor/ops/convolution/pool.ts";
import { normalizeAxis } from "../tensor/layout.ts";
import { Module } from "./module.ts";

/**
 * The largest element of each window, see {@linkcode maxPool2d}.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { MaxPool2d } from "./pool.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = new MaxPool2d(2).forward(Tensor.ones(device, [1, 3, 28, 28]));
 * if (y.shape.join() !== "1,3,14,14") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class MaxPool2d extends Module {
  readonly #kernel: NumberOrPair;
  readonly #options: PoolOptions;

  /** Notes the size of the windows and how they lie. @throws {RangeError} If it is out of range. */
  constructor(kernel: NumberOrPair, options: PoolOptions = {}) {
    super();
    poolGeometry("make a MaxPool2d", kernel, options);
    this.#kernel = kernel;
    this.#options = options;
  }

  /** Pools `[B, C, H, W]` to `[B, C, rows, columns]`. @throws {RangeError} As {@linkcode maxPool2d}. */
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#kernel, this.#options);
  }
}

/** The mean of each window, see {@linkcode avgPool2d}. */
export class AvgPool2d extends Module {
  readonly #kernel: NumberOrPair;
  readonly #options: PoolOptions;

  /** Notes the size of the windows and how they lie. @throws {RangeError} If it is out of range. */
  constructor(kernel: NumberOrPair, options: PoolOptions = {}) {
    super();
    poolGeometry("make an AvgPool2d", kernel, options);
    this.#kernel = kernel;
    this.#options = options;
  }

  /** Pools `[B, C, H, W]` to `[B, C, rows, columns]`. @throws {RangeError} As {@linkcode avgPool2d}. */
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#kernel, this.#options);
  }
}

/** Flattens all axes but the first: `[B, …]` to `[B, n]`. */
export class Flatten extends Module {
  /** Flattens. */
  forward(x: Tensor): Tensor {
    const [batch = 1, ...rest] = x.shape;
    return x.reshape([batch, rest.reduce((product, size) => product * size, 1)]);
  }
}

/**
 * Gives one axis several: the reverse of {@linkcode Flatten}.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { Unflatten } from "./pool.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const y = new Unflatten(1, [32, 7, 7]).forward(Tensor.ones(device, [5, 32 * 7 * 7]));
 * if (y.shape.join() !== "5,32,7,7") throw new Error(`got ${y.shape}`);
 * await device.close();
 * ```
 */
export class Unflatten extends Module {
  readonly #axis: number;
  readonly #lengths: readonly number[];

  /** Notes the axis and the lengths of those that it becomes, one of which may be −1. */
  constructor(axis: number, lengths: readonly number[]) {
    super();
    checkList("make an Unflatten", "a list of lengths, as in new Unflatten(1, [8, 8])", lengths);
    this.#axis = axis;
    this.#lengths = lengths;
  }

  /** Unflattens. @throws {RangeError} If there is no such axis, or the lengths do not fit it. */
  forward(x: Tensor): Tensor {
    const axis = normalizeAxis(this.#axis, x.shape, "unflatten");
    return x.reshape([...x.shape.slice(0, axis), ...this.#lengths, ...x.shape.slice(axis + 1)]);
  }
}
