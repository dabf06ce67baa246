/**
 * Plain matmul: any device, operands of any strides. The specification of the fast kernels, and what
 * runs where none of them is faster.
 *
 * @module
 */

import type { Device } from "../../device.ts";
import type { Float, Int } from "../../kernel/language.ts";
import { ELEMENTS } from "../../kernel/lower.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import { checkFloat, type DType } from "../../layout.ts";
import {
  type MatmulProblem,
  matmulWork,
  strideNames,
  stridesOf,
  transposeMatmul,
} from "./problem.ts";

/** Columns of a tile: a multiple of four. */
const COLUMNS = 8;

/** Below this many multiplications, another thread of the CPU costs more than it gains. */
const MULTIPLICATIONS_PER_THREAD = 65_536;

/** Up to this many columns, a tall matmul is transposed: then its tiles are filled. */
const MAX_SKINNY_COLUMNS = 4;

/** Computes `c = a · b`, or adds it to `c`. */
export function plainMatmul(device: Device, given: MatmulProblem): void {
  const isTall = given.n <= MAX_SKINNY_COLUMNS && given.m > given.n && !given.skipZeros;
  const problem = isTall ? transposeMatmul(given) : given;
  const { m, n, k, outer, inner, a, b, c, accumulate, skipZeros = false } = problem;
  // As many rows of a tile as registers hold, and few beyond those of the matrix.
  const rows = m === 1 ? 1 : device.kind === "cpu" ? 4 : m < 64 ? 8 : 16;
  const matrices = [a, b, c];
  const words = [m, n, k, inner, Number(accumulate), ...matrices.flatMap(stridesOf)];
  const items = outer * inner * Math.ceil(m / rows) * Math.ceil(n / COLUMNS);
  const kernel = kernelFor(rows, elementOf(a.dtype), elementOf(c.dtype), skipZeros);
  runKernel(device, kernel, matrices, words, items, {
    grain: Math.ceil(MULTIPLICATIONS_PER_THREAD / (rows * COLUMNS * Math.max(1, k))),
    work: () => matmulWork(problem),
  });
}

const NAMES = ["a", "b", "c"] as const;
type Name = typeof NAMES[number];

const SIZES = ["m", "n", "depth", "inner", "accumulate"] as const;

/** A storage type of elements. Sums are always `f32`. */
export type Element = "f32" | "bf16" | "f16";

/** The storage type of a dtype. @throws {TypeError} If the dtype is not supported. */
export function elementOf(dtype: DType): Element {
  checkFloat("multiply matrices", dtype);
  return ELEMENTS[dtype];
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

/**
 * A work item is a tile of the result: each element that it loads serves a whole row or column of
 * sums, which are kept in registers. Edge tiles repeat the last row and column of the operands, so
 * that they are computed like any other.
 */
const kernelFor = defineKernels((
  rows: 1 | 4 | 8 | 16,
  operand: Element,
  result: Element,
  skipZeros: boolean,
) => {
  const vectors = COLUMNS / 4;
  return defineKernel(
    {
      key: `matmul ${rows}×${COLUMNS}, ${operand} to ${result}` +
        (skipZeros ? ", skipping zeros" : ""),
      buffers: { a: operand, b: operand, c: result },
      writes: ["c"],
      arguments: [...SIZES, ...strideNames<Name>(NAMES)],
      vectors: rows * vectors,
    },
    (k, item, buffers, words) => {
      const { m, n, depth, inner, accumulate } = words;
      const across = k.let(n.add(COLUMNS - 1).divide(COLUMNS));
      const down = k.let(m.add(rows - 1).divide(rows));
      const strip = k.let(item.divide(across));
      const firstRow = k.let(strip.remainder(down).multiply(rows));
      const firstColumn = k.let(item.remainder(across).multiply(COLUMNS));
      const batchItem = k.let(strip.divide(down));
      const [outerItem, innerItem] = [batchItem.divide(inner), batchItem.remainder(inner)];
      const matrixOf = (name: Name) =>
        buffers[name].from(
          outerItem.multiply(words[`${name}Outer`]).add(
            innerItem.multiply(words[`${name}Inner`]),
          ),
        );
      const linesOf = (name: "a" | "b", first: Int, count: number, length: Int, stride: Int) => {
        const [matrix, last] = [matrixOf(name), k.let(length.subtract(1))];
        return range(count).map((i) => matrix.from(k.let(first.add(i)).min(last).multiply(stride)));
      };
      const left = linesOf("a", firstRow, rows, m, words.aRow);
      const right = linesOf("b", firstColumn, COLUMNS, n, words.bColumn);

      const sums = range(rows * vectors).map(() => k.variable(k.vector(0)));
      const [aAt, bAt] = [k.variable(k.int(0)), k.variable(k.int(0))];
      k.loop(0, depth, () => {
        const columns = range(vectors).map((v) =>
          k.let(k.vectorOf(range(4).map((lane) => right[4 * v + lane]!.load(bAt))))
        );
        left.forEach((row, i) => {
          const addRow = () => {
            const factor = k.let(row.loadSplat(aAt));
            columns.forEach((column, v) => {
              const sum = sums[i * vectors + v]!;
              k.set(sum, factor.multiplyAdd(column, sum));
            });
          };
          // The bits but the sign: GPUs may assume the absence of NaN.
          if (skipZeros) k.if(row.load(aAt).asI32().multiply(2).notEqual(0), addRow);
          else addRow();
        });
        k.set(aAt, aAt.add(words.aColumn));
        k.set(bAt, bAt.add(words.bRow));
      });

      const products = matrixOf("c");
      const finish = (row: Int, column: Int, sum: Float) => {
        const c = products.from(row.multiply(words.cRow).add(column.multiply(words.cColumn)));
        const total = k.variable(sum);
        k.if(accumulate.notEqual(0), () => k.set(total, total.add(c.load(0))));
        c.store(0, total);
      };
      // A loop, because compilers for GPUs take seconds for the same code many times.
      const tile = k.array(sums);
      k.loop(0, sums.length, (i) => {
        const row = k.let(firstRow.add(i.divide(vectors)));
        const column = k.let(firstColumn.add(i.remainder(vectors).multiply(4)));
        const four = k.let(tile.load(i));
        for (const lane of range(4)) {
          const at = k.let(column.add(lane));
          k.if(row.less(m).and(at.less(n)), () => finish(row, at, k.laneOf(four, lane)));
        }
      });
    },
  );
});
