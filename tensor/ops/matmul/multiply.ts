/** Runs a matmul on views: in parts that the device can bind, each by a fast path or plainly. @module */

import { type Device, type View, viewAs } from "../../device.ts";
import { runFastest } from "../../fast_paths.ts";
import { fitsOneBinding, split } from "../../kernel/run.ts";
import { plainMatmul } from "./plain.ts";
import { describeMatmuls, type MatmulForm, type MatmulProblem, type Matrix } from "./problem.ts";

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`, [..., m, n] with a last stride of 1.
 * One of the last two strides of a and b is 1; batch axes broadcast to those of c. No operand may be
 * in the allocation of c. The order of additions does not depend on the number of threads, except with a
 * BLAS.
 */
export function multiplyViews(
  device: Device,
  a: View,
  b: View,
  c: View,
  form: MatmulForm,
): void {
  for (const problem of describeMatmuls(a, b, c, form)) {
    for (const part of matmulsInRanges(device, problem)) multiply(device, part);
  }
}

/** Computes a matmul whose operands fit a binding each. */
export function multiply(device: Device, problem: MatmulProblem): void {
  if (problem.skipZeros) return plainMatmul(device, problem);
  runFastest("matmul", problem, device, () => plainMatmul(device, problem));
}

/**
 * Cuts a matmul into parts whose operands fit a binding: fewer matrices, rows or columns, or a part
 * of each sum, which is added to the part before.
 *
 * @returns The parts, in execution order.
 */
function matmulsInRanges(device: Device, problem: MatmulProblem): readonly MatmulProblem[] {
  const { outer, inner, m, n, k, a, b, c } = problem;
  const fits = ({ allocation }: Matrix) => fitsOneBinding(device, allocation);
  if ([a, b, c].every(fits)) return [problem];
  const alongAxes = (matrix: Matrix, ...strides: readonly [m: number, n: number, k: number]) =>
    viewAs(matrix, [outer, inner, m, n, k], [matrix.outer, matrix.inner, ...strides]);
  const operands = [
    alongAxes(a, a.row, 0, a.column),
    alongAxes(b, 0, b.column, b.row),
    alongAxes(c, c.row, c.column, 0),
  ];
  const cut = { name: "matmul", axes: 5, firstOutput: 2 };
  const parts = split(device, operands, cut);
  return parts.map(({ views, begin }) => {
    const [outer = 0, inner = 0, m = 0, n = 0, length = 0] = views[0]!.shape;
    const firstTerm = begin[4]!;
    const bound = (of: Matrix, { allocation, offset }: View) => ({ ...of, allocation, offset });
    return {
      ...problem,
      outer,
      inner,
      m,
      n,
      k: length,
      a: bound(a, views[0]!),
      b: bound(b, views[1]!),
      c: bound(c, views[2]!),
      accumulate: problem.accumulate || firstTerm > 0,
      // Only the whole of a symmetric matmul is symmetric.
      symmetric: problem.symmetric && parts.length === 1,
    };
  });
}
