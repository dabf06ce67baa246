/** Making matrices orthogonal by products alone. @module */

import { defineProgram, expression as ex, matmul, runProgramInto, Tensor } from "../tensor/mod.ts";

/** The coefficients of x ↦ a·x + b·x³ + c·x⁵ in each iteration, for singular values up to 1/1.01. */
const COEFFICIENTS = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
] as const;

/** The most iterations that there are coefficients for. */
export const MOST_ITERATIONS: number = COEFFICIENTS.length;

/**
 * a·I + b·A + c·A². With the identity inside the factor, an iteration is one product with it, and the
 * matrices themselves are not read again.
 */
const polynomial = defineProgram(
  {
    name: "polar express",
    inputs: ["gram", "squared", "row"],
    perRow: ["row"],
    scalars: ["a", "b", "c"],
  },
  ({ gram, squared, row, a, b, c }) => [
    ex.add(
      ex.add(ex.multiply(b, gram), ex.multiply(c, squared)),
      ex.select(ex.equal(ex.column, row), a, 0),
    ),
  ],
);

/**
 * Brings the singular values of matrices to about 1, and leaves their singular vectors alone.
 *
 * Each iteration is X ← (a·I + b·A + c·A²)·X with A = X·Xᵀ, or from the other side for a matrix of
 * more rows than columns, so that A is the smaller of the two. It treats each singular value by the
 * polynomial a·x + b·x³ + c·x⁵ and needs no decomposition.
 *
 * Source: Amsel et al., "The Polar Express" (2025), with the coefficients for 5 iterations.
 *
 * @param matrices `[count, rows, columns]`, of spectral norm below 1. Overwritten or freed.
 * @param iterations From 0 to 5.
 * @returns `[count, rows, columns]`, with singular values between about 0.7 and 1.2 for those that
 * were not tiny.
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
  const size = Math.min(rows, columns);
  const row = Tensor.arange(device, 0, size, 1, "float32").reshape([size, 1]);
  let x = matrices;
  for (const coefficients of COEFFICIENTS.slice(0, iterations)) {
    const gram = matmul(x, x, { transposeA: isTall, transposeB: !isTall, symmetric: true });
    const factor = matmul(gram, gram, { symmetric: true });
    runProgramInto(polynomial, [gram, factor, row], [factor], coefficients);
    const next = isTall ? matmul(x, factor) : matmul(factor, x);
    for (const used of [x, gram, factor]) used.dispose();
    x = next;
  }
  row.dispose();
  return x;
}
