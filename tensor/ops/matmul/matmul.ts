/** Matmul. @module */

import { applyOne, named, type Operation, type Saved } from "../../apply.ts";
import { checkOptions, type OptionNames } from "../../checks.ts";
import { broadcastShapes, checkFloat, formatShape, shapesEqual } from "../../layout.ts";
import { RangeError, wrongType, wrongValue } from "../../errors.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { copy, copyView } from "../elementwise.ts";
import { multiplyViews } from "./multiply.ts";
import { hasUnitStride, type MatmulForm } from "./problem.ts";
import { multiplyQuantized, quantizedLinear, QuantizedMatrix } from "../quantized/mod.ts";
import { sumToShape } from "../program.ts";
import { reshape, squeeze } from "../views.ts";

/** Options for {@linkcode matmul}. Transposing an operand does not copy it. */
export interface MatmulOptions {
  /** Whether to swap the last two axes of `a`. @default {false} */
  readonly transposeA?: boolean;
  /** Whether to swap the last two axes of `b`. @default {false} */
  readonly transposeB?: boolean;
  /** A promise that the result is symmetric, like X Xᵀ: half of it is computed. @default {false} */
  readonly symmetric?: boolean;
  /** Added to the product: `[N]`, or another shape that broadcasts to the result's. */
  readonly bias?: Tensor | undefined;
  /** `f32` keeps exact what a device for `bf16` would round, in the gradient as well. */
  readonly precision?: "f32";
}

const OPTIONS: OptionNames<MatmulOptions> = {
  transposeA: true,
  transposeB: true,
  symmetric: true,
  bias: true,
  precision: true,
};

type Attributes = Pick<MatmulForm, "transposeA" | "transposeB" | "symmetric" | "precision">;

type Inputs = readonly [a: Tensor, b: Tensor, ...bias: Tensor[]];

function matrixShape(shape: readonly number[], transpose: boolean): [number, number] {
  const [rows = 1, columns = 1] = shape.slice(-2);
  return transpose ? [columns, rows] : [rows, columns];
}

const inferMatmul: Operation<Attributes, Inputs>["infer"] = (
  [a, b, bias],
  { transposeA = false, transposeB = false },
) => {
  for (const x of [a, b]) {
    if (x.shape.length < 2) {
      throw wrongValue("matmul", "at least 2 axes", formatShape(x.shape));
    }
    checkFloat("matmul", x.dtype);
  }
  if (a.dtype !== b.dtype) {
    throw wrongType("matmul", "operands of one type", `${a.dtype} and ${b.dtype}`);
  }
  const [m, k] = matrixShape(a.shape, transposeA);
  const [k2, n] = matrixShape(b.shape, transposeB);
  if (k !== k2) {
    const mark = (shape: readonly number[], t: boolean) =>
      formatShape(shape) + (t ? " transposed" : "");
    const [left, right] = [mark(a.shape, transposeA), mark(b.shape, transposeB)];
    throw new RangeError(`Cannot matmul ${left} by ${right}: ${k} columns against ${k2} rows`);
  }
  const shape = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)], "matmul");
  shape.push(m, n);
  if (bias !== undefined) {
    const what = "add a bias to a matmul";
    if (bias.dtype !== a.dtype) throw wrongType(what, a.dtype, bias.dtype);
    if (!shapesEqual(broadcastShapes([shape, bias.shape], what), shape)) {
      throw wrongValue(what, `what broadcasts to ${formatShape(shape)}`, formatShape(bias.shape));
    }
  }
  return [{ shape, dtype: a.dtype }];
};

const matmulOperation: Operation<Attributes, Inputs> = {
  name: "matmul",
  infer: inferMatmul,
  run: (device, [a, b, bias], [c], attributes) => {
    // Adding to what is there costs a matmul no more than overwriting it.
    if (bias !== undefined) copyView(device, bias, c);
    multiplyInto(a, b, c, { ...attributes, accumulate: bias !== undefined });
  },
  gradient: {
    savesInputs: [0, 1],
    apply: (upstream, saved, attributes, [wantsA, wantsB, wantsBias], [sumA, sumB]) => {
      const a = wantsA ? gradientOf(0, upstream, saved, attributes, sumA) : null;
      const b = wantsB ? gradientOf(1, upstream, saved, attributes, sumB) : null;
      const [, , biasShape] = saved.inputShapes;
      if (biasShape === undefined) return [a, b];
      return [a, b, wantsBias ? sumToShape(upstream, biasShape) : null];
    },
  },
};

/**
 * The gradient of an operand. For C = AB: dA = dC Bᵀ and dB = Aᵀ dC. With transposed operands, only
 * the sides and the flags change.
 */
function gradientOf(
  index: 0 | 1,
  upstream: Tensor,
  saved: Saved,
  { transposeA = false, transposeB = false, precision }: Attributes,
  sum: Tensor | null,
): Tensor {
  const [shape, other] = [saved.inputShapes[index]!, saved.input(1 - index)];
  const [own, others] = index === 0 ? [transposeA, transposeB] : [transposeB, transposeA];
  // Batches that share one matrix are more rows of a single matmul.
  const isShared = index === 1 && !transposeA && other.shape.length > 2 && shape.length === 2;
  const [dc, x] = isShared ? [joinRows(upstream), joinRows(other)] : [upstream, other];
  const sides = [[dc, own], [x, own ? others : !others]] as const;
  const [[a, ofA], [b, ofB]] = (index === 0) !== own ? sides : [sides[1], sides[0]] as const;
  const attributes = { transposeA: ofA, transposeB: ofB, precision };
  const [{ shape: result }] = inferMatmul([a, b], attributes);
  const accumulate = sum !== null && shapesEqual(result, shape);
  const specification = { shape: result, dtype: saved.gradientTypes[index]! };
  const gradient = accumulate ? sum : allocate(a.device, specification, "matmul");
  multiplyInto(a, b, gradient, { ...attributes, accumulate });
  return sumToShape(gradient, shape);
}

function joinRows(x: Tensor): Tensor {
  return reshape(x, [-1, ...x.shape.slice(-1)]);
}

/**
 * Multiplies into an existing result, or adds to it; nothing is recorded. `c` has contiguous rows,
 * in memory that no operand shares.
 */
export function multiplyInto(a: Tensor, b: Tensor, c: Tensor, form: MatmulForm): void {
  if (b instanceof QuantizedMatrix) return multiplyQuantized(c.device, a, b, c, form);
  const withUnitStride = (x: Tensor) => hasUnitStride(x) ? x : copy(x);
  multiplyViews(c.device, withUnitStride(a), withUnitStride(b), c, form);
}

/**
 * Matmul of the last two axes; the leading axes are batches, with broadcasting.
 *
 * @param a `[..., M, K]`, or `[..., K, M]` if transposed; or a vector `[K]`.
 * @param b `[..., K, N]`, or `[..., N, K]` if transposed; or a vector `[K]`. The axis that a vector
 * lacks, the result lacks.
 * @returns `[..., M, N]`, of the dtype of the operands. Sums are computed in single precision.
 * @throws {RangeError} If the shapes do not match.
 * @throws {TypeError} If an operand has no floats, or their dtypes differ.
 *
 * @example
 * ```ts
 * import { matmul, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [a, b] = [Tensor.from(device, [[1, 2]]), Tensor.from(device, [[3], [4]])];
 * if (await matmul(a, b).item() !== 11) throw new Error("expected 1 · 3 + 2 · 4");
 * const bias = Tensor.from(device, [-13]);
 * if (await matmul(a, b, { bias }).item() !== -2) throw new Error("expected 11 - 13");
 * await device.close();
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  checkOptions("compute matmul", options, OPTIONS);
  const { transposeA = false, transposeB = false, bias, precision } = options;
  // A bias need not be symmetric.
  const symmetric = bias === undefined && (options.symmetric ?? false);
  if (a?.shape?.length === 1 || b?.shape?.length === 1) return matmulVectors(a, b, options);
  const inputs = bias === undefined ? [a, b] as const : [a, b, bias] as const;
  return applyOne(matmulOperation, inputs, { transposeA, transposeB, symmetric, precision });
}

/** A vector before a matrix is a row, and after it a column, which the result does not have. */
function matmulVectors(a: Tensor, b: Tensor, options: MatmulOptions): Tensor {
  if (options.bias || options.transposeA || options.transposeB) {
    throw wrongValue("matmul", "matrices with a bias or a transpose", "a vector");
  }
  for (const each of [a, b]) checkTensor("matmul", each);
  const row = a.shape.length === 1 ? reshape(a, [1, a.size]) : a;
  const column = b.shape.length === 1 ? reshape(b, [b.size, 1]) : b;
  const product = matmul(row, column, options);
  const wide = column === b ? product : squeeze(product, -1);
  return named("matmul", row === a ? wide : squeeze(wide, column === b ? -2 : -1));
}

/**
 * A linear layer: x Wᵀ + b.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`; if it is a {@linkcode QuantizedMatrix}, x is rounded to 8 bits.
 * @param bias `[out]`
 * @returns `[..., out]`
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  checkTensor("compute linear", x);
  checkTensor("compute linear", weight, "a tensor as the weight");
  if (x.shape.length === 1) {
    return reshape(linear(reshape(x, [1, x.size]), weight, bias), weight.shape.slice(0, 1));
  }
  if (weight instanceof QuantizedMatrix) return quantizedLinear(x, weight, bias);
  return matmul(x, weight, { transposeB: true, bias });
}
