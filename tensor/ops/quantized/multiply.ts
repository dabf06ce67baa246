/**
 * Matmul with a packed matrix: x Wᵀ.
 *
 * x is rounded to 8 bits in blocks of 32, whose scales are their largest magnitudes over 127. The
 * products of bytes are exact integers, summed exactly over a block; the sums of blocks, scaled, are
 * added in float32. This holds for any number of rows and on every device, so that a token has the
 * same logits whether it is decoded alone or among others. A row with NaN or an infinity is NaN.
 *
 * @module
 */

import { allocateView, type Device, type View, viewAs } from "../../device.ts";
import { defineKernel, type Kernel, rowsInRanges, runKernel, split } from "../../kernel/run.ts";
import { TypeError } from "../../errors.ts";
import { runFastest } from "../../fast_paths.ts";
import type { Work } from "../../profile.ts";
import { sizeOf } from "../../layout.ts";
import type { MatmulForm } from "../matmul/problem.ts";
import { BLOCK, bytesOfBlock, type PackedRows, type Packing, range, ROUND } from "./blocks.ts";

/** `y = x Wᵀ`, or adds it to y. */
export interface QuantizedProblem {
  /** float32 `[rows, k]`, contiguous. */
  readonly x: View;
  /** `[n, k]` */
  readonly weight: PackedRows;
  /** float32 `[rows, n]`, contiguous. */
  readonly y: View;
  readonly accumulate: boolean;
}

/** Multiplies by the transpose of a packed matrix. @throws {TypeError} Without transposition. */
export function multiplyQuantized(
  device: Device,
  x: View,
  weight: PackedRows,
  y: View,
  { transposeA, transposeB, accumulate = false }: MatmulForm,
): void {
  if (transposeA || !transposeB) {
    throw new TypeError(
      "Cannot multiply by a packed matrix: wanted x · weightᵀ, as linear computes it, got a matmul " +
        "along its columns, as for a gradient. Unpack it for that.",
    );
  }
  const [n, blocks] = weight.scales.shape as [number, number];
  const rows = sizeOf(y.shape) / Math.max(1, n);
  if (rows === 0 || n === 0) return;
  const problem: QuantizedProblem = {
    x: viewAs(x, [rows, blocks * BLOCK], [blocks * BLOCK, 1]),
    weight,
    y: viewAs(y, [rows, n], [n, 1]),
    accumulate,
  };
  runFastest("quantized matmul", problem, device, () => plainQuantizedMatmul(device, problem));
}

/** x rounded to 8 bits. */
export interface RoundedRows {
  /** `int32 [rows, k / 4]` */
  readonly numbers: View;
  /** `float32 [rows, k / 32]` */
  readonly scales: View;
}

/** Rounds contiguous rows to 8 bits in blocks of 32. The caller frees the result. */
export function roundRows(device: Device, x: View): RoundedRows {
  const [rows, k] = x.shape as [number, number];
  const numbers = allocateView(device, "int32", [rows, k / 4], "rounded rows");
  const scales = allocateView(device, "float32", [rows, k / BLOCK], "rounded rows");
  for (const part of rowsInRanges(device, [x, numbers, scales], rows, "round rows")) {
    const blocks = sizeOf(part[0]!.shape) / BLOCK;
    runKernel(device, ROUND, part, [], blocks, { grain: BLOCKS_PER_THREAD });
  }
  return { numbers, scales };
}

/** Columns of a tile. */
const COLUMNS = 4;
/** Rows of a tile, unless there is one row. */
const ROWS = 4;

const BLOCKS_PER_THREAD = 256;
/** Below this many multiplications, another thread of the CPU costs more than it gains. */
const MULTIPLICATIONS_PER_THREAD = 131_072;

/** Multiplies by the plain kernel: the specification of the fast paths. */
export function plainQuantizedMatmul(device: Device, problem: QuantizedProblem): void {
  const { x, weight, y, accumulate } = problem;
  const [rows, n] = y.shape as [number, number];
  const [words, blocks] = [weight.numbers.shape[1]!, weight.scales.shape[1]!];
  const rounded = roundRows(device, x);
  const alongRows = (view: View, length: number) => viewAs(view, [n, rows, length], [0, length, 1]);
  const alongColumns = (view: View, length: number) =>
    viewAs(view, [n, rows, length], [length, 0, 1]);
  const views = [
    alongRows(rounded.numbers, 8 * blocks),
    alongRows(rounded.scales, blocks),
    alongColumns(weight.numbers, words),
    alongColumns(weight.scales, blocks),
    viewAs(y, [n, rows, 1], [1, n, 1]),
  ];
  const height = rows === 1 ? 1 : ROWS;
  const cut = { name: "quantized matmul", axes: 2, firstOutput: 4 };
  for (const { views: part } of split(device, views, cut)) {
    const [columns, rows] = part[0]!.shape as [number, number];
    const items = Math.ceil(rows / height) * Math.ceil(columns / COLUMNS);
    const perItem = height * COLUMNS * blocks * BLOCK;
    runKernel(
      device,
      KERNELS[weight.packing][height],
      part,
      [rows, columns, blocks, n, Number(accumulate)],
      items,
      {
        grain: Math.ceil(MULTIPLICATIONS_PER_THREAD / perItem),
        work: () => quantizedWork(problem),
      },
    );
  }
  for (const { allocation } of [rounded.numbers, rounded.scales]) device.free(allocation);
}

/** The work of a matmul with a packed matrix, for profiles. */
export function quantizedWork({ x, weight, y }: QuantizedProblem): Work {
  const [rows, n] = y.shape as [number, number];
  const k = x.shape[1]!;
  const words = [x, weight.numbers, weight.scales, y].map(({ shape }) => sizeOf(shape));
  return {
    name: `matmul ${rows}×${k}×${n} ${weight.packing}`,
    flops: 2 * rows * k * n,
    bytes: 4 * words.reduce((sum, each) => sum + each, 0),
  };
}

/** A work item is a tile of the result. At the edges it repeats the last row and column. */
function matmulKernel(packing: Packing, height: number): Kernel {
  return defineKernel(
    {
      key: `matmul by ${packing}, ${height}×${COLUMNS}`,
      buffers: {
        x: "vec4<i32>",
        xScales: "f32",
        numbers: "vec4<i32>",
        scales: "f32",
        y: "f32",
      },
      writes: ["y"],
      arguments: ["rows", "columns", "blocks", "yRow", "accumulate"],
    },
    (k, item, buffers, { rows, columns, blocks, yRow, accumulate }) => {
      const across = k.let(columns.add(COLUMNS - 1).divide(COLUMNS));
      const firstRow = k.let(item.divide(across).multiply(height));
      const firstColumn = k.let(item.remainder(across).multiply(COLUMNS));
      const vectors = packing === "q8" ? blocks.multiply(2) : blocks;
      const left = range(height).map((i) => {
        const row = k.let(k.let(firstRow.add(i)).min(rows.subtract(1)));
        return {
          numbers: buffers.x.from(row.multiply(blocks).multiply(2)),
          scales: buffers.xScales.from(row.multiply(blocks)),
        };
      });
      const right = range(COLUMNS).map((j) => {
        const column = k.let(k.let(firstColumn.add(j)).min(columns.subtract(1)));
        return {
          numbers: buffers.numbers.from(column.multiply(vectors)),
          scales: buffers.scales.from(column.multiply(blocks)),
        };
      });
      const sums = left.map(() => right.map(() => k.variable(k.vector(0))));
      const none = k.let(k.intVector(0));
      k.loop(0, blocks, (block) => {
        const rowsOfBlock = left.map(({ numbers, scales }) => ({
          bytes: bytesOfBlock(k, "q8", numbers, block),
          scale: k.let(scales.loadSplat(block)),
        }));
        right.forEach(({ numbers, scales }, j) => {
          const [first, second] = bytesOfBlock(k, packing, numbers, block);
          const ofColumn = k.let(scales.loadSplat(block));
          rowsOfBlock.forEach(({ bytes, scale }, i) => {
            const half = k.let(second.dotBytes(bytes[1], none));
            const products = k.let(first.dotBytes(bytes[0], half));
            const sum = sums[i]![j]!;
            k.set(sum, products.toF32x4().multiplyAdd(scale.multiply(ofColumn), sum));
          });
        });
      });
      sums.forEach((ofRow, i) =>
        ofRow.forEach((sum, j) => {
          const [row, column] = [k.let(firstRow.add(i)), k.let(firstColumn.add(j))];
          const [a, b, c, d] = range(4).map((lane) => k.laneOf(sum, lane));
          k.if(row.less(rows).and(column.less(columns)), () => {
            const at = k.let(row.multiply(yRow).add(column));
            const total = k.variable(a!.add(b!).add(c!.add(d!)));
            k.if(accumulate.notEqual(0), () => k.set(total, total.add(buffers.y.load(at))));
            buffers.y.store(at, total);
          });
        })
      );
    },
  );
}
const kernelsOf = (packing: Packing) => ({
  1: matmulKernel(packing, 1),
  [ROWS]: matmulKernel(packing, ROWS),
});
const KERNELS = { q8: kernelsOf("q8"), q4: kernelsOf("q4") };
