/**
 * Skinny matmuls of a few rows with a large matrix, as in decoding: bound by memory bandwidth.
 *
 * Packing would read and write the large matrix once more. Here each of its elements is read once,
 * in memory order: along k if its columns are contiguous (dot products), along n if its rows are
 * (sums of scaled rows).
 *
 * @module
 */

import type { CpuDevice, WasmKernel } from "../../device.ts";
import {
  emitKernel,
  F32x4,
  type FunctionBuilder,
  I32,
  type KernelParameters,
  loadWords,
  type Local,
  type ModuleBuilder,
} from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import { type MatmulProblem, matmulWork, transposeMatmul } from "../../ops/matmul/problem.ts";
import { locateItem, OPERAND_WORDS, operandWords } from "./matmul_words.ts";

/**
 * Maximum rows for which reading the other matrix in place beats packing it, as the BLAS does too.
 * Scaled rows are summed in memory instead of registers, so they lose earlier.
 */
const MAX_ROWS = { dots: 32, dotsWithBlas: 8, sums: 8, sumsWithBlas: 2 };
/** Minimum elements of the other matrix for that, except with very few rows. */
const MIN_LARGE_MATRIX = 1 << 17;
const VERY_FEW_ROWS = 4;

/** Interleaved dot products: the columns of a work item. */
const DOT_COLUMNS = 4;
const DOT_PASS = 1 << 20;
/** Steps of k per loop iteration of a dot product. */
const DOT_STEPS = 32;
/** Columns per work item for sums of scaled rows. */
const SUM_COLUMNS = 32;
/** Rows of the large matrix added in one pass over the result. */
const SUM_ROWS = 8;
/** Interleaved vectors of the result. */
const SUM_VECTORS = 4;
/**
 * Columns per pass: 16 KiB of the large matrix, so that further rows of A find them in the cache.
 */
const SUM_PASS = 512;
/** Below this many elements of the large matrix, another thread costs more than it gains. */
const ELEMENTS_PER_THREAD = 32_768;

const WORDS = [...OPERAND_WORDS, ...["m", "n", "k", "accumulate", "groups"] as const];

/** A matmul with few rows or few columns. */
export const skinnyMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "skinny",
  device: "cpu",
  gain: { factor: 6.07, of: "1×256×4096, against packed; with a BLAS 1.11" },
  suits: (problem, device) => hasFewRows(problem, device) || hasFewColumns(problem, device),
  run: (problem, device) => {
    if (hasFewRows(problem, device)) runRows(device, problem);
    else runRows(device, transposeMatmul(problem), problem);
  },
};

function hasFewRows({ m, n, k, b, c }: MatmulProblem, { hasBlas }: CpuDevice): boolean {
  return isSkinny(m, n * k, b.row === 1, b.column === 1 && c.column === 1, hasBlas);
}

/** {@linkcode hasFewRows} of the transposed matmul. */
function hasFewColumns({ m, n, k, a, c }: MatmulProblem, { hasBlas }: CpuDevice): boolean {
  return isSkinny(n, m * k, a.column === 1, a.row === 1 && c.row === 1, hasBlas);
}

/** @param elements Elements of the other matrix; none if the sums are empty. */
function isSkinny(
  rows: number,
  elements: number,
  dots: boolean,
  sums: boolean,
  hasBlas: boolean,
): boolean {
  if (elements === 0) return false;
  if (dots && !hasBlas) return rows <= MAX_ROWS.dots;
  const max = dots
    ? MAX_ROWS.dotsWithBlas
    : !sums
    ? 0
    : hasBlas
    ? MAX_ROWS.sumsWithBlas
    : MAX_ROWS.sums;
  return rows <= max && (rows <= VERY_FEW_ROWS || elements >= MIN_LARGE_MATRIX);
}

/**
 * The rows of `c` may have any strides if b is column-major.
 *
 * @param asked The requested matmul, if this is its transpose, for profiles.
 */
export function runRows(
  device: CpuDevice,
  problem: MatmulProblem,
  asked: MatmulProblem = problem,
): void {
  const { m, n, k, outer, inner, b, accumulate } = problem;
  const dots = b.row === 1;
  const columns = dots ? DOT_COLUMNS : SUM_COLUMNS;
  const groups = Math.ceil(n / columns);
  device.dispatch(
    KERNELS[dots ? "dots" : "sums"][device.relaxedSimd ? "relaxed" : "plain"],
    {
      integers: [...operandWords(device, problem), m, n, k, Number(accumulate), groups],
    },
    outer * inner * groups,
    {
      grain: Math.ceil(ELEMENTS_PER_THREAD / (columns * k)),
      scratchBytes: 4 * m * k,
      work: () => matmulWork(asked),
    },
  );
}

/** The kernels for each order of the large matrix. */
const KERNELS = {
  dots: { plain: rowsKernel(true, false), relaxed: rowsKernel(true, true) },
  sums: { plain: rowsKernel(false, false), relaxed: rowsKernel(false, true) },
};

function rowsKernel(dots: boolean, relaxedSimd: boolean): WasmKernel {
  return {
    key: `matmul rows ${dots ? "dots" : "sums"}${relaxedSimd ? " relaxed" : ""}`,
    emit: () =>
      emitKernel(
        { relaxedSimd },
        (f, parameters, module) =>
          emitRows(f, parameters, dots ? defineDots(module) : defineSums(module), dots),
      ),
  };
}

/** Computes some columns of all rows of the result. */
type RowsFunction = ReturnType<typeof defineDots>;

/** Parameters of {@linkcode RowsFunction}s: addresses, and strides in bytes. */
const ROWS_PARAMETERS = [
  ...[I32, I32, I32, I32] as const, // a, rowA, b, strideB
  ...[I32, I32, I32] as const, // c, rowC, columnC
  ...[I32, I32, I32, I32] as const, // m, columns, k, accumulate
] as const;

/** Loops over the batch items, and over the thread's columns of each. */
function emitRows(
  f: FunctionBuilder,
  { words, start, end, scratch }: KernelParameters,
  compute: RowsFunction,
  dots: boolean,
): void {
  const word = loadWords(f, words, WORDS);
  const columnsEach = dots ? DOT_COLUMNS : SUM_COLUMNS;
  f.forRange(start, end, 0, (item) => {
    const batch = f.local(item.divide(word.groups));
    const firstGroup = f.local(item.subtract(batch.multiply(word.groups)));
    const rest = f.local(firstGroup.add(end.subtract(item)));
    const lastGroup = f.local(rest.min(word.groups));
    f.set(item, item.add(lastGroup).subtract(firstGroup));
    const { a, b, c } = locateItem(f, word, batch);
    const rowBytesA = f.local(word.aRow);
    f.if(word.aColumn.notEqual(4), () => {
      const to = f.local(scratch);
      f.forRange(0, word.m, 1, (row) => {
        const from = f.local(a.add(row.multiply(word.aRow)));
        f.forRange(0, word.k, 1, () => {
          f.store(to, from.loadF32());
          f.set(to, to.add(4));
          f.set(from, from.add(word.aColumn));
        });
      });
      f.set(a, scratch);
      f.set(rowBytesA, word.k.shiftLeft(2));
    });
    const first = f.local(firstGroup.multiply(columnsEach));
    const last = f.local(lastGroup.multiply(columnsEach));
    f.set(last, last.min(word.n));
    f.forRange(first, last, dots ? DOT_PASS : SUM_PASS, (column) => {
      const columns = f.local(last.subtract(column));
      f.set(columns, columns.min(dots ? DOT_PASS : SUM_PASS));
      f.callStatement(
        compute,
        a,
        rowBytesA,
        f.local(b.add(column.multiply(word.bColumn))),
        dots ? word.bColumn : word.bRow,
        f.local(c.add(column.multiply(word.cColumn))),
        word.cRow,
        word.cColumn,
        word.m,
        columns,
        word.k,
        word.accumulate,
      );
    });
  });
}

/** The sum of the lanes of each of four vectors, in one vector; of a single vector, in lane 0. */
function sumsOfLanes(f: FunctionBuilder, vectors: readonly F32x4[]): F32x4 {
  const [a, b, c, d] = vectors;
  if (a === undefined || b === undefined || c === undefined || d === undefined) {
    return f.sumOfLanes(vectors[0]!).splat();
  }
  const halves = (x: F32x4, y: F32x4) =>
    f.local(x.shuffle(y, [0, 1, 4, 5]).add(x.shuffle(y, [2, 3, 6, 7])));
  const [ab, cd] = [halves(a, b), halves(c, d)];
  return ab.shuffle(cd, [0, 2, 4, 6]).add(ab.shuffle(cd, [1, 3, 5, 7]));
}

/** Gathers the numbers at up to four addresses. */
function lanesOf(f: FunctionBuilder, addresses: readonly I32[]): F32x4 {
  const lanes = f.local(addresses[0]!.loadLane0());
  addresses.forEach((address, lane) => {
    if (lane > 0) f.set(lanes, lanes.withLane(lane, address.loadF32()));
  });
  return lanes;
}

/**
 * Dot products of rows of A with columns of B, all contiguous.
 *
 * Four columns at a time, so that each load of A is used four times: with one column, loads take
 * twice as long as multiplications. The four are a quarter of the matrix apart, and the next four
 * are their neighbors. So the matrix is read as four sequential streams, which suits the hardware
 * prefetcher; four adjacent columns would be streams that jump at every column's end, which takes
 * three times as long if the matrix is not cached.
 */
function defineDots(module: ModuleBuilder) {
  return module.defineProcedure(
    ROWS_PARAMETERS,
    (f, a, rowA, b, strideB, c, rowC, columnC, m, columns, k, accumulate) => {
      const endOfFours = f.local(k.and(-4).shiftLeft(2));
      const endOfPasses = f.local(k.and(-DOT_STEPS).shiftLeft(2));
      const endOfAll = f.local(k.shiftLeft(2));

      /** Multiplies `rows` rows of A by columns of B, starting at the given addresses. */
      const multiply = (row: I32, rows: number, y: readonly I32[], to: readonly I32[]) => {
        const x = Array.from({ length: rows }, (_, i) => f.local(row.add(rowA.multiply(i))));
        const sums = sumTogether(x, y);
        const totals = sums.map((row) => f.local(sumsOfLanes(f, row)));
        const at = f.local(endOfFours);
        f.while(at.less(endOfAll), () => {
          const right = f.local(lanesOf(f, y.map((address) => address.add(at))));
          x.forEach((address, i) => {
            f.set(totals[i]!, address.add(at).loadSplat().multiplyAdd(right, totals[i]!));
          });
          f.set(at, at.add(4));
        });
        totals.forEach((total, i) => {
          const elements = to.map((address) => f.local(address.add(rowC.multiply(i))));
          f.if(accumulate, () => f.set(total, total.add(lanesOf(f, elements))));
          elements.forEach((element, j) => f.storeLane(element, total, j));
        });
      };

      /** Loops over k in vectors: many at a time, then single ones. */
      const forVectors = (body: (at: I32, vectors: number) => void) => {
        f.forRange(0, endOfPasses, 4 * DOT_STEPS, (at) => body(at, DOT_STEPS / 4));
        f.forRange(endOfPasses, endOfFours, 16, (at) => body(at, 1));
      };

      /**
       * Every row with every column. A single row has two sums per column, of its even and odd
       * vectors: eight sums in all, as with two rows, hide the latency of additions.
       */
      const sumTogether = (x: readonly I32[], y: readonly I32[]): Local<F32x4>[][] => {
        const parts = x.length === 1 ? 2 : 1;
        const sums = x.map(() =>
          y.map(() => Array.from({ length: parts }, () => f.local(F32x4.of(0))))
        );
        forVectors((at, vectors) => {
          const left = x.map((address) => f.local(address.add(at)));
          const right = y.map((address) => f.local(address.add(at)));
          for (let step = 0; step < vectors; step++) {
            const factors = left.map((address) => f.local(address.loadF32x4(16 * step)));
            right.forEach((address, j) => {
              const four = f.local(address.loadF32x4(16 * step));
              factors.forEach((factor, i) => {
                const sum = sums[i]![j]![step % parts]!;
                f.set(sum, factor.multiplyAdd(four, sum));
              });
            });
          }
        });
        return sums.map((row) =>
          row.map(([sum, ...others]) => {
            for (const other of others) f.set(sum!, sum!.add(other));
            return sum!;
          })
        );
      };

      /** Multiplies all rows of A by columns of B. */
      const multiplyAll = (y: readonly I32[], to: readonly Local<I32>[]) => {
        const row = f.local(a);
        f.if(m.and(1), () => {
          multiply(row, 1, y, to);
          f.set(row, row.add(rowA));
          for (const address of to) f.set(address, address.add(rowC));
        });
        f.forRange(0, m.shiftRight(1), 1, () => {
          multiply(row, 2, y, to);
          f.set(row, row.add(rowA.shiftLeft(1)));
          for (const address of to) f.set(address, address.add(rowC.shiftLeft(1)));
        });
      };
      const multiplyColumns = (column: I32, width: number, apart: I32) => {
        const each = Array.from(
          { length: width },
          (_, j) => f.local(column.add(apart.multiply(j))),
        );
        multiplyAll(
          each.map((number) => f.local(b.add(strideB.multiply(number)))),
          each.map((number) => f.local(c.add(columnC.multiply(number)))),
        );
      };
      const apart = f.local(columns.divide(DOT_COLUMNS));
      f.forRange(0, apart, 1, (column) => multiplyColumns(column, DOT_COLUMNS, apart));
      f.forRange(apart.multiply(DOT_COLUMNS), columns, 1, (column) => {
        multiplyColumns(column, 1, I32.of(0));
      });
    },
  );
}

/** Adds rows of B, each scaled by an element of A, to a pass of the result. */
function defineSums(module: ModuleBuilder): RowsFunction {
  return module.defineProcedure(
    ROWS_PARAMETERS,
    (f, a, rowA, b, strideB, c, rowC, _columnC, m, columns, k, accumulate) => {
      const bytes = f.local(columns.shiftLeft(2));
      const bytesOfFours = f.local(bytes.and(-16));
      const bytesOfPasses = f.local(bytes.and(-16 * SUM_VECTORS));
      f.if(accumulate.isZero(), () => {
        const to = f.local(c);
        f.forRange(0, m, 1, () => {
          f.clearMemory(to, bytes);
          f.set(to, to.add(rowC));
        });
      });

      /** Adds `count` rows from `from` on, scaled by the elements from `factor` on. */
      const addRows = (from: I32, factor: I32, count: number) => {
        const row = f.local(factor);
        const to = f.local(c);
        f.forRange(0, m, 1, () => {
          const factors = Array.from({ length: count }, (_, i) => f.local(row.loadSplat(4 * i)));
          const lines = factors.map((_, i) => f.local(from.add(strideB.multiply(i))));
          const addVectors = (at: I32, vectors: number) => {
            const element = f.local(to.add(at));
            const sums = Array.from(
              { length: vectors },
              (_, v) => f.local(element.loadF32x4(16 * v)),
            );
            lines.forEach((line, i) => {
              const address = f.local(line.add(at));
              sums.forEach((sum, v) =>
                f.set(sum, factors[i]!.multiplyAdd(address.loadF32x4(16 * v), sum))
              );
            });
            sums.forEach((sum, v) => f.store(element, sum, 16 * v));
          };
          f.forRange(0, bytesOfPasses, 16 * SUM_VECTORS, (at) => addVectors(at, SUM_VECTORS));
          f.forRange(bytesOfPasses, bytesOfFours, 16, (at) => addVectors(at, 1));
          f.forRange(bytesOfFours, bytes, 4, (at) => {
            const sum = f.local(to.add(at).loadLane0());
            lines.forEach((line, i) =>
              f.set(sum, factors[i]!.multiplyAdd(line.add(at).loadLane0(), sum))
            );
            f.storeLane(to.add(at), sum, 0);
          });
          f.set(row, row.add(rowA));
          f.set(to, to.add(rowC));
        });
      };

      const from = f.local(b);
      const factor = f.local(a);
      const each = (times: I32, count: number) =>
        f.forRange(0, times, 1, () => {
          addRows(from, factor, count);
          f.set(from, from.add(strideB.multiply(count)));
          f.set(factor, factor.add(4 * count));
        });
      each(k.shiftRight(Math.log2(SUM_ROWS)), SUM_ROWS);
      each(k.and(SUM_ROWS - 1), 1);
    },
  );
}
