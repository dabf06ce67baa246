/**
 * Matmuls of 16-bit operands in single precision: operands are widened to copies, which the other fast
 * paths multiply, and the result is rounded once.
 *
 * @module
 */

import { allocateView, type Device, type View, type WebGpuDevice } from "../device.ts";
import type { FastPath } from "../fast_paths.ts";
import { bindingLimit } from "../kernel/run.ts";
import { sizeOf } from "../layout.ts";
import { copyView } from "../ops/elementwise.ts";
import { multiply } from "../ops/matmul/multiply.ts";
import type { MatmulProblem, Matrix } from "../ops/matmul/problem.ts";

/** On a GPU, smaller ones are done before copies pay off. */
const MIN_MULTIPLICATIONS = 1 << 20;

const isSingle = ({ dtype }: Matrix) => dtype === "float32";

const refuses = ({ a, b, c }: MatmulProblem) =>
  [a, b, c].every(isSingle) ? "operands and result are in float32" : null;

/** The matrices of a batch, without repetitions, as a view in the order of memory. */
function viewOf(matrix: Matrix, batch: readonly [number, number], rows: number, columns: number) {
  const { allocation, dtype, offset, outer, inner, row, column } = matrix;
  const sizes = [outer === 0 ? 1 : batch[0], inner === 0 ? 1 : batch[1]];
  const isByRows = column === 1;
  const view: View = {
    allocation,
    dtype,
    offset,
    shape: [...sizes, ...(isByRows ? [rows, columns] : [columns, rows])],
    strides: [outer, inner, ...(isByRows ? [row, column] : [column, row])],
  };
  return { view, isByRows };
}

function run(problem: MatmulProblem, device: Device): void {
  const { m, n, k, outer, inner, a, b, c, accumulate } = problem;
  const copies: { readonly from: View; readonly to: View }[] = [];
  const widened = (matrix: Matrix, rows: number, columns: number): Matrix => {
    if (isSingle(matrix)) return matrix;
    const { view, isByRows } = viewOf(matrix, [outer, inner], rows, columns);
    const copy = allocateView(device, "float32", view.shape, "a matmul's operand in float32");
    copies.push({ from: view, to: copy });
    const [row, column] = isByRows ? [columns, 1] : [1, rows];
    const stride = (own: number, wide: number) => own === 0 ? 0 : copy.strides[wide]!;
    return {
      allocation: copy.allocation,
      dtype: "float32",
      offset: 0,
      outer: stride(matrix.outer, 0),
      inner: stride(matrix.inner, 1),
      row,
      column,
    };
  };
  const operands = { a: widened(a, m, k), b: widened(b, k, n) };
  for (const { from, to } of copies) copyView(device, from, to);
  const result = widened(c, m, n);
  const ofResult = isSingle(c) ? null : copies.at(-1)!;
  if (ofResult !== null && accumulate) copyView(device, ofResult.from, ofResult.to);
  multiply(device, { ...problem, ...operands, c: result });
  if (ofResult !== null) copyView(device, ofResult.to, ofResult.from);
  for (const { to } of copies) device.free(to.allocation);
}

/** On the CPU. Its place is before those that take `float32` alone. */
export const widenedMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "widened",
  device: "cpu",
  gain: { factor: 3.36, of: "256×256×256 in bfloat16, against plain" },
  refuses,
  run,
};

/** On a GPU. */
export const widenedMatmulOnGpu: FastPath<"matmul", "webgpu"> = {
  operation: "matmul",
  name: "widened",
  device: "webgpu",
  gain: { unmeasured: "no GPU was at hand; a software adapter runs the plain kernel faster" },
  refuses: (problem, device) => refuses(problem) ?? whyPlain(problem, device),
  run,
};

/** Those of `float16` have kernels of their own. */
function whyPlain(
  { a, b, c, m, n, k, outer, inner }: MatmulProblem,
  device: WebGpuDevice,
): string | null {
  if (![a, b, c].some(({ dtype }) => dtype === "bfloat16")) return "nothing is in bfloat16";
  if (device.info.details.software === true) return "the adapter is software";
  if (m * n * k < MIN_MULTIPLICATIONS) return "it is small";
  const largest = Math.max(...[[m, k], [k, n], [m, n]].map(sizeOf)) * outer * inner;
  return 4 * largest > bindingLimit(device) ? "a copy would exceed a binding" : null;
}
