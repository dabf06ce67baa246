/** Matmul. @module */

import { applyOne, type Operation, type Saved, type Specification, viewAs } from "../../apply.ts";
import { applyLater, isWorthDeferring } from "../../deferred.ts";
import { checkOptions, describeValue, type OptionNames } from "../../checks.ts";
import type { MatmulPrecision, View } from "../../device.ts";
import { type DType, isFloat } from "../../dtype.ts";
import { RangeError, TypeError } from "../../errors.ts";
import { broadcastShapes, broadcastStrides, formatShape, shapesEqual } from "../../shape.ts";
import { allocate, checkTensor, type Tensor } from "../../tensor.ts";
import { addInPlace } from "../elementwise.ts";
import { ACTIVATION_FORMS, gradientBefore } from "./epilogue.ts";
import { multiplyViews } from "./multiply.ts";
import type { Epilogue, MatmulActivation } from "./problem.ts";
import { sumToShape } from "../sums.ts";
import { copy, reshape } from "../views.ts";

/** Options for {@linkcode matmul}. Transposing an operand does not copy it. */
export interface MatmulOptions {
  /** Whether to swap the last two axes of `a`. @default {false} */
  readonly transposeA?: boolean;
  /** Whether to swap the last two axes of `b`. @default {false} */
  readonly transposeB?: boolean;
  /** A promise that the result is symmetric, like X Xᵀ: half of it is computed. @default {false} */
  readonly symmetric?: boolean;
  /** Added to the product first: `[N]`, or another shape that broadcasts to the result's. */
  readonly bias?: Tensor;
  /** Activation applied next: `relu` or `reluSquared`. @default {"none"} */
  readonly activation?: MatmulActivation;
  /** Added last: of the shape of the result, or broadcast to it. */
  readonly residual?: Tensor;
  /** `f32` keeps exact what a device for `bf16` would round, in the gradient as well. */
  readonly precision?: "f32";
}

const OPTIONS: OptionNames<MatmulOptions> = {
  transposeA: true,
  transposeB: true,
  symmetric: true,
  bias: true,
  activation: true,
  residual: true,
  precision: true,
};

type Attributes =
  & Required<Pick<MatmulOptions, "transposeA" | "transposeB" | "symmetric">>
  & { readonly precision?: MatmulPrecision };

function matrixShape(
  { shape }: Specification,
  transpose: boolean,
): [rows: number, columns: number] {
  const [rows, columns] = [shape[shape.length - 2]!, shape[shape.length - 1]!];
  return transpose ? [columns, rows] : [rows, columns];
}

const inferMatmul: Operation<Attributes>["infer"] = (
  [a, b, ...addends],
  { transposeA, transposeB },
) => {
  for (const x of [a!, b!]) {
    if (x.shape.length < 2) {
      throw new RangeError(`Cannot matmul: wanted at least 2 axes, got ${formatShape(x.shape)}`);
    }
    if (!isFloat(x.dtype)) {
      throw new TypeError(`Cannot matmul: wanted float32 or float16, got ${x.dtype}`);
    }
  }
  if (a!.dtype !== b!.dtype) {
    throw new TypeError(
      `Cannot matmul: wanted operands of one type, got ${a!.dtype} and ${b!.dtype}`,
    );
  }
  const [m, k] = matrixShape(a!, transposeA);
  const [k2, n] = matrixShape(b!, transposeB);
  if (k !== k2) {
    const mark = (x: Specification, t: boolean) => formatShape(x.shape) + (t ? " transposed" : "");
    throw new RangeError(
      `Cannot matmul ${mark(a!, transposeA)} by ${mark(b!, transposeB)}: ${k} columns against ` +
        `${k2} rows`,
    );
  }
  const shape = broadcastShapes([a!.shape.slice(0, -2), b!.shape.slice(0, -2)], "matmul");
  shape.push(m, n);
  for (const addend of addends) {
    if (addend.dtype !== a!.dtype) {
      throw new TypeError(`Cannot add to a matmul: wanted ${a!.dtype}, got ${addend.dtype}`);
    }
    if (!shapesEqual(broadcastShapes([shape, addend.shape], "add to a matmul"), shape)) {
      throw new RangeError(
        `Cannot add to a matmul: wanted what broadcasts to ${formatShape(shape)}, got ` +
          formatShape(addend.shape),
      );
    }
  }
  return [{ shape, dtype: a!.dtype }];
};

function matmulOperation(activation: MatmulActivation): Operation<Attributes> {
  return {
    name: "matmul",
    infer: inferMatmul,
    run: (_device, [a, b, ...addends], [c], attributes) => {
      if (addends.length === 0 && activation === "none") {
        return multiplyInto(a!, b!, c!, attributes);
      }
      const views = addends.map((addend) => {
        const strides = broadcastStrides(addend.shape, addend.strides, c!.shape, "matmul");
        return viewAs(addend, c!.shape, strides);
      });
      multiplyInto(a!, b!, c!, attributes, { addends: views, activation });
    },
    gradient: {
      savesInputs: [0, 1],
      savesOutputs: activation === "none" ? [] : [0],
      // For C = AB: dA = dC Bᵀ and dB = Aᵀ dC. With transposed operands, only the flags change.
      apply: (given, saved, attributes, [wantsA, wantsB, ...wantsAddends], sums) => {
        const upstream = gradientBefore(activation, () => saved.output(0), given);
        const [sumA, sumB, ...sumsOfAddends] = sums;
        return [
          wantsA ? gradientOfA(upstream, saved, attributes, sumA!) : null,
          wantsB ? gradientOfB(upstream, saved, attributes, sumB!) : null,
          ...wantsAddends.map((wants, i) =>
            wants ? addSum(upstream, saved.inputShapes[2 + i]!, sumsOfAddends[i]!) : null
          ),
        ];
      },
    },
  };
}

const OPERATIONS: Readonly<Record<MatmulActivation, Operation<Attributes>>> = {
  none: matmulOperation("none"),
  relu: matmulOperation("relu"),
  reluSquared: matmulOperation("reluSquared"),
};

/** The matmul that {@linkcode linear} defers where its result is large. */
export const linearOperation: Operation<Attributes> = OPERATIONS.none;

function gradientOfA(
  upstream: Tensor,
  saved: Saved,
  { transposeA, transposeB, precision }: Attributes,
  sum: Tensor | null,
): Tensor {
  const [{ shape }, b] = [saved.input(0), saved.input(1)];
  const [left, right, flags] = transposeA
    ? [b, upstream, { transposeA: transposeB, transposeB: true }] as const
    : [upstream, b, { transposeB: !transposeB }] as const;
  const options = { ...flags, ...withPrecision(precision) };
  return addMatmul(left, right, options, shape, saved.gradientTypes[0]!, sum);
}

function gradientOfB(
  upstream: Tensor,
  saved: Saved,
  { transposeA, transposeB, precision }: Attributes,
  sum: Tensor | null,
): Tensor {
  const [a, { shape }] = [saved.input(0), saved.input(1)];
  // Batches that share one matrix are more rows of a single matmul.
  const isShared = !transposeA && a.shape.length > 2 && shape.length === 2;
  const [x, y] = isShared ? [joinRows(a), joinRows(upstream)] : [a, upstream];
  const [left, right, flags] = transposeB
    ? [y, x, { transposeA: true, transposeB: transposeA }] as const
    : [x, y, { transposeA: !transposeA }] as const;
  const options = { ...flags, ...withPrecision(precision) };
  return addMatmul(left, right, options, shape, saved.gradientTypes[1]!, sum);
}

function withPrecision(precision: MatmulPrecision | undefined): Pick<Attributes, "precision"> {
  return precision === undefined ? {} : { precision };
}

function addSum(upstream: Tensor, shape: readonly number[], sum: Tensor | null): Tensor {
  if (sum === null || !shapesEqual(shape, upstream.shape)) return sumToShape(upstream, shape);
  addInPlace(sum, upstream);
  return sum;
}

function joinRows(x: Tensor): Tensor {
  return reshape(x, [-1, x.shape.at(-1)!]);
}

/**
 * Multiplies into an existing result, or adds to it; nothing is recorded. `c` has contiguous rows,
 * in memory that no operand shares. The epilogue is applied to a product that overwrites it.
 */
export function multiplyInto(
  a: Tensor,
  b: Tensor,
  c: Tensor,
  options: Attributes & { readonly accumulate?: boolean },
  epilogue?: Epilogue<View>,
): void {
  const viewA = broadcastBatch(withUnitStride(a), c.shape);
  const viewB = broadcastBatch(withUnitStride(b), c.shape);
  multiplyViews(c.device, viewA, viewB, c, options, epilogue);
}

function addMatmul(
  a: Tensor,
  b: Tensor,
  options: Partial<Attributes>,
  shape: readonly number[],
  dtype: DType,
  sum: Tensor | null,
): Tensor {
  const attributes = { transposeA: false, transposeB: false, symmetric: false, ...options };
  const [{ shape: own }] = inferMatmul([a, b], attributes) as [Specification];
  if (sum !== null && shapesEqual(own, shape)) {
    multiplyInto(a, b, sum, { ...attributes, accumulate: true });
    return sum;
  }
  const result = allocate(a.device, { shape: own, dtype }, "matmul");
  multiplyInto(a, b, result, attributes);
  return sumToShape(result, shape);
}

/** The operand, or a copy if neither rows nor columns are contiguous. */
function withUnitStride(x: Tensor): Tensor {
  const [row, column] = [x.shape.length - 2, x.shape.length - 1];
  const [rows, columns] = [x.shape[row]!, x.shape[column]!];
  const [rowStride, columnStride] = [x.strides[row]!, x.strides[column]!];
  const byRows = columns <= 1 || (columnStride === 1 && (rows <= 1 || rowStride >= columns));
  const byColumns = rows <= 1 || (rowStride === 1 && (columns <= 1 || columnStride >= rows));
  return byRows || byColumns ? x : copy(x);
}

function broadcastBatch(x: Tensor, result: readonly number[]): View {
  if (result.length === 2) return x;
  const shape = result.slice();
  for (let axis = 1; axis <= 2; axis++) {
    shape[shape.length - axis] = x.shape[x.shape.length - axis]!;
  }
  return viewAs(x, shape, broadcastStrides(x.shape, x.strides, shape, "matmul"));
}

/**
 * Matmul of the last two axes; the leading axes are batches, with broadcasting. Options are fused
 * into the kernel: activation(a b + bias) + residual.
 *
 * @param a `[..., M, K]`, or `[..., K, M]` if transposed.
 * @param b `[..., K, N]`, or `[..., N, K]` if transposed.
 * @returns `[..., M, N]`, of the dtype of the operands. Sums are computed in single precision.
 * @throws {RangeError} If the shapes do not match.
 * @throws {TypeError} If an operand is neither `float32` nor `float16`, or their dtypes differ.
 *
 * @example
 * ```ts
 * import { matmul, openDevice, Tensor } from "../../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [a, b] = [Tensor.from(device, [[1, 2]]), Tensor.from(device, [[3], [4]])];
 * if (await matmul(a, b).item() !== 11) throw new Error("expected 1 · 3 + 2 · 4");
 * const bias = Tensor.from(device, [-13]);
 * if (await matmul(a, b, { bias, activation: "relu" }).item() !== 0) throw new Error("expected 0");
 * await device.close();
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  checkOptions("compute matmul", options, OPTIONS);
  const { transposeA = false, transposeB = false, bias, activation = "none", residual } = options;
  if (!Object.hasOwn(OPERATIONS, activation)) {
    const names = Object.keys(OPERATIONS).join(", ");
    throw new TypeError(
      `Cannot compute matmul: wanted the activation ${names}, got ${describeValue(activation)}`,
    );
  }
  // The gradient of a fused activation is computed from its output. Half precision may round that
  // output to 0: then the activation is a separate operation, which keeps its input. A residual
  // would overwrite the output, so it is added separately.
  const isActivated = activation === "none" || a.dtype === "float32";
  const addends = [bias, activation === "none" ? residual : undefined].filter((x) =>
    x !== undefined
  );
  const result = applyOne(OPERATIONS[isActivated ? activation : "none"], [a, b, ...addends], {
    transposeA,
    transposeB,
    // Addends need not be symmetric.
    symmetric: addends.length === 0 && (options.symmetric ?? false),
    ...withPrecision(options.precision),
  });
  if (activation === "none") return result;
  const active = isActivated ? result : ACTIVATION_FORMS[activation].operation(result);
  return residual === undefined ? active : residual.add(active);
}

/**
 * A linear layer: x Wᵀ + b.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`
 * @param bias `[out]`
 * @param then Fused into the kernel, as by {@linkcode matmul}.
 * @returns `[..., out]`
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  then: Pick<MatmulOptions, "activation" | "residual"> = {},
): Tensor {
  checkTensor("compute linear", x);
  checkTensor("compute linear", weight, "a tensor as the weight");
  if (x.shape.length === 1) {
    return reshape(linear(reshape(x, [1, x.shape[0]!]), weight, bias, then), [weight.shape[0]!]);
  }
  const isPlain = bias === undefined && then.activation === undefined &&
    then.residual === undefined;
  if (isPlain && isWorthDeferring(x.size / x.shape.at(-1)! * weight.shape[0]!)) {
    const attributes = { transposeA: false, transposeB: true, symmetric: false };
    return applyLater(linearOperation, [x, weight], attributes);
  }
  return matmul(x, weight, { ...then, transposeB: true, ...(bias === undefined ? {} : { bias }) });
}
