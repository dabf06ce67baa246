/** The softmax of attention scores on the CPU, and its gradient: only visible keys are visited. @module */

import { floatBits } from "../../kernel/emitter.ts";
import type { View } from "../../device.ts";
import type { FastPath } from "../../fast_paths.ts";
import { ELEMENTS } from "../../kernel/lower.ts";
import type {
  Buffer,
  ElementType,
  Float,
  Int,
  KernelBuilder,
  Vector,
} from "../../kernel/language.ts";
import { log } from "../../kernel/math.ts";
import { defineKernel, defineKernels, runKernel } from "../../kernel/run.ts";
import type { Element } from "../../ops/matmul/plain.ts";
import { maskedSoftmax, softmaxGradient } from "../../ops/attention/body.ts";
import type { DType } from "../../layout.ts";
import { LOG2_E, ROW_MULTIPLE } from "../../ops/attention/problem.ts";

/** The lowest float, in place of −∞, whose differences would be NaN. */
const LOWEST = -3.4028234663852886e38;
/** Keys that are computed together: two vectors. */
const PER_STEP = ROW_MULTIPLE;
/** Scores that justify waking another thread: each takes about a nanosecond. */
const SCORES_PER_THREAD = 5000;

export const softmaxOfVisible: FastPath<"attention softmax", "cpu"> = {
  operation: "attention softmax",
  name: "visible keys",
  device: "cpu",
  gain: { factor: 2.16, of: "4 × 4 heads, 64 queries and 256 keys, against plain" },
  refuses: ({ scale }) => Math.fround(scale) === 0 ? "the scale is 0" : null,
  run: (call, device) => {
    const { products, upstream, results, logSums, queries, keys, left, right, scale } = call;
    const [weights, changes = weights] = results as [View, View?];
    const [batch, keyHeads, group] = products.shape as [number, number, number];
    const strides = [products.strides[3]!, logSums.strides[2]!];
    runKernel(
      device,
      (upstream === null ? softmax : softmaxGradientOf)(ELEMENTS[weights.dtype]),
      [products, upstream ?? products, logSums, weights, changes],
      [queries, ...strides, call.position, keys, left, right, floatBits(scale)],
      batch * keyHeads * group * queries,
      {
        grain: Math.ceil(SCORES_PER_THREAD / Math.max(1, keys)),
        work: () => ({ name: upstream === null ? maskedSoftmax.name : softmaxGradient.name }),
      },
    );
  },
};

/** The arguments of {@linkcode visibleKeys}. The scale is given by its bits. */
export const MASK_WORDS = ["keys", "left", "right", "scale"] as const;

/** Whether the vector at `at` of a line of `end` elements is one of a pair. */
export function isInPair({ pair }: Buffer<ElementType>, at: number, end: number): boolean {
  return pair !== undefined && at - at % 8 + 8 <= end;
}

/**
 * A vector of a line of `end` elements, for sums, which may have any order: elements of 16 bits are widened
 * by fewer instructions as even and odd ones of eight.
 */
export function vectorAt(line: Buffer<Element>, at: number, end: number): Vector {
  return isInPair(line, at, end) ? line.pair!(at - at % 8).load(at % 8 > 0) : line.loadVector(at);
}

/** The sum of the lanes. */
export function sumOfLanes(k: KernelBuilder, vector: Vector): Float {
  const four = k.let(vector);
  const lane = (number: number) => k.laneOf(four, number);
  return lane(0).add(lane(2)).add(lane(1).add(lane(3)));
}

/** The maximum lane; none is NaN. */
function maxOfLanes(k: KernelBuilder, vector: Vector): Float {
  const four = k.let(vector);
  const max = k.variable(k.laneOf(four, 0));
  for (const number of [1, 2, 3]) {
    const lane = k.let(k.laneOf(four, number));
    k.if(lane.greater(max), () => k.set(max, lane));
  }
  return max;
}

/** A number in all lanes. */
function splat(k: KernelBuilder, value: Float): Vector {
  const lane = k.let(value);
  return k.let(k.vectorOf([lane, lane, lane, lane]));
}

type Row = Buffer<"f32">;
/** The type of elements that are stored: products and gradients of weights are `f32`. */
type Stored = typeof ELEMENTS[DType];
/** Each NaN was computed, or comes from elements of 16 bits. */
const COMPUTED = { isShort: true };

/** The keys that a query sees: of a row of them, those from `first` below `last`. */
export interface VisibleKeys {
  readonly first: Int;
  readonly last: Int;
  /** Calls `body` for each vector with visible keys: even and odd ones. */
  readonly forEach: (body: (at: Int, parity: 0 | 1) => void) => void;
  /** Sets the elements of these vectors that are not visible. */
  readonly fillOthers: (row: Row, value: Float) => void;
  readonly scale: Vector;
  /** The product whose score is −∞. */
  readonly hidden: Float;
}

/** The keys from `position − left` to `position + right`, as far as there are any. */
export function visibleKeys(
  k: KernelBuilder,
  position: Int,
  words: Readonly<Record<typeof MASK_WORDS[number], Int>>,
): VisibleKeys {
  const first = k.variable(position.subtract(words.left));
  k.if(first.less(0), () => k.set(first, k.int(0)));
  const last = k.let(k.let(position.add(words.right).add(1)).min(words.keys));
  const multiple = (x: Int) => k.let(x.subtract(x.remainder(PER_STEP)));
  const [begin, end] = [multiple(first), multiple(k.let(last.add(PER_STEP - 1)))];
  const scale = splat(k, words.scale.asF32());
  const hidden = k.let(k.laneOf(k.vector(-Infinity).divide(scale), 0));
  return {
    first,
    last,
    scale,
    hidden,
    forEach: (body) =>
      k.loop(begin, end, (at) => {
        body(at, 0);
        body(k.let(at.add(4)), 1);
      }, { step: PER_STEP }),
    fillOthers: (row, value) => {
      row.fill(begin, first.subtract(begin), value);
      row.fill(last, end.subtract(last), value);
    },
  };
}

/**
 * Computes the softmax of the visible products of a row, which are overwritten, and returns the
 * log-sum-exp.
 */
export function softmaxOfRow(
  k: KernelBuilder,
  products: Row,
  visible: VisibleKeys,
  weights: Buffer<Stored> = products,
): Float {
  const { forEach, fillOthers, scale, hidden } = visible;
  fillOthers(products, hidden);
  const maxima = [0, 1].map(() => k.variable(k.vector(LOWEST)));
  const greater = (a: Vector, b: Vector) => a.greater(b).select(a, b);
  forEach((at, parity) => {
    const max = maxima[parity]!;
    k.set(max, greater(k.let(products.loadVector(at).multiply(scale)), max));
  });
  const max = maxOfLanes(k, greater(maxima[0]!, maxima[1]!));
  const top = splat(k, max);
  const sums = [0, 1].map(() => k.variable(k.vector(0)));
  forEach((at, parity) => {
    const score = products.loadVector(at).multiply(scale);
    const power = k.let(k.expOfNonPositive(score.subtract(top)));
    k.set(sums[parity]!, sums[parity]!.add(power));
    products.storeVector(at, power);
  });
  const sum = splat(k, sumOfLanes(k, sums[0]!.add(sums[1]!)));
  const factor = k.let(k.vector(1).divide(sum));
  forEach((at) => weights.storeVector(at, products.loadVector(at).multiply(factor), COMPUTED));
  return k.laneOf(log(k, sum), 0).add(max).multiply(LOG2_E);
}

/** A kernel whose work items are rows: `write` writes the visible part of those it returns. */
function rowKernel(
  name: string,
  stored: Stored,
  write: (
    k: KernelBuilder,
    rows:
      & Readonly<Record<"products" | "upstream" | "logSum", Row>>
      & Readonly<Record<"weights" | "changes", Buffer<Stored>>>,
    visible: VisibleKeys,
  ) => readonly Buffer<Stored>[],
) {
  return defineKernel(
    {
      key: `${name} of visible keys, ${stored}`,
      buffers: {
        products: "f32",
        upstream: "f32",
        logSums: "f32",
        weights: stored,
        changes: stored,
      },
      writes: ["products", "upstream", "logSums", "weights", "changes"],
      arguments: ["queries", "row", "logSumStep", "position", ...MASK_WORDS],
    },
    (k, item, { products, upstream, logSums, weights, changes }, words) => {
      const { queries, row, logSumStep, position } = words;
      const query = k.let(item.remainder(queries));
      const visible = visibleKeys(k, k.let(position.add(query)), words);
      const begin = k.let(item.multiply(row));
      const rows = {
        products: products.from(begin),
        upstream: upstream.from(begin),
        logSum: logSums.from(item.divide(queries).multiply(logSumStep).add(query)),
        weights: weights.from(begin),
        changes: changes.from(begin),
      };
      for (const written of write(k, rows, visible)) {
        written.fill(0, visible.first, 0);
        written.fill(visible.last, row.subtract(visible.last), 0);
      }
    },
  );
}

const softmax = defineKernels((stored: Stored) =>
  rowKernel("softmax", stored, (k, { products, logSum, weights }, visible) => {
    logSum.store(0, softmaxOfRow(k, products, visible, weights));
    return [weights];
  })
);

const softmaxGradientOf = defineKernels((stored: Stored) =>
  rowKernel("gradient of softmax", stored, (k, rows, visible) => {
    const { products, upstream, weights, changes } = rows;
    const { forEach, fillOthers, scale, hidden } = visible;
    fillOthers(products, hidden);
    fillOthers(upstream, k.float(0));
    const logSum = k.let(rows.logSum.loadSplat(0).multiply(1 / LOG2_E));
    const zero = () => k.variable(k.vector(0));
    const sums = [0, 1].map(() => ({ weights: zero(), changes: zero() }));
    forEach((at, parity) => {
      const score = products.loadVector(at).multiply(scale);
      const weight = k.let(k.expOfNonPositive(score.subtract(logSum)));
      const { weights, changes } = sums[parity]!;
      k.set(weights, weights.add(weight));
      k.set(changes, changes.add(upstream.loadVector(at).multiply(weight)));
      products.storeVector(at, weight);
    });
    const total = (of: "weights" | "changes") =>
      splat(k, sumOfLanes(k, sums[0]![of].add(sums[1]![of])));
    const mean = k.let(total("changes").divide(total("weights")));
    forEach((at) => {
      const weight = k.let(products.loadVector(at));
      // In `f32` it is there.
      if (stored !== "f32") weights.storeVector(at, weight, COMPUTED);
      const change = upstream.loadVector(at).subtract(mean);
      changes.storeVector(at, weight.multiply(scale).multiply(change), COMPUTED);
    });
    return [weights, changes];
  })
);
