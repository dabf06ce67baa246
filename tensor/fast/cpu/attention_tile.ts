/**
 * The matmuls of attention on the CPU: small matrices in scratch memory, by register tiles.
 *
 * Scores are transposed, keys by queries. So a vector holds four queries, and their softmax needs
 * no reduction over lanes. Operands are never packed: a tile reads its left factor along rows or
 * columns, as needed. All matrices are padded to whole tiles, so there are no edge cases.
 *
 * @module
 */

import {
  F32x4,
  type FunctionBuilder,
  type FunctionReference,
  I32,
  type Local,
  type ModuleBuilder,
} from "../../devices/cpu/emitter/mod.ts";
import { TILE_COLUMNS, tileRows } from "./matmul_tile.ts";

/** Queries per block: whole panels of eight columns, and of four or six rows. */
export const QUERIES = 96;
/** Keys per block: whole panels of four or six rows. */
export const KEYS = 48;
/** Row stride of a block of scores, in bytes. */
export const SCORE_ROW = QUERIES * 4;

export function paddedHead(headSize: number): number {
  return Math.ceil(headSize / TILE_COLUMNS) * TILE_COLUMNS;
}

/**
 * The visible part of a block: query q sees key k if q − left ≤ k + shift ≤ q + right. `keys` and
 * `queries` are the actual counts, and `shift` is the position of key 0 minus that of query 0.
 */
export const BLOCK = [I32, I32, I32, I32, I32] as const;

/** The values of {@linkcode BLOCK}, as function arguments. */
export type Block = readonly [keys: I32, queries: I32, left: I32, right: I32, shift: I32];

const PRODUCT = [I32, I32, I32, ...BLOCK] as const;
const WEIGHTED_SUM = [I32, I32, I32, I32, ...BLOCK] as const;

/** The minimum of two integers, each evaluated once. */
export function smaller(f: FunctionBuilder, a: I32, b: I32 | number): Local<I32> {
  const [x, y] = [f.local(a), typeof b === "number" ? b : f.local(b)];
  return f.local(x.min(y));
}

/** The maximum of two integers, each evaluated once. */
export function larger(f: FunctionBuilder, a: I32, b: I32 | number): Local<I32> {
  const [x, y] = [f.local(a), typeof b === "number" ? b : f.local(b)];
  return f.local(x.max(y));
}

/** Strides of a tile's operands in bytes, known when the kernel is emitted. */
interface TileLayout {
  readonly aRow: number;
  readonly aStep: number;
  readonly bStep: number;
  readonly cRow: number;
  readonly accumulate: boolean;
}

/**
 * `tile(a, b, c, depth)`: four or six rows by eight columns of c, in registers over the whole
 * depth.
 */
function defineTile(
  module: ModuleBuilder,
  { aRow, aStep, bStep, cRow, accumulate }: TileLayout,
): FunctionReference<readonly [typeof I32, typeof I32, typeof I32, typeof I32], null> {
  const rows = tileRows(module.options.relaxedSimd);
  const unroll = 4;
  return module.defineProcedure([I32, I32, I32, I32], (f, firstA, firstB, c, depth) => {
    const a = f.local(firstA);
    const b = f.local(firstB);
    const sums = Array.from(
      { length: rows },
      () => [f.local(F32x4.of(0)), f.local(F32x4.of(0))] as const,
    );
    const steps = (count: number) => {
      for (let step = 0; step < count; step++) {
        const low = f.local(b.loadF32x4(step * bStep));
        const high = f.local(b.loadF32x4(step * bStep + 16));
        sums.forEach(([sumLow, sumHigh], row) => {
          const factor = f.local(a.loadSplat(row * aRow + step * aStep));
          f.set(sumLow, factor.multiplyAdd(low, sumLow));
          f.set(sumHigh, factor.multiplyAdd(high, sumHigh));
        });
      }
      f.set(a, a.add(count * aStep));
      f.set(b, b.add(count * bStep));
    };
    f.forRange(0, depth.divideUnsigned(unroll), 1, () => steps(unroll));
    f.forRange(0, depth.remainderUnsigned(unroll), 1, () => steps(1));
    sums.forEach((pair, row) =>
      pair.forEach((sum, half) => {
        const at = row * cRow + half * 16;
        f.store(c, accumulate ? c.loadF32x4(at).add(sum) : sum, at);
      })
    );
  });
}

/** `(keys, queries, scores, ...block)`, see {@linkcode defineScores}. */
export type ScoresFunction = FunctionReference<typeof PRODUCT, null>;

/**
 * Defines `scores = keys · queries`, for keys [KEYS, D], transposed queries [D, QUERIES], and
 * scores [KEYS, QUERIES]. Fully masked tiles keep their contents.
 *
 * @param head D, padded.
 */
export function defineScores(module: ModuleBuilder, head: number): ScoresFunction {
  const rows = tileRows(module.options.relaxedSimd);
  const layout = { aRow: head * 4, aStep: 4, bStep: SCORE_ROW, cRow: SCORE_ROW };
  const tile = defineTile(module, { ...layout, accumulate: false });
  return module.defineProcedure(PRODUCT, (f, a, b, c, keys, queries, left, right, shift) => {
    f.forRange(0, keys, rows, (key) => {
      const position = f.local(key.add(shift));
      const first = larger(f, position.subtract(right), 0).and(-TILE_COLUMNS);
      const last = smaller(f, queries, position.add(rows).add(left));
      const rowA = f.local(a.add(key.multiply(head * 4)));
      const rowC = f.local(c.add(key.multiply(SCORE_ROW)));
      f.forRange(first, last, TILE_COLUMNS, (query) => {
        const column = f.local(query.shiftLeft(2));
        f.callStatement(tile, rowA, b.add(column), rowC.add(column), I32.of(head));
      });
    });
  });
}

/** `(weights, values, sums, careful, ...block)`, see {@linkcode defineWeightedSum}. */
export type WeightedSumFunction = FunctionReference<typeof WEIGHTED_SUM, null>;

/**
 * Defines `sums += weights · values`, for weights [KEYS, QUERIES]: a sum over each query's visible
 * keys, of values [KEYS, D] into sums [QUERIES, D], or a sum over the queries that see each key.
 *
 * Masked weights are zero, but zero times NaN is NaN. So if the values are not all finite, set
 * `careful`: then terms with weight zero are skipped.
 *
 * @param head D, padded.
 */
export function defineWeightedSum(
  module: ModuleBuilder,
  head: number,
  over: "keys" | "queries",
): WeightedSumFunction {
  const rows = tileRows(module.options.relaxedSimd);
  const [weightRow, weightStep] = over === "keys" ? [4, SCORE_ROW] : [SCORE_ROW, 4];
  const valueRow = head * 4;
  const tile = defineTile(module, {
    ...{ aRow: weightRow, aStep: weightStep, bStep: valueRow, cRow: valueRow },
    accumulate: true,
  });
  return module.defineProcedure(
    WEIGHTED_SUM,
    (f, weights, values, sums, careful, keys, queries, left, right, shift) => {
      const [rowCount, stepCount] = over === "keys" ? [queries, keys] : [keys, queries];
      const [before, after] = over === "keys" ? [left, right] : [right, left];
      f.if(careful, () => {
        f.forRange(0, rowCount, 1, (row) => {
          f.forRange(0, stepCount, 1, (step) => {
            const at = row.multiply(weightRow).add(step.multiply(weightStep));
            const weight = f.local(weights.add(at).loadF32());
            f.if(weight.equal(0).isZero(), () => {
              const value = f.local(values.add(step.multiply(valueRow)));
              const sum = f.local(sums.add(row.multiply(valueRow)));
              f.forRange(0, valueRow, 16, (column) => {
                const address = f.local(sum.add(column));
                const term = weight.splat().multiplyAdd(
                  value.add(column).loadF32x4(),
                  address.loadF32x4(),
                );
                f.store(address, term);
              });
            });
          });
        });
      }, () => {
        f.forRange(0, rowCount, rows, (row) => {
          const position = f.local(over === "keys" ? row.subtract(shift) : row.add(shift));
          const first = larger(f, position.subtract(before), 0);
          const last = smaller(f, stepCount, position.add(rows).add(after));
          const depth = f.local(last.subtract(first));
          f.if(depth.greater(0), () => {
            const weight = f.local(
              weights.add(row.multiply(weightRow)).add(first.multiply(weightStep)),
            );
            const value = f.local(values.add(first.multiply(valueRow)));
            const sum = f.local(sums.add(row.multiply(valueRow)));
            f.forRange(0, valueRow, TILE_COLUMNS * 4, (column) => {
              f.callStatement(tile, weight, value.add(column), sum.add(column), depth);
            });
          });
        });
      });
    },
  );
}

/** result[i] = a[i] · b[i] for the rows of two blocks of queries. */
export function multiplyRows(f: FunctionBuilder, head: number, a: I32, b: I32, result: I32): void {
  f.forRange(0, QUERIES, 1, (row) => {
    const address = f.local(a.add(row.multiply(head * 4)));
    const other = f.local(b.add(row.multiply(head * 4)));
    const sum = f.local(address.loadF32x4().multiply(other.loadF32x4()));
    f.forRange(16, head * 4, 16, (at) => {
      f.set(sum, address.add(at).loadF32x4().multiplyAdd(other.add(at).loadF32x4(), sum));
    });
    f.store(result.add(row.shiftLeft(2)), f.sumOfLanes(sum));
  });
}
