/**
 * Choosing: the largest elements, and elements at random. Nothing is read back, so a model can be run
 * on what was chosen without waiting.
 *
 * @module
 */

import { apply, applyOne, type Operation } from "../../apply.ts";
import { formatShape, normalizeAxis, shapesEqual } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { uniform } from "../creation.ts";
import { sumAlong } from "../gather/gather.ts";
import { multinomialOnCpu } from "./multinomial_wasm.ts";
import { multinomialOnWebGpu } from "./multinomial_wgsl.ts";
import { topKOnCpu } from "./top_k_wasm.ts";
import { topKOnWebGpu } from "./top_k_wgsl.ts";
import { contiguous, transpose } from "../views.ts";

const topKOperation: Operation<number> = {
  name: "topK",
  infer: ([x], k) => {
    if (x!.dtype !== "float32") {
      throw new TypeError(`Cannot topK: wanted float32, got ${x!.dtype}`);
    }
    const shape = x!.shape.with(-1, k);
    return [{ shape, dtype: "float32" }, { shape, dtype: "int32" }];
  },
  run: (device, [x], [values, indices]) =>
    device.kind === "cpu"
      ? topKOnCpu(device, x!, values!, indices!)
      : topKOnWebGpu(device, x!, values!, indices!),
  gradient: {
    savesOutputs: [1],
    apply: (upstream, saved) => {
      const length = saved.inputShapes[0]!.at(-1)!;
      return [sumAlong(upstream, saved.output(1), length)];
    },
  },
};

/** The largest elements along an axis, and where they are. */
export interface TopK {
  /** `float32`, in descending order; carries the gradient. */
  readonly values: Tensor;
  /** `int32`: the positions of the values along the axis. */
  readonly indices: Tensor;
}

/**
 * The k largest elements along an axis, in descending order. Of equal ones the first come first; NaN is
 * larger than everything, as in PyTorch.
 *
 * @param x `float32`
 * @param k From 0 to the length of the axis, which it replaces in the shape of the results.
 * @param axis May count from the end.
 * @throws {RangeError} If there is no such axis, or it does not have k elements, or on WebGPU a row is
 * larger than one binding.
 * @throws {TypeError} If `x` is not `float32`.
 *
 * @example
 * ```ts
 * import { openDevice, Tensor, topK } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const { values, indices } = topK(Tensor.from(device, [[1, 9, 4, 9]]), 3);
 * if ((await values.data()).join() !== "9,9,4") throw new Error("expected 9, 9, 4");
 * if ((await indices.data()).join() !== "1,3,2") throw new Error("expected 1, 3, 2");
 * await device.close();
 * ```
 */
export function topK(x: Tensor, k: number, axis = -1): TopK {
  const along = normalizeAxis(axis, x.shape, "topK");
  const length = x.shape[along]!;
  if (!(Number.isInteger(k) && k >= 0 && k <= length)) {
    throw new RangeError(
      `Cannot topK along axis ${axis} of ${formatShape(x.shape)}: wanted k from 0 to ${length}, ` +
        `got ${k}`,
    );
  }
  const rows = contiguous(transpose(x, along, -1));
  const [values, indices] = apply(topKOperation, [rows], k);
  return {
    values: transpose(values!, along, -1),
    indices: transpose(indices!, along, -1),
  };
}

const multinomialOperation: Operation<null> = {
  name: "multinomial",
  infer: ([weights, uniforms]) => {
    for (const { dtype } of [weights!, uniforms!]) {
      if (dtype !== "float32") {
        throw new TypeError(`Cannot multinomial: wanted float32, got ${dtype}`);
      }
    }
    const rowShape = weights!.shape.slice(0, -1);
    const perRow = uniforms!.shape.slice(0, rowShape.length);
    const fits = shapesEqual(rowShape, perRow) && uniforms!.shape.length <= weights!.shape.length;
    if (!fits || (weights!.shape.at(-1) ?? 0) === 0) {
      throw new RangeError(
        `Cannot multinomial: wanted at least one weight in each row, and uniform numbers for each ` +
          `row, got weights ${formatShape(weights!.shape)} and ${formatShape(uniforms!.shape)}`,
      );
    }
    return [{ shape: uniforms!.shape, dtype: "int32" }];
  },
  run: (device, [weights, uniforms], [output]) =>
    device.kind === "cpu"
      ? multinomialOnCpu(device, weights!, uniforms!, output!)
      : multinomialOnWebGpu(device, weights!, uniforms!, output!),
  gradient: "a choice does not change smoothly",
};

/** What {@linkcode multinomial} can be told in place of uniform numbers. */
export interface MultinomialOptions {
  /** An integer from 0 to 2⁵³ − 1, from which the uniform numbers are made. */
  readonly seed: number;
  /** How many indices to draw for each row, independently: a new last axis. By default one, without it. */
  readonly samples?: number;
}

/**
 * Draws indices at random, each as likely as its weight says.
 *
 * A uniform number u draws the first index i at which w₀ + … + wᵢ > u · Σw, and never one of weight 0.
 * The sums are the same on every device, and so is what is drawn, but where rounding differs at a
 * boundary.
 *
 * A row with a weight that is negative, infinite or NaN, or with a sum that is 0 or infinite, gives −1,
 * and so does a number u that is not from 0 up to but not including 1: the weights may be known to the
 * device only, which cannot throw.
 *
 * @param weights `float32 [..., V]`: they need not add up to 1.
 * @param draw Uniform numbers, `float32 [...]` or `[..., samples]`, or how to make them.
 * @returns `int32`, an index for each uniform number.
 * @throws {RangeError} If there are no weights, or the uniform numbers are not so many for each row, or
 * on WebGPU a row is larger than one binding.
 * @throws {TypeError} If a tensor is not `float32`.
 *
 * @example
 * ```ts
 * import { multinomial, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const weights = Tensor.from(device, [[1, 0, 3], [0, 5, 0]]);
 * const chosen = multinomial(weights, Tensor.from(device, [0.25, 0.9]));
 * if ((await chosen.data()).join() !== "2,1") throw new Error("expected 2 and 1");
 *
 * const many = multinomial(weights, { seed: 42, samples: 1000 });
 * if (many.shape.join() !== "2,1000") throw new Error("expected 1000 for each row");
 * await device.close();
 * ```
 */
export function multinomial(weights: Tensor, draw: Tensor | MultinomialOptions): Tensor {
  const uniforms = "seed" in draw
    ? uniform(
      weights.device,
      [...weights.shape.slice(0, -1), ...(draw.samples === undefined ? [] : [draw.samples])],
      { seed: draw.seed },
    )
    : draw;
  return applyOne(multinomialOperation, [contiguous(weights), contiguous(uniforms)], null);
}
