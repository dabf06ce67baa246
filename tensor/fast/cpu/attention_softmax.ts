/**
 * The online softmax of a block of attention scores on the CPU, and its gradient. A vector holds
 * four queries, and loops run over the keys.
 *
 * @module
 */

import { log } from "../../kernel/math.ts";
import { writeVector } from "../../kernel/wasm.ts";
import {
  F32x4,
  type FunctionBuilder,
  type FunctionReference,
  I32,
  I32x4,
  type Local,
  type ModuleBuilder,
} from "../../devices/cpu/emitter/mod.ts";
import { BLOCK, larger, SCORE_ROW, smaller } from "./attention_tile.ts";

/** Byte offsets of a block's statistics, each a row of QUERIES floats. */
export const STATISTICS = {
  maximum: 0,
  /** Σ 2^(score − maximum) */
  sum: SCORE_ROW,
  /** Rescales what was summed with an earlier maximum. */
  factor: 2 * SCORE_ROW,
} as const;

/** Total size of {@linkcode STATISTICS} in bytes. */
export const STATISTICS_BYTES = 3 * SCORE_ROW;

/** The lowest float, in place of −∞, whose differences would be NaN. */
export const LOWEST = -3.4028234663852886e38;

/**
 * How many keys around those visible to eight queries get weight zero: matmul tiles span up to six
 * rows, some of which see slightly more than others.
 */
const MARGIN = 8;
/** Larger than any block. */
const EVERYTHING = 1 << 20;

/** 1.5 · 2²³ + 127: adding it to x leaves the biased exponent of 2^x, rounded, in the low bits. */
const EXPONENT = 12582912 + 127;
/** 2^r for |r| ≤ ½ within 1.3 · 2⁻²³: our own minimax fit, as in the emitter's `math.ts`. */
const EXP2 = [1, 0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273];

/** 2^x for x ≤ 0. NaN stays NaN. Never below 2^−126, so only masked keys have weight zero. */
export function exp2(f: FunctionBuilder, argument: F32x4): F32x4 {
  const x = f.local(argument.pseudoMin(0).pseudoMax(-126));
  const rounded = f.local(x.add(EXPONENT));
  const r = f.local(x.subtract(rounded.subtract(EXPONENT)));
  const power = EXP2.slice(0, -1).reduceRight(
    (sum: F32x4, coefficient) => sum.multiplyAdd(r, coefficient),
    F32x4.of(EXP2.at(-1)!),
  );
  return power.multiply(rounded.bits().shiftLeft(23).asF32x4());
}

/** Runs `body` for the two vectors of eight queries, the columns from `query` on. */
type EightQueries = (
  query: Local<I32>,
  firstKey: I32,
  lastKey: I32,
  /** Masks of a key for four queries; `null` if all see it. */
  sees: ((key: Local<I32x4>, half: 0 | 1) => I32x4) | null,
) => void;

/**
 * Loops over groups of eight queries, with their visible keys and a margin. The body is emitted
 * twice: with masks, and without for groups that see all keys.
 */
function forEightQueries(
  f: FunctionBuilder,
  [keys, queries, left, right, shift]: readonly [I32, I32, I32, I32, I32],
  margin: I32 | number,
  body: EightQueries,
): void {
  f.forRange(0, queries, 8, (query) => {
    const position = f.local(query.subtract(shift));
    const first = larger(f, position.subtract(left).subtract(margin), 0);
    const last = smaller(f, keys, position.add(right).add(8).add(margin));
    const seesAll = position.add(7).subtract(left).lessEqual(first)
      .and(position.add(right).greaterEqual(last.subtract(1)));
    f.if(first.less(last), () =>
      f.if(seesAll, () => body(query, first, last, null), () => {
        const lanes = [I32x4.lanes(0, 1, 2, 3), I32x4.lanes(4, 5, 6, 7)].map((lane) =>
          f.local(position.splat().add(lane))
        );
        const before = lanes.map((lane) => f.local(lane.subtract(left.splat()).subtract(1)));
        const after = lanes.map((lane) => f.local(lane.add(right.splat()).add(1)));
        body(
          query,
          first,
          last,
          (key, half) => key.greater(before[half]!).and(key.less(after[half]!)),
        );
      }));
  });
}

/** Loops over the keys: the address of a row's eight scores, and its index in all lanes. */
function forKeys(
  f: FunctionBuilder,
  row: I32,
  firstKey: I32,
  lastKey: I32,
  body: (row: Local<I32>, key: Local<I32x4>) => void,
): void {
  const address = f.local(row.add(firstKey.multiply(SCORE_ROW)));
  const key = f.local(firstKey.splat());
  f.forRange(firstKey, lastKey, 1, () => {
    body(address, key);
    f.set(address, address.add(SCORE_ROW));
    f.set(key, key.add(1));
  });
}

const HALVES = [0, 1] as const;

/** `(scores, statistics, careful, ...block)`, see {@linkcode defineSoftmax}. */
export type SoftmaxFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32, ...typeof BLOCK],
  null
>;

/**
 * Defines the function that turns base-2 scores into weights 2^(score − maximum), and updates the
 * statistics. With `careful`, everything masked is set to zero.
 *
 * Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018).
 */
export function defineSoftmax(module: ModuleBuilder): SoftmaxFunction {
  return module.defineProcedure(
    [I32, I32, I32, ...BLOCK],
    (f, scores, statistics, careful, ...block) => {
      // Queries that see nothing of this block are not visited below.
      f.forRange(0, SCORE_ROW, 16, (column) => {
        f.store(statistics.add(column), F32x4.of(1), STATISTICS.factor);
      });
      const margin = careful.select(I32.of(EVERYTHING), I32.of(MARGIN));
      forEightQueries(f, block, f.local(margin), (query, first, last, sees) => {
        const column = f.local(scores.add(query.shiftLeft(2)));
        const state = f.local(statistics.add(query.shiftLeft(2)));
        const before = HALVES.map((half) =>
          f.local(state.loadF32x4(STATISTICS.maximum + 16 * half))
        );
        const maximum = before.map((value) => f.local(value));
        forKeys(f, column, first, last, (row, key) => {
          for (const half of HALVES) {
            const score = row.loadF32x4(16 * half);
            const seen = sees === null ? score : sees(key, half).select(score, F32x4.of(LOWEST));
            f.set(maximum[half]!, maximum[half]!.pseudoMax(seen));
          }
        });
        const sums = HALVES.map(() => f.local(F32x4.of(0)));
        forKeys(f, column, first, last, (row, key) => {
          const weights = HALVES.map((half) =>
            exp2(f, row.loadF32x4(16 * half).subtract(maximum[half]!))
          );
          for (const half of HALVES) {
            const weight = f.local(
              sees === null ? weights[half]! : sees(key, half).select(weights[half]!, F32x4.of(0)),
            );
            f.set(sums[half]!, sums[half]!.add(weight));
            f.store(row, weight, 16 * half);
          }
        });
        for (const half of HALVES) {
          const factor = f.local(exp2(f, before[half]!.subtract(maximum[half]!)));
          const sum = state.loadF32x4(STATISTICS.sum + 16 * half);
          f.store(state, maximum[half]!, STATISTICS.maximum + 16 * half);
          f.store(state, sum.multiplyAdd(factor, sums[half]!), STATISTICS.sum + 16 * half);
          f.store(state, factor, STATISTICS.factor + 16 * half);
        }
      });
    },
  );
}

/** Initializes the statistics of a block of queries. */
export function resetStatistics(f: FunctionBuilder, statistics: I32): void {
  f.forRange(0, SCORE_ROW, 16, (column) => {
    const at = f.local(statistics.add(column));
    f.store(at, F32x4.of(LOWEST), STATISTICS.maximum);
    f.store(at, F32x4.of(0), STATISTICS.sum);
  });
}

/**
 * Finalizes the statistics of a block of queries: `factor` becomes 1 / sum, or 0 for a query
 * without keys, and `sum` becomes log₂ Σ 2^score.
 */
export function finishStatistics(f: FunctionBuilder, statistics: I32): void {
  f.forRange(0, SCORE_ROW, 16, (column) => {
    const at = f.local(statistics.add(column));
    const sum = f.local(at.loadF32x4(STATISTICS.sum));
    const sawNothing = f.local(sum.equal(0));
    const inverse = sawNothing.select(F32x4.of(0), F32x4.of(1).divide(sum));
    f.store(at, inverse, STATISTICS.factor);
    const logarithm = writeVector(f, (k) => log(k, sum)).multiplyAdd(
      Math.LOG2E,
      at.loadF32x4(STATISTICS.maximum),
    );
    f.store(at, sawNothing.select(F32x4.of(0), logarithm), STATISTICS.sum);
  });
}

/** `(rows, factors, count)` */
export type ScaleRowsFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32],
  null
>;

export function defineScaleRows(module: ModuleBuilder, head: number): ScaleRowsFunction {
  return module.defineProcedure([I32, I32, I32], (f, rows, factors, count) => {
    f.forRange(0, count, 1, (row) => {
      const factor = f.local(factors.add(row.shiftLeft(2)).loadSplat());
      const address = f.local(rows.add(row.multiply(head * 4)));
      f.forRange(0, head * 4, 16, (column) => {
        const at = f.local(address.add(column));
        f.store(at, at.loadF32x4().multiply(factor));
      });
    });
  });
}

/**
 * `(scores, products, logSums, deltas, careful, ...block)`, see {@linkcode defineSoftmaxGradient}.
 */
export type SoftmaxGradientFunction = FunctionReference<
  readonly [typeof I32, typeof I32, typeof I32, typeof I32, typeof I32, ...typeof BLOCK],
  null
>;

/**
 * Defines the function that turns scores into weights P = 2^(score − logSum), and dO·V into the
 * gradient of the scores, P · (dO·V − Σ dO·O), by query.
 *
 * Source: Dao, "FlashAttention-2" (2023), algorithm 2.
 */
export function defineSoftmaxGradient(module: ModuleBuilder): SoftmaxGradientFunction {
  return module.defineProcedure(
    [I32, I32, I32, I32, I32, ...BLOCK],
    (f, scores, products, logSums, deltas, careful, ...block) => {
      const margin = careful.select(I32.of(EVERYTHING), I32.of(MARGIN));
      const distance = f.local(products.subtract(scores));
      forEightQueries(f, block, f.local(margin), (query, first, last, sees) => {
        const offset = f.local(query.shiftLeft(2));
        const load = (from: I32) =>
          HALVES.map((half) => f.local(from.add(offset).loadF32x4(16 * half)));
        const [logSum, delta] = [load(logSums), load(deltas)];
        forKeys(f, scores.add(offset), first, last, (row, key) => {
          const product = f.local(row.add(distance));
          for (const half of HALVES) {
            const all = f.local(exp2(f, row.loadF32x4(16 * half).subtract(logSum[half]!)));
            const change = all.multiply(product.loadF32x4(16 * half).subtract(delta[half]!));
            const seen = sees === null ? null : f.local(sees(key, half));
            f.store(row, seen === null ? all : seen.select(all, F32x4.of(0)), 16 * half);
            f.store(product, seen === null ? change : seen.select(change, F32x4.of(0)), 16 * half);
          }
        });
      });
    },
  );
}
