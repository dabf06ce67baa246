/** Matmul by the system's BLAS, or by oneDNN where that is faster, or alone can. @module */

import { allocateView, type CpuDevice, viewAs } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { bytesPerElement } from "../../layout.ts";
import { copyView } from "../../ops/elementwise.ts";
import {
  type MatmulProblem,
  matmulWork,
  type Matrix,
  transposeMatmul,
} from "../../ops/matmul/problem.ts";
import { type Sgemm, sgemmArguments } from "./sgemm_call.ts";
import { ONEDNN_LIMITS } from "./thread_matmuls.ts";

/** Below this many operations, another thread costs BLAS more than it gains. */
const BLAS_OPERATIONS_PER_THREAD = 500_000;
/**
 * OpenBLAS does not pack if the result is at most this small, there are at most this many
 * multiplications, and both matrices are contiguous along k. With few rows, strips of one of these
 * widths that stay below are up to twice as fast as the whole.
 */
const UNPACKED = { elements: 1024, multiplications: 1_000_000, widths: [64, 32, 16] };
/** Batch items with fewer operations are not worth a BLAS call each. */
const BLAS_OPERATIONS_PER_ITEM = 60_000;

const NO_BLAS = "no BLAS is open";

/**
 * A matmul by BLAS. On a device for `bf16` it rounds its operands if it is large enough, and the
 * order of additions may depend on the number of threads.
 */
export const blasMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "BLAS",
  device: "cpu",
  gain: { factor: 3.17, of: "1024×256×1024, against packed" },
  refuses: ({ m, n, k, outer, inner, c }, { hasBlas }) => {
    if (!hasBlas) return NO_BLAS;
    if (k === 0) return "the sums are empty";
    if (c.column !== 1) return "the result is stored by columns";
    const isLarge = outer * inner === 1 || 2 * m * n * k >= BLAS_OPERATIONS_PER_ITEM;
    return isLarge ? null : "the matrices of the batch are small";
  },
  run: (problem, device) => callBlas(device, problem),
};

/** Minimum speed of a library with operands of `bfloat16`, relative to single precision. */
export const MIN_BFLOAT16_SPEED = 1.2;

/** Why oneDNN cannot multiply it in `bfloat16`, be that faster or not; or `null`. */
export function bfloat16Problem({ m, n, k, a, b, c }: MatmulProblem): string | null {
  if (a.dtype !== "bfloat16" || b.dtype !== "bfloat16") return "an operand is not in bfloat16";
  if (c.dtype === "float16") return "the result is in float16";
  if (k === 0) return "the sums are empty";
  if (c.column !== 1) return "the result is stored by columns";
  // oneDNN computes these wrongly.
  return m === 1 || n === 1 ? "the result is a row or a column" : null;
}

/** A matmul of `bfloat16` by oneDNN, which adds in single precision. */
export const bfloat16Matmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "bfloat16",
  device: "cpu",
  gain: { factor: 2.78, of: "256×256×256 on AMD with AVX-512 BF16, against widened" },
  refuses: (problem, device) => {
    const reason = bfloat16Problem(problem);
    if (reason !== null || device.bfloat16Speed >= MIN_BFLOAT16_SPEED) return reason;
    return "no library multiplies it faster";
  },
  run: (problem, device) => callBlas(device, problem),
};

/** The most rows, and the fewest elements of the large matrix, with which {@linkcode bfloat16FewRows} gains. */
const FEW = { maxRows: 32, minElements: 1 << 16 };

/**
 * A few rows of `bfloat16` with a large matrix, as cᵀ = bᵀ · aᵀ: oneDNN rearranges its second operand at
 * each call, and that is the small one then. A copy transposes the result.
 */
export const bfloat16FewRows: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "bfloat16 of few rows",
  device: "cpu",
  gain: { factor: 1.2, of: "16×768×3072 on AMX, against bfloat16" },
  refuses: (problem, device) => {
    const { m, n, k, outer, inner, b, accumulate } = problem;
    if (outer * inner > 1) return "it is a batch";
    if (accumulate) return "it adds to the result";
    if (b.row !== 1) return "the second operand is not transposed";
    if (m > FEW.maxRows || n * k < FEW.minElements) return "it has many rows, or a small matrix";
    return bfloat16Matmul.refuses(problem, device);
  },
  run: (problem, device) => {
    const { m, n, c } = problem;
    const columns = allocateView(device, c.dtype, [n, m], "a transposed product");
    const transposed = { ...columns, row: m, column: 1, outer: 0, inner: 0 };
    callBlas(device, { ...transposeMatmul(problem), c: transposed }, problem);
    copyView(device, viewAs(columns, [m, n], [1, m]), viewAs(c, [m, n], [c.row, 1]));
    device.free(columns.allocation);
  },
};

/** A skinny matmul by BLAS, in strips of columns that OpenBLAS does not pack. */
export const blasStripsMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "BLAS in strips",
  device: "cpu",
  gain: { factor: 2.07, of: "16×256×1024, against a whole BLAS call" },
  refuses: (problem, device) => {
    const { m, n, k, outer, inner, a, b, c } = problem;
    if (!device.hasBlas) return NO_BLAS;
    if (k === 0) return "the sums are empty";
    if (outer * inner > 1) return "it is a batch";
    if (a.column !== 1 || b.row !== 1 || c.column !== 1) return "an operand is transposed";
    const width = stripWidth(problem);
    if (width === undefined || n < 2 * width) return "it has many rows, or few columns";
    const { precision = device.matmulPrecision } = problem;
    const isForBlas = !device.hasOneDnn ||
      (precision === "f32" && m <= ONEDNN_LIMITS.maxBlasRows) ||
      2 * m * n * k < device.threads * ONEDNN_LIMITS.minOperations[precision];
    return isForBlas ? null : "oneDNN computes it faster";
  },
  run: (problem, device) => {
    const { n, b, c } = problem;
    const width = stripWidth(problem)!;
    const count = Math.floor(n / width);
    const step = (matrix: Matrix) => matrix.column * width;
    const strips = {
      ...problem,
      n: width,
      inner: count,
      b: { ...b, inner: step(b) },
      c: { ...c, inner: step(c) },
    };
    callBlas(device, strips, { ...problem, n: count * width });
    const rest = n - count * width;
    if (rest === 0) return;
    const after = (matrix: Matrix) => ({ ...matrix, offset: matrix.offset + count * step(matrix) });
    callBlas(device, { ...problem, n: rest, b: after(b), c: after(c) });
  },
};

function stripWidth({ m, k }: MatmulProblem): number | undefined {
  return UNPACKED.widths.find((width) =>
    m * width <= UNPACKED.elements && m * width * k <= UNPACKED.multiplications
  );
}

/**
 * Threads get batch items if these divide evenly, so that no two pack the same matrix; otherwise a
 * part of each item, along the longer side of the result. Profiles show `asked`, of which this may
 * be a part.
 */
function callBlas(
  device: CpuDevice,
  problem: MatmulProblem,
  asked: MatmulProblem = problem,
): void {
  const { m, n, k, a, b, c, accumulate } = problem;
  const [shared, other] = batchAxes(problem, device.threads);
  const count = problem[shared];
  const outer = problem[other];
  const split = count > 1 && count % device.threads === 0 ? "batch" : m >= n ? "rows" : "columns";
  const items = { batch: count, rows: m, columns: n }[split];
  const itemOperations = 2 * k * outer *
    { batch: m * n, rows: count * n, columns: count * m }[split];
  const operandBytes = bytesPerElement(a.dtype);
  const resultBytes = bytesPerElement(c.dtype);
  // No thread may get a single row or column, which oneDNN would compute wrongly.
  const least = operandBytes === 2 && split !== "batch" ? 2 : 1;
  const grain = Math.max(least, Math.ceil(BLAS_OPERATIONS_PER_THREAD / itemOperations));
  const [transposeA, lda] = blasOrder(a, m, k);
  const [transposeB, ldb] = blasOrder(b, k, n);
  const gemm: Sgemm = {
    transposeA,
    transposeB,
    m,
    n,
    k,
    a: device.address(a),
    lda,
    b: device.address(b),
    ldb,
    c: device.address(c),
    ldc: c.row,
    count,
    stepA: operandBytes * a[shared],
    stepB: operandBytes * b[shared],
    stepC: resultBytes * c[shared],
    accumulate: Number(accumulate),
    operandBytes,
    resultBytes,
    outer,
    outerA: operandBytes * a[other],
    outerB: operandBytes * b[other],
    outerC: resultBytes * c[other],
  };
  device.dispatch(
    { key: "sgemm", precision: problem.precision ?? device.matmulPrecision },
    { integers: sgemmArguments(gemm, split) },
    items,
    { grain, work: () => matmulWork(asked) },
  );
}

/**
 * The axes of a batch, the one first that threads share: the inner one, whose matrices lie nearer to each
 * other, unless only the outer one divides evenly.
 */
function batchAxes(
  { outer, inner }: MatmulProblem,
  threads: number,
): readonly ["outer" | "inner", "outer" | "inner"] {
  return inner % threads !== 0 && outer % threads === 0 ? ["outer", "inner"] : ["inner", "outer"];
}

/**
 * The BLAS description of a matrix: transposed or not, and leading dimension. That of a single row
 * or column does not matter, but BLAS requires it to be long enough.
 */
function blasOrder(
  matrix: Matrix,
  rows: number,
  columns: number,
): [transposed: number, leading: number] {
  return matrix.column === 1
    ? [0, Math.max(matrix.row, columns)]
    : [1, Math.max(matrix.column, rows)];
}
