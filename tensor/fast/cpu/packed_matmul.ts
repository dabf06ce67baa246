/** Packed matmul on the CPU: blocks that fit the caches, packed panels, register tiles. @module */

import type { WasmKernel } from "../../device.ts";
import { emitKernel, type FunctionBuilder, I32, type Local } from "../../kernel/emitter.ts";
import type { FastPath } from "../../fast_paths.ts";
import { matmulWork, stridesOf } from "../../ops/matmul/problem.ts";
import { TILE_COLUMNS, tileRows, writePacking, writeTile } from "./matmul_tile.ts";
import { loadWords } from "./words.ts";

/** Rows of A per block: with {@linkcode BLOCK_DEPTH}, 192 KiB, part of the L2 cache. */
const BLOCK_ROWS = 192;
/** Depth (steps of k) per block: a panel of B takes 8 KiB, part of the L1 cache. */
const BLOCK_DEPTH = 256;
/** Columns of B per block: 2 MiB. */
const BLOCK_COLUMNS = 2048;
/** Scratch memory for an edge tile, in bytes; more than a tile, for alignment. */
const TILE_BYTES = 256;
/** Below this many operations, another thread costs more than it gains. */
const OPERATIONS_PER_THREAD = 200_000;

/** Addresses, and strides in bytes; then sizes and flags. */
const WORDS = [
  ...["a", "aRow", "aColumn", "aOuter", "aInner"] as const,
  ...["b", "bRow", "bColumn", "bOuter", "bInner"] as const,
  ...["c", "cRow", "cColumn", "cOuter", "cInner", "inner"] as const,
  ...["m", "n", "k", "accumulate", "splitRows", "panels", "blockSteps", "scratchB"] as const,
];

/**
 * Each thread gets a contiguous range of panels, along the longer side of the result, and packs for
 * itself. The order of additions does not depend on the number of threads.
 */
export const packedMatmul: FastPath<"matmul", "cpu"> = {
  operation: "matmul",
  name: "packed",
  device: "cpu",
  gain: { factor: 2.72, of: "256×256×256, against plain" },
  refuses: ({ k }) => k > 0 ? null : "the sums are empty",
  run: (problem, device) => {
    const { m, n, k, outer, inner, a, b, c, accumulate } = problem;
    const rows = tileRows(device.relaxedSimd);
    const rowPanels = Math.ceil(m / rows);
    const columnPanels = Math.ceil(n / TILE_COLUMNS);
    const splitRows = m >= n;
    const panels = splitRows ? rowPanels : columnPanels;
    const steps = Math.min(k, BLOCK_DEPTH);
    const bytesA = Math.min(rowPanels * rows, BLOCK_ROWS) * steps * 4;
    const bytesB = Math.min(columnPanels * TILE_COLUMNS, BLOCK_COLUMNS) * steps * 4;
    const operations = 2 * m * n * k / panels;
    device.dispatch(
      PACKED,
      {
        integers: [
          ...[a, b, c].flatMap((matrix) => [
            device.address(matrix),
            ...stridesOf(matrix).map((stride) => 4 * stride),
          ]),
          inner,
          m,
          n,
          k,
          Number(accumulate),
          Number(splitRows),
          panels,
          steps,
          TILE_BYTES + bytesA,
        ],
      },
      outer * inner * panels,
      {
        grain: Math.max(1, Math.ceil(OPERATIONS_PER_THREAD / operations)),
        scratchBytes: TILE_BYTES + bytesA + bytesB,
        work: () => matmulWork(problem),
      },
    );
  },
};

/** One kernel for all sizes and strides. */
const PACKED: WasmKernel = {
  key: "matmul packed",
  emit: emitKernel((f, { words, start, end, scratch }) => {
    const rows = tileRows(f.relaxedSimd);
    const word = loadWords(f, words, WORDS);
    const blockA = f.local(scratch.add(TILE_BYTES));
    const blockB = f.local(scratch.add(word.scratchB));
    const smaller = (x: I32, y: I32 | number) => f.local(f.local(x).min(y));

    f.forRange(start, end, 0, (item) => {
      const batch = f.local(item.divide(word.panels));
      const firstPanel = f.local(item.subtract(batch.multiply(word.panels)));
      const lastPanel = smaller(firstPanel.add(end.subtract(item)), word.panels);
      f.set(item, item.add(lastPanel).subtract(firstPanel));
      const outerItem = f.local(batch.divide(word.inner));
      const innerItem = f.local(batch.remainder(word.inner));
      const [a, b, c] = (["a", "b", "c"] as const).map((name) => {
        const inOuter = word[name].add(outerItem.multiply(word[`${name}Outer`]));
        return f.local(inOuter.add(innerItem.multiply(word[`${name}Inner`])));
      }) as [Local<I32>, Local<I32>, Local<I32>];
      const range = (isSplit: I32, size: number, length: I32) =>
        [
          f.local(isSplit.select(firstPanel.multiply(size), I32.of(0))),
          f.local(isSplit.select(smaller(lastPanel.multiply(size), length), length)),
        ] as const;
      const [firstRow, lastRow] = range(word.splitRows, rows, word.m);
      const [firstColumn, lastColumn] = range(word.splitRows.isZero(), TILE_COLUMNS, word.n);

      f.forRange(firstColumn, lastColumn, BLOCK_COLUMNS, (column) => {
        const columns = smaller(lastColumn.subtract(column), BLOCK_COLUMNS);
        f.forRange(0, word.k, word.blockSteps, (step) => {
          const depth = smaller(word.k.subtract(step), word.blockSteps);
          // The first block of k replaces the result, unless accumulating.
          const add = f.local(word.accumulate.or(step.notEqual(0)));
          const depthBytes = f.local(depth.shiftLeft(2));
          const fromB = b.add(step.multiply(word.bRow)).add(column.multiply(word.bColumn));
          writePacking(f, TILE_COLUMNS, blockB, fromB, word.bColumn, word.bRow, columns, depth);
          f.forRange(firstRow, lastRow, BLOCK_ROWS, (row) => {
            const blockRows = smaller(lastRow.subtract(row), BLOCK_ROWS);
            const fromA = a.add(row.multiply(word.aRow)).add(step.multiply(word.aColumn));
            writePacking(f, rows, blockA, fromA, word.aRow, word.aColumn, blockRows, depth);
            f.forRange(0, columns, TILE_COLUMNS, (tileColumn) => {
              const width = smaller(columns.subtract(tileColumn), TILE_COLUMNS);
              const panelB = f.local(blockB.add(tileColumn.multiply(depthBytes)));
              const target = f.local(
                c.add(row.multiply(word.cRow)).add(column.add(tileColumn).shiftLeft(2)),
              );
              f.forRange(0, blockRows, rows, (tileRow) => {
                const height = smaller(blockRows.subtract(tileRow), rows);
                const panelA = f.local(blockA.add(tileRow.multiply(depthBytes)));
                const isEdge = f.local(width.less(TILE_COLUMNS).or(height.less(rows)));
                const whole = [target, word.cRow] as const;
                const edge = [scratch, I32.of(TILE_COLUMNS * 4)] as const;
                const c = f.local(isEdge.select<I32>(scratch, target));
                const rowBytes = f.local(isEdge.select<I32>(edge[1], word.cRow));
                f.if(isEdge.and(add), () => copyPart(f, edge, whole, height, width));
                writeTile(f, panelA, panelB, depth, c, rowBytes, add);
                f.if(isEdge, () => copyPart(f, whole, edge, height, width));
                f.set(target, target.add(word.cRow.multiply(rows)));
              });
            });
          });
        });
      });
    });
  }),
};

/** Copies the part of an edge tile that is within the result, from or to the place in scratch memory. */
function copyPart(
  f: FunctionBuilder,
  [to, toRowBytes]: readonly [I32, I32],
  [from, fromRowBytes]: readonly [I32, I32],
  height: I32,
  width: I32,
): void {
  f.forRange(0, height, 1, (row) => {
    const target = f.local(to.add(row.multiply(toRowBytes)));
    const source = f.local(from.add(row.multiply(fromRowBytes)));
    f.forRange(0, width.shiftLeft(2), 4, (at) => f.store(target.add(at), source.add(at).loadF32()));
  });
}
