/** Sums and extremes along a row, of which several parts are collected side by side. @module */

import type { Expression, ReduceOperation } from "../../../expression/expression.ts";
import type { FunctionBuilder, Local } from "../emitter/function.ts";
import { F32x4, type I32x4 } from "../emitter/vectors.ts";

/** How many additions may follow one another before the sum is put aside: few enough to be exact. */
export const BLOCK_STEPS = 256;

const identities: Readonly<Record<ReduceOperation, number>> = {
  sum: 0,
  max: -Infinity,
  min: Infinity,
};

const combine: Readonly<Record<ReduceOperation, (a: F32x4, b: F32x4) => F32x4>> = {
  sum: (a, b) => a.add(b),
  max: (a, b) => a.pseudoMax(b),
  min: (a, b) => a.pseudoMin(b),
};

/** What has been summed up in the blocks so far, and the rounding errors that this made. */
interface Total {
  readonly sum: Local<F32x4>;
  readonly error: Local<F32x4>;
}

/**
 * The parts of one reduction.
 *
 * Sums go block by block: within a block plain additions, and over the blocks with the rounding error
 * kept, so that a row of a million elements is as exact as a short one.
 * Source: Knuth, "The Art of Computer Programming", volume 2, 4.2.2, theorem B.
 */
export class Accumulators {
  /** How values are combined. */
  readonly operation: ReduceOperation;
  readonly #f: FunctionBuilder;
  readonly #parts: readonly Local<F32x4>[];
  readonly #totals: readonly Total[];
  /**
   * Whether a NaN was among the values of each result of a maximum or minimum. Taking it down apart
   * costs two instructions; a maximum that gives NaN for NaN costs eight.
   */
  readonly #sawNaN: readonly Local<I32x4>[];
  /** How many neighbouring parts belong to one result. */
  readonly #width: number;

  /**
   * Begins empty.
   *
   * @param results How many results come out.
   * @param width How many parts each of them is collected in.
   */
  constructor(
    f: FunctionBuilder,
    reduction: Expression & { readonly kind: "reduce" },
    results: number,
    width: number,
  ) {
    this.#f = f;
    this.operation = reduction.operation;
    this.#width = width;
    const empty = () => f.local(F32x4.of(identities[this.operation]));
    this.#parts = Array.from({ length: results * width }, empty);
    this.#totals = this.operation === "sum"
      ? Array.from({ length: results }, () => ({ sum: empty(), error: empty() }))
      : [];
    this.#sawNaN = this.operation === "sum"
      ? []
      : Array.from({ length: results }, () => f.local(F32x4.of(0).bits()));
  }

  /** What a lane that does not count must contribute. */
  get identity(): F32x4 {
    return F32x4.of(identities[this.operation]);
  }

  /** Adds a value to one of the parts. */
  add(part: number, value: F32x4): void {
    const f = this.#f;
    const accumulator = this.#parts[part]!;
    const sawNaN = this.#sawNaN[Math.floor(part / this.#width)];
    const added = sawNaN === undefined ? value : f.local(value);
    f.set(accumulator, combine[this.operation](accumulator, added));
    if (sawNaN !== undefined) f.set(sawNaN, sawNaN.or(added.notEqual(added)));
  }

  #merged(result: number): F32x4 {
    const parts: F32x4[] = this.#parts.slice(result * this.#width, (result + 1) * this.#width);
    while (parts.length > 1) parts.push(combine[this.operation](parts.shift()!, parts.shift()!));
    return parts[0]!;
  }

  /** Puts the sums of a block aside. */
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
    if (this.operation === "sum") { for (const part of this.#parts) f.set(part, F32x4.of(0)); }
  }

  /** A result, lane by lane. Sums that are infinite have no error to correct. */
  result(index: number): Local<F32x4> {
    const total = this.#totals[index];
    if (total === undefined) {
      return this.#f.local(this.#sawNaN[index]!.select(F32x4.of(NaN), this.#merged(index)));
    }
    const { sum, error } = total;
    return this.#f.local(error.equal(error).select<F32x4>(sum.add(error), sum));
  }

  /** A result combined over the lanes, in all lanes. */
  resultAcrossLanes(index: number): Local<F32x4> {
    const f = this.#f;
    const lanes = this.result(index);
    const across = {
      sum: () => f.sumOfLanes(lanes),
      max: () => f.maxOfLanes(lanes),
      min: () => f.minOfLanes(lanes),
    };
    return f.local(across[this.operation]().splat());
  }
}
