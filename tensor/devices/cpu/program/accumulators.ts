/** Accumulators for several reductions along a row. @module */

import type { ReduceOperation } from "../../../expression/expression.ts";
import { identities } from "../../../expression/program.ts";
import type { FunctionBuilder, Local } from "../emitter/function.ts";
import { F32x4, I32x4 } from "../emitter/values.ts";
import type { KernelContext } from "./context.ts";

/** Additions per block before the sum is moved to the total: few enough to be accurate. */
export const BLOCK_STEPS = 256;

const FIRST_LANE = I32x4.lanes(-1, 0, 0, 0);

type Combine = (a: F32x4, b: F32x4) => F32x4;

const METHODS = { sum: "add", max: "max", min: "min" } as const;
/** If one is NaN, the first. */
const FAST_METHODS = { sum: "add", max: "pseudoMax", min: "pseudoMin" } as const;

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
  readonly #f: FunctionBuilder;
  /** The result of nothing. */
  readonly #identity: F32x4;
  readonly #combine: Combine;
  readonly #combineLanes: Combine;
  /** Whether all lanes, and all vectors, contribute to one result. */
  readonly #acrossLanes: boolean;
  readonly #parts: readonly Local<F32x4>[];
  readonly #totals: readonly Total[];
  /** Whether there was a NaN: two instructions, where a NaN-propagating maximum takes eight. */
  readonly #sawNaN: readonly Local<I32x4>[];

  /** @param vectors Number of vectors that are added in turn. */
  constructor({ f, variant }: KernelContext, operation: ReduceOperation, vectors: number) {
    const { isInteger } = variant;
    this.#f = f;
    this.#identity = isInteger
      ? I32x4.of(identities.integers[operation]).asF32x4()
      : F32x4.of(identities.floats[operation]);
    const ofIntegers: Combine = (a, b) => a.bits()[METHODS[operation]](b.bits()).asF32x4();
    this.#combine = isInteger ? ofIntegers : (a, b) => a[FAST_METHODS[operation]](b);
    this.#combineLanes = isInteger ? ofIntegers : (a, b) => a[METHODS[operation]](b);
    this.#acrossLanes = variant.vectors === "row";
    const empty = () => f.local(this.#identity);
    const results = Array.from({ length: this.#acrossLanes ? 1 : vectors });
    this.#parts = Array.from({ length: vectors }, empty);
    this.#totals = operation === "sum" && !isInteger
      ? results.map(() => ({ sum: empty(), error: empty() }))
      : [];
    this.#sawNaN = operation === "sum" || isInteger
      ? []
      : results.map(() => f.local(F32x4.of(0).bits()));
  }

  /** @param isFull Whether all lanes contribute, or one. */
  add(vector: number, value: F32x4, isFull: boolean): void {
    const f = this.#f;
    const accumulator = this.#parts[vector]!;
    const valid = isFull ? value : FIRST_LANE.select(value, this.#identity);
    const sawNaN = this.#sawNaN[this.#acrossLanes ? 0 : vector];
    const added = sawNaN === undefined ? valid : f.local(valid);
    f.set(accumulator, this.#combine(accumulator, added));
    if (sawNaN !== undefined) f.set(sawNaN, sawNaN.or(added.notEqual(added)));
  }

  #merged(result: number): F32x4 {
    if (!this.#acrossLanes) return this.#parts[result]!;
    const parts: F32x4[] = [...this.#parts];
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

  /** A result, in all lanes or per lane. */
  result(index: number): F32x4 {
    const lanes = this.#lanes(index);
    return this.#acrossLanes ? this.#f.acrossLanes(lanes, this.#combineLanes) : lanes;
  }

  /** Infinite sums have no error to correct. */
  #lanes(index: number): F32x4 {
    const total = this.#totals[index];
    if (total === undefined) {
      const [merged, sawNaN] = [this.#merged(index), this.#sawNaN[index]];
      return sawNaN === undefined ? merged : sawNaN.select(F32x4.of(NaN), merged);
    }
    const { sum, error } = total;
    return error.equal(error).select(sum.add(error), sum);
  }
}
