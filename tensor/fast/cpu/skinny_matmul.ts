/**
 * Skinny matmuls of a few rows with a large matrix, as in decoding: bound by memory bandwidth.
 *
 * Packing would read and write the large matrix once more. Here each of its elements is read once,
 * in memory order: along k if its columns are contiguous (dot products), along n if its rows are
 * (sums of scaled rows). Elements of 16 bits are half as many bytes to read.
 *
 * @module
 */

import { allocateView, type CpuDevice } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import type { Int, KernelBody, KernelBuilder } from "../../kernel/language.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { copyView } from "../../ops/elementwise.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import {
  type MatmulProblem,
  matmulWork,
  type Matrix,
  type StrideName,
  strideNames,
  stridesOf,
  transposeMatmul,
} from "../../ops/matmul/problem.ts";
import { bfloat16Matmul, blasStripsMatmul } from "./blas_matmul.ts";
import { sumOfLanes, vectorAt } from "./attention_softmax.ts";

/**
 * Maximum rows for which reading the other matrix in place beats packing it, as the BLAS does too.
 * Scaled rows are summed in memory instead of registers, so they lose earlier.
 */
const MAX_ROWS = {
  dots: { alone: 32, besideBlas: 8 },
  sums: { alone: 8, besideBlas: 2 },
};
/**
 * Rows, and terms of each sum, from which strips of the BLAS are faster: 1.8 to 2 times if the large
 * matrix is in the cache. The BLAS reads short columns slowly from memory (8×256×1024 after 16 MB of
 * others: 1.3 times as long), but a batch of eight sequences at width 256 decodes 5 % faster.
 */
const FASTER_IN_STRIPS = { rows: 5, terms: 256 };
/** Rows of `bfloat16` up to which this is faster than oneDNN. */
const MAX_BFLOAT16_ROWS = 3;
/** Minimum elements of the other matrix for that, except with very few rows, or dots alone. */
const MIN_LARGE_MATRIX = 1 << 17;
const VERY_FEW_ROWS = 4;

/** Columns of a work item: interleaved dot products, or a cache line or two of a sum. */
const COLUMNS = { dots: 4, sums: 32 };
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

/** A matmul with few rows or few columns. */
export const skinnyMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "skinny",
  device: "cpu",
  gain: { factor: 6.35, of: "1×256×4096, against packed; with a BLAS 1.09" },
  refuses: (problem, device) => {
    const { m, n, k, a, b, c } = problem;
    const isForLibrary = Math.min(m, n) > MAX_BFLOAT16_ROWS &&
        bfloat16Matmul.refuses(problem, device) === null ||
      m >= FASTER_IN_STRIPS.rows && k >= FASTER_IN_STRIPS.terms && a.dtype === "float32" &&
        blasStripsMatmul.refuses(problem, device) === null;
    if (isForLibrary) return "a library multiplies it faster";
    if (a.dtype !== b.dtype) return "the operands have different dtypes";
    const isFew = hasFewRows(problem, device);
    if (!isFew && !hasFewColumns(problem, device)) {
      return "it has many rows and columns, or a small matrix beside few";
    }
    const isDots = isFew ? b.row === 1 : a.column === 1;
    return isDots || c.dtype === "float32" ? null : "sums would be rounded at each addition";
  },
  run: (problem, device) =>
    hasFewRows(problem, device)
      ? runRows(device, problem)
      : runRows(device, transposeMatmul(problem), problem),
};

const hasFewRows = ({ m, n, k, b, c }: MatmulProblem, device: CpuDevice): boolean =>
  areFew(m, n * k, b.row === 1, b.column === 1 && c.column === 1, device);

const hasFewColumns = ({ m, n, k, a, c }: MatmulProblem, device: CpuDevice): boolean =>
  areFew(n, m * k, a.column === 1, a.row === 1 && c.row === 1, device);

/** Whether there are few rows beside a matrix of that many elements, for dots or else for sums. */
function areFew(
  rows: number,
  elements: number,
  dots: boolean,
  sums: boolean,
  { hasBlas }: CpuDevice,
): boolean {
  if (elements === 0 || !(dots || sums)) return false;
  const max = MAX_ROWS[dots ? "dots" : "sums"][hasBlas ? "besideBlas" : "alone"];
  const isForAnySize = rows <= VERY_FEW_ROWS || (dots && !hasBlas);
  return rows <= max && (isForAnySize || elements >= MIN_LARGE_MATRIX);
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
  const { m, n, k, outer, inner, b, c, accumulate } = problem;
  const form = b.row === 1 ? "dots" : "sums";
  const a = form === "dots" && problem.a.column !== 1 ? copyRows(device, problem) : problem.a;
  const groups = Math.ceil(n / COLUMNS[form]);
  const sizes = [m, n, k, inner, groups, Number(accumulate)];
  const words = [...sizes, ...stridesOf(a), ...stridesOf(b), ...stridesOf(c)];
  const kernel = kernelFor(form, elementOf(b.dtype), elementOf(c.dtype));
  runKernel(device, kernel, [a, b, c], words, outer * inner * groups, {
    grain: Math.ceil(ELEMENTS_PER_THREAD / (COLUMNS[form] * k)),
    work: () => matmulWork(asked),
  });
  if (a !== problem.a) device.free(a.allocation);
}

/** A copy of the few rows that is contiguous along k; the caller frees it. */
function copyRows(device: CpuDevice, { m, k, outer, inner, a }: MatmulProblem): Matrix {
  const shape = [outer, inner, m, k];
  const copy = allocateView(device, a.dtype, shape, "few rows");
  copyView(device, { ...a, shape, strides: [a.outer, a.inner, a.row, a.column] }, copy);
  return { ...copy, outer: inner * m * k, inner: m * k, row: k, column: 1 };
}

const SIZES = ["m", "n", "depth", "inner", "groups", "accumulate"] as const;
const NAMES = ["a", "b", "c"] as const;
type Word = typeof SIZES[number] | StrideName<typeof NAMES[number]>;
type Buffers = { readonly a: Element; readonly b: Element; readonly c: Element };
type Body = KernelBody<Buffers, Word>;
type Matrices = Parameters<Body>[2];
type Words = Parameters<Body>[3];

type Form = "dots" | "sums";
/** Writes columns of the result from `first` to `last`, of all its rows. */
type Columns = (
  k: KernelBuilder,
  first: Int,
  last: Int,
  matrices: Matrices,
  words: Words,
) => void;

const kernelFor = defineKernels((form: Form, operand: Element, result: Element) => {
  const write = COLUMNS_OF[form];
  return defineKernel(
    {
      key: `matmul rows ${form}, ${operand} to ${result}`,
      buffers: { a: operand, b: operand, c: result } satisfies Buffers,
      writes: ["c"],
      arguments: [...SIZES, ...strideNames(NAMES)],
      spread: "ranges",
    },
    (k, item, { a, b, c }, words) => {
      const { inner, groups } = words;
      // A range of items may begin and end within the matrices of a batch.
      const end = k.let(k.end.add(groups).subtract(1).divide(groups));
      k.loop(k.let(item.divide(groups)), end, (batchItem) => {
        const before = k.let(batchItem.multiply(groups));
        const firstGroup = k.variable(item.subtract(before));
        k.if(firstGroup.less(0), () => k.set(firstGroup, k.int(0)));
        const lastGroup = k.let(k.end.subtract(before));
        const last = k.let(lastGroup.min(groups).multiply(COLUMNS[form]));
        const [outerItem, innerItem] = [batchItem.divide(inner), batchItem.remainder(inner)];
        const at = (outer: Int, inner: Int) =>
          outerItem.multiply(outer).add(innerItem.multiply(inner));
        const matrices = {
          a: a.from(at(words.aOuter, words.aInner)),
          b: b.from(at(words.bOuter, words.bInner)),
          c: c.from(at(words.cOuter, words.cInner)),
        };
        const first = k.let(firstGroup.multiply(COLUMNS[form]));
        write(k, first, k.let(last.min(words.n)), matrices, words);
      });
    },
  );
});

const range = (length: number) => Array.from({ length }, (_, i) => i);

/**
 * Dot products of rows of A with columns of B, all contiguous.
 *
 * Four columns at a time, so that each load of A is used four times: with one column, loads take
 * twice as long as multiplications. The four are a quarter of the matrix apart, and the next four
 * are their neighbors. So the matrix is read as four sequential streams, which suits the hardware
 * prefetcher; four adjacent columns would be streams that jump at every column's end, which takes
 * three times as long if the matrix is not cached.
 */
const dots: Columns = (k, first, last, { a, b, c }, words) => {
  const { m, depth, accumulate, aRow, bColumn, cRow, cColumn } = words;
  const fours = k.let(depth.subtract(depth.remainder(4)));

  /** Multiplies `rows` rows from `row` on by each of the columns. */
  const multiply = (row: Int, rows: number, columns: readonly Int[]) => {
    const x = range(rows).map((i) => a.from(row.add(i).multiply(aRow)));
    const y = columns.map((column) => b.from(column.multiply(bColumn)));
    // A single row has two sums per column, of its even and odd vectors: eight sums in all, as with
    // two rows, hide the latency of additions.
    const parts = 2 / rows;
    const sums = x.map(() => y.map(() => range(parts).map(() => k.variable(k.vector(0)))));
    const addVectors = (at: Int, vectors: number) => {
      const [left, right] = [x, y].map((lines) => lines.map((line) => line.from(at)));
      const load = (line: Matrices["a"], step: number) => vectorAt(line, 4 * step, 4 * vectors);
      for (const step of range(vectors)) {
        const factors = left!.map((line) => k.let(load(line, step)));
        right!.forEach((line, j) => {
          const four = k.let(load(line, step));
          factors.forEach((factor, i) => {
            const sum = sums[i]![j]![step % parts]!;
            k.set(sum, factor.multiplyAdd(four, sum));
          });
        });
      }
    };
    const passes = k.let(depth.subtract(depth.remainder(32)));
    k.loop(0, passes, (at) => addVectors(at, 8), { step: 32 });
    k.loop(passes, fours, (at) => addVectors(at, 1), { step: 4 });
    const products = sums.flatMap((ofRow, i) =>
      ofRow.map(([sum, other], j) => {
        const all = other === undefined ? sum! : sum!.add(other);
        return {
          x: x[i]!,
          y: y[j]!,
          total: k.variable(sumOfLanes(k, all)),
          place: k.let(row.add(i).multiply(cRow).add(columns[j]!.multiply(cColumn))),
        };
      })
    );
    k.loop(fours, depth, (at) => {
      for (const { total, x, y } of products) {
        k.set(total, total.add(x.load(at).multiply(y.load(at))));
      }
    });
    k.if(accumulate.notEqual(0), () => {
      for (const { total, place } of products) k.set(total, total.add(c.load(place)));
    });
    for (const { total, place } of products) c.store(place, total);
  };
  const multiplyAll = (columns: readonly Int[]) => {
    const pairs = k.let(m.subtract(m.remainder(2)));
    k.loop(0, pairs, (row) => multiply(row, 2, columns), { step: 2 });
    k.loop(pairs, m, (row) => multiply(row, 1, columns));
  };
  const apart = k.let(last.subtract(first).divide(COLUMNS.dots));
  k.loop(first, first.add(apart), (column) => {
    multiplyAll(range(COLUMNS.dots).map((j) => k.let(column.add(apart.multiply(j)))));
  });
  k.loop(k.let(first.add(apart.multiply(COLUMNS.dots))), last, (column) => multiplyAll([column]));
};

/** Adds rows of B, each scaled by an element of A, to a pass of the result. */
const sums: Columns = (k, first, last, { a, b, c }, words) => {
  const { m, depth, accumulate, aRow, aColumn, bRow, cRow } = words;
  k.loop(first, last, (column) => {
    const rest = k.let(last.subtract(column));
    const columns = k.let(rest.min(SUM_PASS));
    const fours = k.let(columns.subtract(columns.remainder(4)));
    const passes = k.let(columns.subtract(columns.remainder(4 * SUM_VECTORS)));
    k.if(
      accumulate.equal(0),
      () => k.loop(0, m, (row) => c.fill(row.multiply(cRow).add(column), columns, 0)),
    );

    /** Adds `count` rows of B from `step` on. */
    const addRows = (step: Int, count: number) =>
      k.loop(0, m, (row) => {
        const steps = range(count).map((i) => k.let(step.add(i)));
        const x = a.from(row.multiply(aRow));
        const factors = steps.map((i) => k.let(x.loadSplat(i.multiply(aColumn))));
        const lines = steps.map((i) => b.from(i.multiply(bRow).add(column)));
        const to = c.from(row.multiply(cRow).add(column));
        const addVectors = (at: Int, vectors: number) => {
          const element = to.from(at);
          const sums = range(vectors).map((v) => k.variable(element.loadVector(4 * v)));
          lines.forEach((line, i) => {
            const from = line.from(at);
            sums.forEach((sum, v) =>
              k.set(sum, factors[i]!.multiplyAdd(from.loadVector(4 * v), sum))
            );
          });
          sums.forEach((sum, v) => element.storeVector(4 * v, sum));
        };
        k.loop(0, passes, (at) => addVectors(at, SUM_VECTORS), { step: 4 * SUM_VECTORS });
        k.loop(passes, fours, (at) => addVectors(at, 1), { step: 4 });
        k.loop(fours, columns, (at) => {
          const sum = k.variable(to.load(at));
          lines.forEach((line, i) =>
            k.set(sum, sum.add(k.laneOf(factors[i]!, 0).multiply(line.load(at))))
          );
          to.store(at, sum);
        });
      });
    const together = k.let(depth.subtract(depth.remainder(SUM_ROWS)));
    k.loop(0, together, (step) => addRows(step, SUM_ROWS), { step: SUM_ROWS });
    k.loop(together, depth, (step) => addRows(step, 1));
  }, { step: SUM_PASS });
};

const COLUMNS_OF: Readonly<Record<Form, Columns>> = { dots, sums };
