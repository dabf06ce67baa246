/** Orthogonalizing matrices with matmuls only. @module */

import { viewAs } from "../tensor/device.ts";
import { defineProgram, expression as ex, runProgramInto, type Tensor } from "../tensor/mod.ts";
import { runProgramOn } from "../tensor/ops/program.ts";

type Coefficients = readonly [a: number, b: number, c: number];

/** Coefficients of x ↦ a·x + b·x³ + c·x⁵ by iteration, for singular values up to 1/1.01. */
const COEFFICIENTS: readonly Coefficients[] = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
];

export const MAX_ITERATIONS: number = COEFFICIENTS.length;

/** b·A + c·A² */
const polynomial = defineProgram(
  { name: "polar express", inputs: ["gram", "squared"], scalars: ["b", "c"] },
  ({ gram, squared, b, c }) => [ex.add(ex.multiply(b, gram), ex.multiply(c, squared))],
);

/** Adds a·I, on the diagonal alone: kernels that ask each element for its place are half as fast. */
const addIdentity = defineProgram(
  { name: "identity", inputs: ["diagonal"], scalars: ["a"] },
  ({ diagonal, a }) => [ex.add(diagonal, a)],
);

/** Iterations on the Gram matrix alone before a long matrix is updated. */
const MAX_STAGE = { f32: 3, bf16: 1 } as const;

/**
 * Brings the singular values of matrices to about 1, and keeps their singular vectors.
 *
 * An iteration is X ← P·X with P = a·I + b·A + c·A² and A = X·Xᵀ, or multiplies from the right if
 * there are more rows than columns, so that A is the smaller Gram matrix. It applies the polynomial
 * a·x + b·x³ + c·x⁵ to each singular value, without a decomposition.
 *
 * An iteration turns A into P·A·P. So several iterations can work on A alone, with symmetric
 * matmuls only, while Q accumulates the product of the P; then X ← Q·X once. For long matrices that
 * takes little more than half of the operations. But A's rounding errors swamp small singular
 * values: three iterations are as exact as one at a time, five are not. With operands in bf16,
 * three diverge, so each iteration starts from X.
 *
 * Source: Amsel et al., "The Polar Express" (2025), with the coefficients for 5 iterations.
 *
 * @param matrices `[count, rows, columns]`, of spectral norm below 1, in `float32`, or in `bfloat16`,
 * in which all products are rounded. Overwritten or freed.
 * @param iterations From 0 to 5.
 * @returns `[count, rows, columns]`, with singular values between about 0.7 and 1.2, except those
 * that were tiny.
 *
 * @example A diagonal matrix becomes the identity, more or less
 * ```ts
 * import { openDevice, Tensor } from "../tensor/mod.ts";
 * import { polarExpress } from "./polar_express.ts";
 *
 * const device = await openDevice("cpu", { threads: 1, blas: false });
 * const [a, b, c, d] = await polarExpress(Tensor.from(device, [[[0.7, 0], [0, 0.1]]]), 5).data();
 * if (b !== 0 || c !== 0) throw new Error("expected a diagonal matrix");
 * if (Math.abs(a! - 1) > 0.3 || Math.abs(d! - 1) > 0.3) throw new Error(`got ${a} and ${d}`);
 * await device.close();
 * ```
 */
export function polarExpress(matrices: Tensor, iterations: number): Tensor {
  const { device } = matrices;
  const [rows, columns] = matrices.shape.slice(-2) as [number, number];
  const isTall = rows > columns;
  let x = matrices;
  const precision = matrices.dtype === "bfloat16" ? "bf16" : device.matmulPrecision;
  for (const stage of stagesOf(rows, columns, iterations, precision)) {
    const gram = x.matmul(x, { transposeA: isTall, transposeB: !isTall, symmetric: true });
    const factor = productOfFactors(gram, stage);
    const next = isTall ? x.matmul(factor) : factor.matmul(x);
    for (const used of [x, factor]) used.dispose();
    x = next;
  }
  return x;
}

/**
 * Floating-point operations of {@linkcode polarExpress} on one matrix, in the stages of f32;
 * symmetric matmuls count half.
 *
 * @example
 * ```ts
 * import { polarExpressFlops } from "./polar_express.ts";
 *
 * // The Gram matrix, its square, and the product of the factor with the matrix: 1 + 1 + 2 of 8³.
 * if (polarExpressFlops(8, 8, 1) !== 4 * 8 ** 3) throw new Error("expected 2,048");
 * ```
 */
export function polarExpressFlops(rows: number, columns: number, iterations: number): number {
  const size = Math.min(rows, columns);
  return stagesOf(rows, columns, iterations).reduce((sum, { length }) => {
    // Each iteration computes A²; each but the first also P·A·P for the next A, and the product of
    // the P.
    const symmetric = length + 3 * (length - 1);
    return sum + 3 * rows * columns * size + symmetric * size ** 3;
  }, 0);
}

/** The coefficients of the iterations, grouped by stages between which the matrix is updated. */
function stagesOf(
  rows: number,
  columns: number,
  iterations: number,
  precision: keyof typeof MAX_STAGE = "f32",
): readonly (readonly Coefficients[])[] {
  const all = COEFFICIENTS.slice(0, iterations);
  const isLong = Math.max(rows, columns) >= 2 * Math.min(rows, columns);
  if (!isLong) return all.map((one) => [one]);
  const size = MAX_STAGE[precision];
  return all.flatMap((_, i) => i % size === 0 ? [all.slice(i, i + size)] : []);
}

/** All factors are polynomials of one symmetric matrix, so their product is symmetric. */
const SYMMETRIC = { symmetric: true };

/**
 * The product of the factors P of several iterations, from `gram`, A before the first of them,
 * `[count, size, size]`, which is freed.
 */
function productOfFactors(gram: Tensor, [first, ...others]: readonly Coefficients[]): Tensor {
  let factor = factorOf(gram, first!);
  let all = factor;
  for (const coefficients of others) {
    const half = gram.matmul(factor, SYMMETRIC);
    gram.dispose();
    gram = factor.matmul(half, SYMMETRIC);
    half.dispose();
    if (factor !== all) factor.dispose();
    factor = factorOf(gram, coefficients);
    const before = all;
    all = factor.matmul(before, SYMMETRIC);
    before.dispose();
  }
  gram.dispose();
  if (factor !== all) factor.dispose();
  return all;
}

/** a·I + b·A + c·A² */
function factorOf(gram: Tensor, [a, b, c]: Coefficients): Tensor {
  const [count, size] = gram.shape as [number, number];
  const factor = gram.matmul(gram, SYMMETRIC);
  runProgramInto(polynomial, [gram, factor], [factor], [b, c]);
  const diagonal = viewAs(factor, [count, size], [size * size, size + 1]);
  runProgramOn(gram.device, addIdentity, [diagonal], [diagonal], [a]);
  return factor;
}
