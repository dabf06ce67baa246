/**
 * Shared by all matmul kernels in WGSL: arguments, the place of a workgroup's tile, storing elements.
 *
 * All of them take the same arguments, so any of them can compute any matmul, and the adapter
 * determines which is fastest.
 *
 * @module
 */

import type { WebGpuDevice } from "../../device.ts";
import { workgroupGrid } from "../../kernel/run.ts";
import { beginMain } from "../../kernel/wgsl.ts";
import { type Element, elementOf } from "../../ops/matmul/plain.ts";
import {
  type MatmulProblem,
  matmulWork,
  strideNames,
  stridesOf,
} from "../../ops/matmul/problem.ts";

/** How a workgroup computes a tile of the result. */
export interface TileKernel {
  /** Names the algorithm, and all that its code depends on. */
  readonly name: string;
  /** Rows of the tile. */
  readonly rows: number;
  /** Columns of the tile. */
  readonly columns: number;
  /** Threads per workgroup. */
  readonly threads: number;
  /** The workgroup's memory. */
  readonly shared: string;
  /**
   * The rest of `main`: computes the tile from `firstRow` and `firstColumn` on in the workgroup's
   * `thread`. The matrices of its batch item start at `aBegin` and so on.
   */
  readonly body: () => string;
}

const MATRICES = ["a", "b", "c"] as const;

/** Computes a matmul tile by tile. @throws {TypeError} If an element dtype is not supported. */
export function runTiles(device: WebGpuDevice, problem: MatmulProblem, tile: TileKernel): void {
  const { m, n, k, outer, inner, a, b, c, accumulate, symmetric } = problem;
  const matrices = [a, b, c];
  const items = outer * inner;
  const tiles = items * Math.ceil(m / tile.rows) * Math.ceil(n / tile.columns);
  const places = matrices.flatMap((matrix) => [matrix.offset, ...stridesOf(matrix)]);
  const [operands, result] = [elementOf(a.dtype), elementOf(c.dtype)];
  const types = operands === "f32" && result === "f32" ? "" : `, ${operands} to ${result}`;
  const key = `matmul ${tile.name}${types}${symmetric ? ", symmetric" : ""}`;
  const kernel = {
    key,
    integers: [
      ...MATRICES.flatMap((name) => [`${name}Offset`, ...strideNames([name])]),
      "m",
      "n",
      "k",
      "inner",
      "items",
      "accumulate",
    ],
    buffers: [
      { name: "a", type: operands, writes: false },
      { name: "b", type: operands, writes: false },
      { name: "c", type: result, writes: true },
    ],
    code: () => code(tile, result, symmetric),
  };
  device.dispatch(
    kernel,
    matrices.map(({ allocation }) => allocation),
    { integers: [...places, m, n, k, inner, items, Number(accumulate)] },
    workgroupGrid(tiles, device.limits.maxComputeWorkgroupsPerDimension),
    () => matmulWork(problem, symmetric),
  );
}

/**
 * The code of a kernel.
 *
 * Tiles call `storeVector` in a loop instead of once per vector: compilers inline it, and took
 * seconds for some kernels.
 */
function code(
  { rows, columns, threads, shared, body }: TileKernel,
  result: Element,
  isSymmetric: boolean,
): string {
  const begin = (matrix: string) =>
    `${matrix}Begin = arguments.${matrix}Offset + ` +
    `item / arguments.inner * arguments.${matrix}Outer + ` +
    `item % arguments.inner * arguments.${matrix}Inner;`;
  return `
${lines(MATRICES, (name) => `var<private> ${name}Begin: i32;`)}
fn put(row: i32, column: i32, value: f32) {
  let at = cBegin + row * arguments.cRow + column * arguments.cColumn;
  var sum = value;
  if (arguments.accumulate != 0) {
    sum += f32(c[at]);
  }
  c[at] = ${result}(sum);
}

fn store(row: i32, column: i32, value: f32) {
  if (row >= arguments.m || column >= arguments.n${isSymmetric ? " || column < row" : ""}) {
    return;
  }
  put(row, column, value);
  ${isSymmetric ? "if (column > row) { put(column, row, value); }" : ""}
}

fn storeVector(row: i32, column: i32, value: vec4<f32>) {
  store(row, column, value.x);
  store(row, column + 1, value.y);
  store(row, column + 2, value.z);
  store(row, column + 3, value.w);
}
${shared}
${beginMain(threads, "group", "index")}
  let number = i32(group);
  let thread = i32(index);
  let across = (arguments.n + ${columns - 1}) / ${columns};
  let down = (arguments.m + ${rows - 1}) / ${rows};
  let firstRow = number / across % down * ${rows};
  let firstColumn = number % across * ${columns};
  let item = number / across / down;
  if (item >= arguments.items) { return; }
  ${isSymmetric ? `if (firstColumn + ${columns} <= firstRow) { return; }` : ""}
  ${lines(MATRICES, begin)}
${body()}
}
`;
}

/** The numbers from 0 to `length` − 1. */
export function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

export function lines<T>(items: readonly T[], write: (item: T) => string): string {
  return items.map(write).join("\n");
}
