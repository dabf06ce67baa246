/** Polar Express composed of tensor operations: the reference for the stacked kernels. @module */

import type { Tensor } from "../../tensor/mod.ts";

const coefficients = [
  [8.156554524902461, -22.48329292557795, 15.878769915207462],
  [4.042929935166739, -2.808917465908714, 0.5000178451051316],
  [3.8916678022926607, -2.772484153217685, 0.5060648178503393],
  [3.285753657755655, -2.3681294933425376, 0.46449024233003106],
  [2.3465413258596377, -1.7097828382687081, 0.42323551169305323],
] as const;

export function composedPolarExpress(matrix: Tensor): Tensor {
  const [rows, columns] = matrix.shape as [number, number];
  const isTall = rows > columns;
  let x = matrix;
  for (const [a, b, c] of coefficients) {
    const gram = x.matmul(x, { transposeA: isTall, transposeB: !isTall });
    const factor = gram.mul(b).add(gram.matmul(gram).mul(c));
    x = x.mul(a).add(isTall ? x.matmul(factor) : factor.matmul(x));
  }
  return x;
}
