/**
 * Matmul on the CPU: chooses the fastest algorithm. From slowest to fastest: register
 * tiles (`plain.ts`), register tiles over packed panels (`packed_wasm.ts`), the system's BLAS,
 * oneDNN. Skinny matmuls are bound by reading the other matrix (`rows_wasm.ts`), and symmetric ones
 * need half of the work (`symmetric_wasm.ts`).
 *
 * @module
 */

import type { CpuDevice, View } from "../../device.ts";
import { MAX_BLAS_ROWS, MIN_ONEDNN_OPERATIONS } from "../../devices/cpu/onednn.ts";
import { packedMatmul } from "./packed_wasm.ts";
import { plainMatmul } from "./plain.ts";
import { addressOf } from "./words_wasm.ts";
import {
  describeMatmuls,
  type MatmulOptions,
  type MatmulProblem,
  matmulWork,
  type Matrix,
  transposeMatmul,
} from "./problem.ts";
import { rowsMatmul } from "./rows_wasm.ts";
import { symmetricMatmul } from "./symmetric_wasm.ts";

/**
 * Maximum rows for which reading the other matrix in place beats packing it, as the BLAS does too.
 * Scaled rows are summed in memory instead of registers, so they lose earlier.
 */
const MAX_SKINNY_ROWS = { dots: 32, dotsWithBlas: 8, sums: 8, sumsWithBlas: 2 };
/** Minimum elements of the other matrix for that, except with very few rows. */
const MIN_LARGE_MATRIX = 1 << 17;
const VERY_FEW_ROWS = 4;
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

export const CPU_MATMULS: Readonly<
  Record<"plain" | "packed" | "rows" | "blas", {
    readonly fits: (device: CpuDevice, problem: MatmulProblem) => boolean;
    readonly run: (device: CpuDevice, problem: MatmulProblem, accumulate: boolean) => void;
  }>
> = {
  plain: { fits: () => true, run: plainMatmul },
  packed: { fits: (_, { k }) => k > 0, run: packedMatmul },
  rows: {
    fits: (_, { k, b, c }) => k > 0 && (b.row === 1 || (b.column === 1 && c.column === 1)),
    run: rowsMatmul,
  },
  blas: {
    fits: (device, { k, c }) => device.hasBlas && k > 0 && c.column === 1,
    run: blasByStrips,
  },
};

/**
 * Computes `c = op(a) · op(b)` in float32, or adds it to `c`, [..., m, n] with a last stride of 1.
 * One of the last two strides of a and b is 1; batch axes are equal, with strides 0 where they are
 * shared. On a device for `bf16`, a BLAS call of this file rounds its operands if it is large
 * enough; the other algorithms round nothing. The order of additions does not depend on the number
 * of threads, except with a BLAS.
 */
export function matmulOnCpu(
  device: CpuDevice,
  a: View,
  b: View,
  c: View,
  options: MatmulOptions,
): void {
  const accumulate = options.accumulate ?? false;
  for (const problem of describeMatmuls(a, b, c, options)) {
    if (options.symmetric && problem.m === problem.n) {
      symmetricMatmul(device, problem, (strip) => multiply(device, strip, accumulate));
    } else {
      multiply(device, problem, accumulate);
    }
  }
}

function multiply(device: CpuDevice, problem: MatmulProblem, accumulate: boolean): void {
  const { m, n, k, outer, inner } = problem;
  if (k === 0) return plainMatmul(device, problem, accumulate);
  if (isBestByRows(device, problem)) return rowsMatmul(device, problem, accumulate);
  const transposed = transposeMatmul(problem);
  if (isBestByRows(device, transposed)) {
    return rowsMatmul(device, transposed, accumulate, problem);
  }
  const isSmallItem = outer * inner > 1 && 2 * m * n * k < BLAS_OPERATIONS_PER_ITEM;
  const way = device.hasBlas && !isSmallItem ? blasByStrips : packedMatmul;
  way(device, problem, accumulate);
}

function isBestByRows(device: CpuDevice, problem: MatmulProblem): boolean {
  if (!CPU_MATMULS.rows.fits(device, problem)) return false;
  const { m, n, k, b } = problem;
  const isDots = b.row === 1;
  if (isDots && !device.hasBlas) return m <= MAX_SKINNY_ROWS.dots;
  const most = isDots
    ? MAX_SKINNY_ROWS.dotsWithBlas
    : device.hasBlas
    ? MAX_SKINNY_ROWS.sumsWithBlas
    : MAX_SKINNY_ROWS.sums;
  return m <= most && (m <= VERY_FEW_ROWS || n * k >= MIN_LARGE_MATRIX);
}

function blasByStrips(device: CpuDevice, problem: MatmulProblem, accumulate: boolean): void {
  const { m, n, k, outer, inner, a, b, c } = problem;
  const { precision = device.matmulPrecision } = problem;
  const isOneDnns = device.hasOneDnn && (precision === "bf16" || m > MAX_BLAS_ROWS) &&
    2 * m * n * k >= device.threads * MIN_ONEDNN_OPERATIONS[precision];
  const suits = !isOneDnns && a.column === 1 && b.row === 1 && outer * inner === 1;
  const width = UNPACKED.widths.find((width) =>
    m * width <= UNPACKED.elements && m * width * k <= UNPACKED.multiplications
  );
  if (!suits || width === undefined || n < 2 * width) {
    return blasMatmul(device, problem, accumulate);
  }
  const count = Math.floor(n / width);
  const [step, rest] = [(matrix: Matrix) => matrix.column * width, n - count * width];
  const strips = {
    ...problem,
    ...{ n: width, inner: count },
    b: { ...b, inner: step(b) },
    c: { ...c, inner: step(c) },
  };
  blasMatmul(device, strips, accumulate, { ...problem, n: count * width });
  if (rest === 0) return;
  const after = (matrix: Matrix) => ({ ...matrix, offset: matrix.offset + count * step(matrix) });
  blasMatmul(device, { ...problem, n: rest, b: after(b), c: after(c) }, accumulate);
}

/**
 * Computes a matmul by BLAS. Threads get batch items if these divide evenly, so that no two pack
 * the same matrix; otherwise a part of each item, along the longer side of the result. Profiles
 * show `asked`, of which this may be a part.
 */
function blasMatmul(
  device: CpuDevice,
  problem: MatmulProblem,
  accumulate: boolean,
  asked: MatmulProblem = problem,
): void {
  const { m, n, k, outer, inner, a, b, c } = problem;
  const splitRows = m >= n;
  const splitBatch = inner > 1 && inner % device.threads === 0;
  const grain = Math.ceil(
    BLAS_OPERATIONS_PER_THREAD / (2 * k * (splitBatch ? m * n : inner * (splitRows ? n : m))),
  );
  const [transposeA, leadingA] = blasOrder(a, m, k);
  const [transposeB, leadingB] = blasOrder(b, k, n);
  const start = [a, b, c].map((matrix) => addressOf(device, matrix)) as [number, number, number];
  for (let i = 0; i < outer; i++) {
    const at = (matrix: Matrix) => 4 * i * matrix.outer;
    device.dispatch(
      { key: "sgemm", ...(problem.precision && { precision: problem.precision }) },
      {
        integers: [
          ...[transposeA, transposeB, m, n, k],
          ...[start[0] + at(a), leadingA, start[1] + at(b), leadingB, start[2] + at(c), c.row],
          splitBatch ? 2 : Number(splitRows),
          ...[inner, 4 * a.inner, 4 * b.inner, 4 * c.inner],
        ],
        floats: [1, Number(accumulate)],
      },
      splitBatch ? inner : splitRows ? m : n,
      { grain, work: () => matmulWork(asked, { accumulate }, asked.inner) },
    );
  }
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
