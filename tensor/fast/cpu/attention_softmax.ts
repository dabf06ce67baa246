/** The softmax of attention scores on the CPU, and its gradient: only visible keys are visited. @module */

import type { WasmKernel } from "../../device.ts";
import {
  emitKernel,
  F32,
  F32x4,
  type FunctionBuilder,
  type I32,
  I32x4,
  loadWords,
  type Local,
  polynomial,
} from "../../devices/cpu/emitter/mod.ts";
import type { FastPath } from "../../fast_paths.ts";
import { log } from "../../kernel/math.ts";
import { writeVector } from "../../kernel/wasm.ts";
import { maskedSoftmax, softmaxGradient } from "../../ops/attention/body.ts";
import { LOG2_E, ROW_MULTIPLE } from "../../ops/attention/problem.ts";

/** The lowest float, in place of −∞, whose differences would be NaN. */
const LOWEST = -3.4028234663852886e38;

/** 1.5 · 2²³ + 127: adding it to x leaves the biased exponent of 2^x, rounded, in the low bits. */
const EXPONENT = 12582912 + 127;
/** 2^r for |r| ≤ ½ within 1.3 · 2⁻²³: our own minimax fit, as in the emitter's `math.ts`. */
const EXP2 = [1, 0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647273];

/** 2^x for x ≤ 0. NaN stays NaN. Never below 2^−126. */
function exp2(f: FunctionBuilder, argument: F32x4): F32x4 {
  const x = f.local(argument.pseudoMin(0).pseudoMax(-126));
  const rounded = f.local(x.add(EXPONENT));
  const r = f.local(x.subtract(rounded.subtract(EXPONENT)));
  return polynomial(r, EXP2).multiply(rounded.bits().shiftLeft(23).asF32x4());
}

/** Keys that are computed together: two vectors. */
const PER_STEP = ROW_MULTIPLE;
/** Scores that justify waking another thread: each takes about a nanosecond. */
const SCORES_PER_THREAD = 5000;

export const softmaxOfVisible: FastPath<"attention softmax", "cpu"> = {
  operation: "attention softmax",
  name: "visible keys",
  device: "cpu",
  gain: { factor: 1.39, of: "4 × 4 heads, 64 queries and 256 keys, against plain" },
  suits: () => true,
  run: (call, device) => {
    const { products, upstream, logSums, queries, keys, position, scale, left, right } = call;
    const [batch, keyHeads, group] = products.shape as [number, number, number];
    device.dispatch(
      upstream === null ? SOFTMAX : SOFTMAX_GRADIENT,
      {
        integers: [
          ...[products, upstream ?? products, logSums].map((view) => device.address(view)),
          ...[logSums.strides[2]!, queries, keys, products.strides[3]!, position, left, right],
        ],
        floats: [scale, scale * LOG2_E],
      },
      batch * keyHeads * group * queries,
      {
        grain: Math.ceil(SCORES_PER_THREAD / Math.max(1, keys)),
        work: () => ({ name: upstream === null ? maskedSoftmax.name : softmaxGradient.name }),
      },
    );
  },
};

const WORDS = [
  ...["products", "upstream", "logSums", "logSumStep", "queries", "keys", "row"] as const,
  ...["position", "left", "right", "scale", "logScale"] as const,
];

/** Calls `body` for each vector, with its offset in bytes and a mask of its visible keys. */
type ForVisible = (body: (at: I32, seen: Local<I32x4>, vector: 0 | 1) => void) => void;

/** The range of keys that a query sees. */
interface VisibleKeys {
  readonly first: Local<I32>;
  readonly last: Local<I32>;
  readonly forVisible: ForVisible;
  /** Sets all of a row that is not visited by `forVisible` to 0. */
  readonly clearOthers: (row: I32, bytes: I32) => void;
}

/** The keys from `position − left` to `position + right`, as far as there are any. */
export function visibleKeys(
  f: FunctionBuilder,
  position: I32,
  { left, right, keys }: Readonly<Record<"left" | "right" | "keys", I32>>,
): VisibleKeys {
  const first = f.local(f.local(position.subtract(left)).max(0));
  const last = f.local(f.local(position.add(right).add(1)).min(keys));
  const before = f.local(first.subtract(1).splat());
  const after = f.local(last.splat());
  const begin = f.local(first.and(-PER_STEP).shiftLeft(2));
  const limit = f.local(last.add(PER_STEP - 1).and(-PER_STEP).shiftLeft(2));
  return {
    ...{ first, last },
    forVisible: (body) => {
      const key = f.local(first.and(-PER_STEP).splat().add(I32x4.lanes(0, 1, 2, 3)));
      f.forRange(begin, limit, 4 * PER_STEP, (at) => {
        for (const vector of [0, 1] as const) {
          const seen = f.local(key.greater(before).and(key.less(after)));
          body(vector === 0 ? at : f.local(at.add(16)), seen, vector);
          f.set(key, key.add(4));
        }
      });
    },
    clearOthers: (row, bytes) => {
      f.clearMemory(row, begin);
      f.clearMemory(row.add(limit), bytes.subtract(limit));
    },
  };
}

/** A row: the addresses of its operands, and the part that is visible. */
interface Row {
  readonly f: FunctionBuilder;
  readonly products: Local<I32>;
  readonly upstream: Local<I32>;
  readonly logSum: Local<I32>;
  readonly scale: F32x4;
  /** The scale of scores in base 2. */
  readonly logScale: F32x4;
  readonly forVisible: ForVisible;
}

/** A kernel whose work items are rows: `write` writes the visible part of the rows it returns. */
function rowKernel(name: string, write: (row: Row) => readonly I32[]): WasmKernel {
  return {
    key: `${name} of visible keys`,
    emit: emitKernel((f, { words, start, end }) => {
      const word = loadWords(f, words, WORDS);
      const splat = (bits: I32) => f.local(bits.asF32().splat());
      const [scale, logScale] = [splat(word.scale), splat(word.logScale)];
      f.forRange(start, end, 1, (item) => {
        const matrix = f.local(item.divide(word.queries));
        const query = f.local(item.remainder(word.queries));
        const { forVisible, clearOthers } = visibleKeys(f, f.local(word.position.add(query)), word);
        const bytes = f.local(word.row.shiftLeft(2));
        const place = (address: I32) => f.local(address.add(item.multiply(bytes)));
        const written = write({
          ...{ f, scale, logScale, forVisible },
          products: place(word.products),
          upstream: place(word.upstream),
          logSum: f.local(
            word.logSums.add(matrix.multiply(word.logSumStep).add(query).shiftLeft(2)),
          ),
        });
        for (const row of written) clearOthers(row, bytes);
      });
    }),
  };
}

const NOTHING = F32x4.of(0);

/** Turns the visible products of a row into their softmax, and returns the log-sum-exp. */
export function softmaxInPlace(
  f: FunctionBuilder,
  products: I32,
  logScale: F32x4,
  forVisible: ForVisible,
): F32 {
  const maxima = [0, 1].map(() => f.local(F32x4.of(LOWEST)));
  forVisible((at, seen, vector) => {
    const score = products.add(at).loadF32x4().multiply(logScale);
    const maximum = maxima[vector]!;
    f.set(maximum, maximum.pseudoMax(seen.select(score, F32x4.of(LOWEST))));
  });
  const top = f.local(f.maxOfLanes(maxima[0]!.pseudoMax(maxima[1]!)).splat());
  const sums = [0, 1].map(() => f.local(NOTHING));
  forVisible((at, seen, vector) => {
    const address = f.local(products.add(at));
    const score = address.loadF32x4().multiply(logScale);
    const power = f.local(seen.select(exp2(f, score.subtract(top)), NOTHING));
    f.set(sums[vector]!, sums[vector]!.add(power));
    f.store(address, power);
  });
  const sum = f.local(f.sumOfLanes(sums[0]!.add(sums[1]!)).splat());
  const logarithm = f.local(writeVector(f, (k) => log(k, sum)).multiplyAdd(LOG2_E, top));
  const factor = f.local(F32x4.of(1).divide(sum));
  forVisible((at) => {
    const address = f.local(products.add(at));
    f.store(address, address.loadF32x4().multiply(factor));
  });
  return F32.lane(logarithm, 0);
}

const SOFTMAX = rowKernel("softmax", ({ f, products, logSum, logScale, forVisible }) => {
  f.store(logSum, softmaxInPlace(f, products, logScale, forVisible));
  return [products];
});

const SOFTMAX_GRADIENT = rowKernel("gradient of softmax", (row) => {
  const { f, products, upstream, scale, logScale, forVisible } = row;
  const logSum = f.local(row.logSum.loadSplat());
  const sums = [0, 1].map(() => ({ weights: f.local(NOTHING), changes: f.local(NOTHING) }));
  forVisible((at, seen, vector) => {
    const address = f.local(products.add(at));
    const score = address.loadF32x4().multiply(logScale);
    const weight = f.local(seen.select(exp2(f, score.subtract(logSum)), NOTHING));
    const change = seen.select(upstream.add(at).loadF32x4().multiply(weight), NOTHING);
    const { weights, changes } = sums[vector]!;
    f.set(weights, weights.add(weight));
    f.set(changes, changes.add(change));
    f.store(address, weight);
  });
  const total = (of: "weights" | "changes") => f.sumOfLanes(sums[0]![of].add(sums[1]![of]));
  const mean = f.local(total("changes").divide(total("weights")).splat());
  forVisible((at, seen) => {
    const address = f.local(upstream.add(at));
    const slope = f.local(products.add(at)).loadF32x4().multiply(scale);
    f.store(address, seen.select(slope.multiply(address.loadF32x4().subtract(mean)), NOTHING));
  });
  return [products, upstream];
});
