/**
 * Top-k and multinomial sampling. Nothing is read back, so a model can run on the result without
 * waiting. @module
 */

import { apply, named, type Operation } from "../../apply.ts";
import { checkOptions, checkThat, type OptionNames } from "../../checks.ts";
import { wrongType, wrongValue } from "../../errors.ts";
import * as ex from "../../formula/expression.ts";
import { defineProgram } from "../../formula/program.ts";
import { runFastest } from "../../fast_paths.ts";
import { noGrad } from "../../grad_mode.ts";
import { formatShape, normalizeAxis, shapesEqual, sizeOf } from "../../layout.ts";
import { checkTensor, Tensor } from "../../tensor.ts";
import { uniform } from "../creation.ts";
import { sumAlong } from "../gather/gather.ts";
import { runProgram } from "../program.ts";
import { cumulativeSum } from "../scan/scan.ts";
import { plainTopK } from "./top_k.ts";
import { sort } from "../sort/order.ts";
import { contiguous, reshape, slice, transpose, unsqueeze } from "../views.ts";

const topKOperation: Operation<
  number,
  readonly [x: Tensor],
  readonly [values: Tensor, indices: Tensor]
> = {
  name: "topK",
  infer: ([x], k) => {
    if (x.dtype !== "float32") throw wrongType("compute topK", "float32 or int32", x.dtype);
    const shape = x.shape.with(-1, k);
    return [{ shape, dtype: "float32" }, { shape, dtype: "int32" }];
  },
  run: (device, [x], [values, indices]) => {
    const views = { x, values, indices };
    if (sizeOf(views.values.shape) === 0) return;
    runFastest("top k", views, device, () => plainTopK(device, views));
  },
  gradient: {
    savesOutputs: [1],
    apply: (upstream, saved) => {
      const length = saved.inputShapes[0]!.at(-1)!;
      return [sumAlong(upstream, saved.output(1), length)];
    },
  },
};

/** The largest elements along an axis, and their indices. */
export interface TopK {
  /** In descending order; carries the gradient. */
  readonly values: Tensor;
  /** `int32`: the index of each value along the axis. */
  readonly indices: Tensor;
}

/**
 * The k largest elements along an axis, in descending order. Ties keep their order; NaN is larger
 * than everything, as in PyTorch.
 *
 * @param x `float32` or `int32`
 * @param k From 0 to the length of the axis, which it replaces in the shape of the results.
 * @param axis May count from the end.
 * @throws {RangeError} If there is no such axis, or it has fewer than k elements, or on WebGPU a
 * row exceeds one binding.
 * @throws {TypeError} If `x` is of another dtype.
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
  checkTensor("compute topK", x);
  const along = normalizeAxis(axis, x.shape, "compute topK");
  const length = x.shape[along]!;
  const what = `compute topK along axis ${axis} of ${formatShape(x.shape)}`;
  checkThat(Number.isInteger(k) && k >= 0 && k <= length, what, `k from 0 to ${length}`, k);
  if (x.dtype === "int32") {
    const { values, indices } = sort(x, along, { descending: true });
    return { values: slice(values, along, 0, k), indices: slice(indices, along, 0, k) };
  }
  const rows = contiguous(transpose(x, along, -1));
  const [values, indices] = apply(topKOperation, [rows], k);
  return {
    values: named("topK", transpose(values, along, -1)),
    indices: transpose(indices, along, -1),
  };
}

/** From weights, their running sums and a uniform number to an index. */
const chosenIndex = defineProgram(
  { name: "multinomial", inputs: ["weight", "sum", "uniform"], perRow: ["uniform"] },
  ({ weight, sum, uniform }) => {
    // Without a negative weight, running sums never decrease. NaN is in none of these ranges.
    const total = ex.rowMax(sum);
    const isValid = [
      ex.lessEqual(0, ex.rowMin(weight)),
      ex.less(0, total),
      ex.less(total, Infinity),
      ex.lessEqual(0, uniform),
      ex.less(uniform, 1),
    ].reduce(ex.multiply);
    // A number below 1 is at most 1 − 2⁻²⁴, so that its product is rounded below the total.
    const before = ex.lessEqual(sum, ex.multiply(uniform, total));
    return [ex.select(isValid, ex.rowSum(before), -1)];
  },
);

function checkSampling(weights: Tensor, uniforms: Tensor): void {
  for (const { dtype } of [weights, uniforms]) {
    if (dtype !== "float32") throw wrongType("sample", "float32", dtype);
  }
  const rowShape = weights.shape.slice(0, -1);
  const perRow = uniforms.shape.slice(0, rowShape.length);
  const fits = shapesEqual(rowShape, perRow) && uniforms.shape.length <= weights.shape.length;
  if (!fits || (weights.shape.at(-1) ?? 0) === 0) {
    const wanted = "at least one weight in each row, and uniform numbers for each row";
    const got = `weights ${formatShape(weights.shape)} and ${formatShape(uniforms.shape)}`;
    throw wrongValue("sample", wanted, got);
  }
}

/** Options for {@linkcode multinomial}, instead of uniform numbers. */
export interface MultinomialOptions {
  /** Random seed of the uniform numbers: an integer from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Independent samples per row, as a new last axis. By default one, without that axis. */
  readonly samples?: number;
}

const OPTIONS: OptionNames<MultinomialOptions> = { seed: true, samples: true };

/**
 * Samples indices with probabilities proportional to weights.
 *
 * A uniform number u selects the first index i with w₀ + … + wᵢ > u · Σw, never one of weight 0.
 * Sums are computed in the same order on every device, so samples agree, except where rounding
 * differs at a boundary.
 *
 * The result is −1 for a row with a negative, infinite or NaN weight or with a sum of 0 or
 * infinity, and for a u outside [0, 1): the device may be the only one to know the weights, and it
 * cannot throw.
 *
 * @param weights `float32 [..., V]`; they need not add up to 1.
 * @param random Uniform numbers, `float32 [...]` or `[..., samples]`, or options to generate them.
 * @returns `int32`, an index for each uniform number.
 * @throws {RangeError} If there are no weights, or the uniform numbers do not match the rows.
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
export function multinomial(weights: Tensor, random: Tensor | MultinomialOptions): Tensor {
  checkTensor("sample", weights, "a tensor of weights");
  if (!(random instanceof Tensor)) checkOptions("sample", random, OPTIONS, ["seed"]);
  const uniforms = !(random instanceof Tensor)
    ? uniform(
      weights.device,
      [...weights.shape.slice(0, -1), ...(random.samples === undefined ? [] : [random.samples])],
      { seed: random.seed },
    )
    : random;
  checkSampling(weights, uniforms);
  const above = weights.shape.slice(0, -1);
  const sums = noGrad(() => cumulativeSum(weights, -1));
  const indices = runProgram(
    chosenIndex,
    [unsqueeze(weights, -2), unsqueeze(sums, -2), reshape(uniforms, [...above, -1, 1])],
    [],
    "int32",
  );
  return reshape(indices, uniforms.shape);
}
