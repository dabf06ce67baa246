/** The matrix product. @module */

import { allocate, applyOne, type Operation, type Specification, viewAs } from "../apply.ts";
import type { View } from "../device.ts";
import { type DType, isFloat } from "../dtype.ts";
import { broadcastShapes, broadcastStrides, formatShape, shapesEqual } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { matmulOnCpu } from "./matmul_wasm.ts";
import { matmulOnWebGpu } from "./matmul_wgsl.ts";
import { sumToShape } from "./reduce.ts";
import { copy, reshape } from "./views.ts";

/** Which operands are transposed before they are multiplied: without a copy. */
export interface MatmulOptions {
  /** Use `a`'s last two axes in the other order. */
  readonly transposeA?: boolean;
  /** Use `b`'s last two axes in the other order. */
  readonly transposeB?: boolean;
  /** A promise that the product is symmetric, as X Xᵀ is: only half of it needs to be computed. */
  readonly symmetric?: boolean;
}

type Attributes = Required<MatmulOptions>;

/** Rows and columns of an operand, after its transposition. */
function matrixShape(
  { shape }: Specification,
  transpose: boolean,
): [rows: number, columns: number] {
  const [rows, columns] = [shape[shape.length - 2]!, shape[shape.length - 1]!];
  return transpose ? [columns, rows] : [rows, columns];
}

const matmulOperation: Operation<Attributes> = {
  name: "matmul",
  infer: ([a, b], { transposeA, transposeB }) => {
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
      const mark = (x: Specification, t: boolean) =>
        formatShape(x.shape) + (t ? " transposed" : "");
      throw new RangeError(
        `Cannot matmul ${mark(a!, transposeA)} by ${mark(b!, transposeB)}: ${k} columns against ` +
          `${k2} rows`,
      );
    }
    const shape = broadcastShapes([a!.shape.slice(0, -2), b!.shape.slice(0, -2)], "matmul");
    shape.push(m, n);
    return [{ shape, dtype: a!.dtype }];
  },
  run: (_device, [a, b], [c], attributes) => multiplyInto(a!, b!, c!, attributes),
  gradient: {
    savesInputs: [0, 1],
    // For C = AB: dA = dC Bᵀ and dB = Aᵀ dC. Transposed operands only move the marks around.
    apply: (upstream, saved, { transposeA, transposeB }, [wantsA, wantsB], [sumA, sumB]) => {
      const [typeA, typeB] = saved.gradientTypes as [DType, DType];
      const a = saved.input(0);
      const b = saved.input(1);
      const gradientOfA = () =>
        transposeA
          ? addProduct(
            b,
            upstream,
            { transposeA: transposeB, transposeB: true },
            a.shape,
            typeA,
            sumA!,
          )
          : addProduct(upstream, b, { transposeB: !transposeB }, a.shape, typeA, sumA!);
      const gradientOfB = () => {
        // Rows that all batches have against one matrix are rows of one product.
        const isShared = !transposeA && a.shape.length > 2 && b.shape.length === 2;
        const [left, right] = isShared ? [joinRows(a), joinRows(upstream)] : [a, upstream];
        return transposeB
          ? addProduct(
            right,
            left,
            { transposeA: true, transposeB: transposeA },
            b.shape,
            typeB,
            sumB!,
          )
          : addProduct(left, right, { transposeA: !transposeA }, b.shape, typeB, sumB!);
      };
      return [wantsA ? gradientOfA() : null, wantsB ? gradientOfB() : null];
    },
  },
};

/** All rows of all batches as one matrix. */
function joinRows(x: Tensor): Tensor {
  return reshape(x, [-1, x.shape.at(-1)!]);
}

/**
 * Multiplies into a result that is there already, or adds to what it holds. For operations: nothing is
 * recorded.
 *
 * @param c Of the shape that the product has, with rows that are contiguous, in memory of its own.
 */
export function multiplyInto(
  a: Tensor,
  b: Tensor,
  c: Tensor,
  options: Attributes & { readonly accumulate?: boolean },
): void {
  const viewA = broadcastBatch(withUnitStride(a), c.shape);
  const viewB = broadcastBatch(withUnitStride(b), c.shape);
  if (c.device.kind === "cpu") matmulOnCpu(c.device, viewA, viewB, c, options);
  else matmulOnWebGpu(c.device, viewA, viewB, c, options);
}

/** A product as a gradient of this shape: added to the sum of others where that is possible. */
function addProduct(
  a: Tensor,
  b: Tensor,
  options: MatmulOptions,
  shape: readonly number[],
  dtype: DType,
  sum: Tensor | null,
): Tensor {
  const attributes = { transposeA: false, transposeB: false, symmetric: false, ...options };
  const [{ shape: own }] = matmulOperation.infer([a, b], attributes) as [Specification];
  if (sum !== null && shapesEqual(own, shape)) {
    multiplyInto(a, b, sum, { ...attributes, accumulate: true });
    return sum;
  }
  const product = allocate(a.device, { shape: own, dtype }, "matmul");
  multiplyInto(a, b, product, attributes);
  return sumToShape(product, shape);
}

/** The operand, or a copy where neither rows nor columns lie together. */
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
 * The matrix product of the last two axes; the axes before them are batches, and are broadcast.
 *
 * @param a `[..., M, K]`, or `[..., K, M]` if it is to be transposed.
 * @param b `[..., K, N]`, or `[..., N, K]` if it is to be transposed.
 * @returns `[..., M, N]`, of the type of the operands. Sums are made in single precision.
 * @throws {RangeError} If the shapes do not match.
 * @throws {TypeError} If an operand is neither `float32` nor `float16`, or they are of two types.
 *
 * @example
 * ```ts
 * import { matmul, openDevice, Tensor } from "../mod.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const product = matmul(Tensor.from(device, [[1, 2]]), Tensor.from(device, [[3], [4]]));
 * if (await product.item() !== 11) throw new Error("expected 1 · 3 + 2 · 4");
 * await device.close();
 * ```
 */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, symmetric = false } = options;
  return applyOne(matmulOperation, [a, b], { transposeA, transposeB, symmetric });
}

/**
 * A linear layer: x Wᵀ + b.
 *
 * @param x `[..., in]`
 * @param weight `[out, in]`
 * @param bias `[out]`
 * @returns `[..., out]`
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  if (x.shape.length === 1) {
    return reshape(linear(reshape(x, [1, x.shape[0]!]), weight, bias), [weight.shape[0]!]);
  }
  const product = matmul(x, weight, { transposeB: true });
  return bias === undefined ? product : product.add(bias);
}
