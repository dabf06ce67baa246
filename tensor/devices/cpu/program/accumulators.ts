/** Accumulators for several reductions along a row. @module */

import type { ReduceOperation } from "../../../expression/expression.ts";
import { identities, type Reduction } from "../../../expression/program.ts";
import type { FunctionBuilder, Local } from "../emitter/function.ts";
import { F32x4, I32x4 } from "../emitter/vectors.ts";
import type { Target } from "./context.ts";

/** Additions per block before the sum is moved to the total: few enough to be accurate. */
export const BLOCK_STEPS = 256;

type Combine = (a: F32x4, b: F32x4) => F32x4;

const combineFloats: Readonly<Record<ReduceOperation, Combine>> = {
  sum: (a, b) => a.add(b),
  max: (a, b) => a.pseudoMax(b),
  min: (a, b) => a.pseudoMin(b),
};

const combineIntegers: Readonly<Record<ReduceOperation, Combine>> = {
  sum: (a, b) => a.bits().add(b.bits()).asF32x4(),
  max: (a, b) => a.bits().max(b.bits()).asF32x4(),
  min: (a, b) => a.bits().min(b.bits()).asF32x4(),
};

/** The sum of the finished blocks, and its compensation (accumulated rounding error). */
interface Total {
  readonly sum: Local<F32x4>;
  readonly error: Local<F32x4>;
}

/**
 * The accumulators of one reduction.
 *
 * Sums are blocked: plain additions within a block, compensated summation over blocks, so that a
 * row of a million elements is as accurate as a short one. Source: Knuth, "The Art of Computer
 * Programming", volume 2, 4.2.2, theorem B. Integers need none of this.
 */
export class Accumulators {
  readonly operation: ReduceOperation;
  readonly #f: FunctionBuilder;
  readonly #isInteger: boolean;
  readonly #combine: Combine;
  readonly #parts: readonly Local<F32x4>[];
  readonly #totals: readonly Total[];
  /** Whether there was a NaN: two instructions, where a NaN-propagating maximum takes eight. */
  readonly #sawNaN: readonly Local<I32x4>[];
  readonly #width: number;

  constructor(
    { f, isInteger }: Target,
    reduction: Reduction,
    results: number,
    width: number,
  ) {
    this.#f = f;
    this.#isInteger = isInteger;
    this.operation = reduction.operation;
    this.#combine = (isInteger ? combineIntegers : combineFloats)[this.operation];
    this.#width = width;
    const empty = () => f.local(this.identity);
    this.#parts = Array.from({ length: results * width }, empty);
    this.#totals = this.operation === "sum" && !isInteger
      ? Array.from({ length: results }, () => ({ sum: empty(), error: empty() }))
      : [];
    this.#sawNaN = this.operation === "sum" || isInteger
      ? []
      : Array.from({ length: results }, () => f.local(F32x4.of(0).bits()));
  }

  /** The contribution of masked lanes. */
  get identity(): F32x4 {
    return this.#isInteger
      ? I32x4.of(identities.integers[this.operation]).asF32x4()
      : F32x4.of(identities.floats[this.operation]);
  }

  add(part: number, value: F32x4): void {
    const f = this.#f;
    const accumulator = this.#parts[part]!;
    const sawNaN = this.#sawNaN[Math.floor(part / this.#width)];
    const added = sawNaN === undefined ? value : f.local(value);
    f.set(accumulator, this.#combine(accumulator, added));
    if (sawNaN !== undefined) f.set(sawNaN, sawNaN.or(added.notEqual(added)));
  }

  #merged(result: number): F32x4 {
    const parts: F32x4[] = this.#parts.slice(result * this.#width, (result + 1) * this.#width);
    while (parts.length > 1) parts.push(this.#combine(parts.shift()!, parts.shift()!));
    return parts[0]!;
  }

  endBlock(): void {
    const f = this.#f;
    this.#totals.forEach(({ sum, error }, result) => {
      const term = f.local(this.#merged(result));
      const next = f.local(sum.add(term));
      const added = f.local(next.subtract(sum));
      const lost = sum.subtract(next.subtract(added)).add(term.subtract(added));
      f.set(error, error.add(lost));
      f.set(sum, next);
    });
    if (this.#totals.length > 0) { for (const part of this.#parts) f.set(part, F32x4.of(0)); }
  }

  /** A result, per lane. Infinite sums have no error to correct. */
  result(index: number): Local<F32x4> {
    const total = this.#totals[index];
    if (total === undefined) {
      const [merged, sawNaN] = [this.#merged(index), this.#sawNaN[index]];
      return this.#f.local(sawNaN === undefined ? merged : sawNaN.select(F32x4.of(NaN), merged));
    }
    const { sum, error } = total;
    return this.#f.local(error.equal(error).select(sum.add(error), sum));
  }

  resultAcrossLanes(index: number): Local<F32x4> {
    const f = this.#f;
    const lanes = this.result(index);
    if (this.#isInteger) {
      const pairs = f.local(this.#combine(lanes, lanes.shuffle(lanes, [2, 3, 0, 1])));
      return f.local(this.#combine(pairs, pairs.shuffle(pairs, [1, 0, 3, 2])));
    }
    const across = {
      sum: () => f.sumOfLanes(lanes),
      max: () => f.maxOfLanes(lanes),
      min: () => f.minOfLanes(lanes),
    };
    return f.local(across[this.operation]().splat());
  }
}
