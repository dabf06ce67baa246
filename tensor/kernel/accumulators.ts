/** Accumulators for reductions along a row. @module */

import type { ReduceOperation } from "../formula/program.ts";
import type { Arithmetic } from "./formulas.ts";
import type { KernelBuilder, Mask, Vector } from "./language.ts";

/** The sum of the finished blocks, and its compensation (accumulated rounding error). */
interface Total {
  readonly sum: Vector;
  readonly error: Vector;
}

/**
 * The accumulators of one reduction, for vectors that are added in turn.
 *
 * Sums are blocked: plain additions within a block, compensated summation over blocks, so that a
 * row of a million elements is as accurate as a short one. Source: Knuth, "The Art of Computer
 * Programming", volume 2, 4.2.2, theorem B. Integers need none of this.
 */
export class Accumulators {
  readonly #k: KernelBuilder;
  readonly #arithmetic: Arithmetic;
  readonly #operation: ReduceOperation;
  readonly #isPerPart: boolean;
  readonly #parts: readonly Vector[];
  readonly #totals: readonly Total[];
  /** Where there was a NaN: two instructions, where a maximum that keeps it takes eight. */
  readonly #sawNaN: readonly Mask[];

  /**
   * @param parts Number of vectors that are added in turn.
   * @param isPerPart Whether each has a result of its own, or all have one.
   */
  constructor(
    k: KernelBuilder,
    arithmetic: Arithmetic,
    operation: ReduceOperation,
    parts: number,
    isPerPart: boolean,
  ) {
    this.#k = k;
    this.#arithmetic = arithmetic;
    this.#operation = operation;
    this.#isPerPart = isPerPart;
    const results = isPerPart ? parts : 1;
    const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);
    const empty = () => k.variable(arithmetic.identityOf(operation));
    this.#parts = times(parts, empty);
    const isSum = operation === "sum", { isInteger } = arithmetic;
    this.#totals = isSum && !isInteger
      ? times(results, () => ({ sum: empty(), error: empty() }))
      : [];
    this.#sawNaN = isSum || isInteger ? [] : times(results, () => k.variable(k.vector(0).isNaN()));
  }

  add(part: number, value: Vector): void {
    const k = this.#k;
    const accumulator = this.#parts[part]!;
    const sawNaN = this.#sawNaN[part] ?? this.#sawNaN[0];
    const added = sawNaN === undefined ? value : k.let(value);
    k.set(accumulator, this.#combine(accumulator, added));
    if (sawNaN !== undefined) k.set(sawNaN, sawNaN.either(added.isNaN()));
  }

  #combine(a: Vector, b: Vector): Vector {
    return this.#arithmetic.combine(this.#operation, a, b, false);
  }

  endBlock(): void {
    const k = this.#k;
    this.#totals.forEach(({ sum, error }, result) => {
      const term = k.let(this.#merged(result));
      const next = k.let(sum.add(term));
      const added = k.let(next.subtract(sum));
      const lost = sum.subtract(next.subtract(added)).add(term.subtract(added));
      k.set(error, error.add(lost));
      k.set(sum, next);
    });
    if (this.#totals.length > 0) { for (const part of this.#parts) k.set(part, k.vector(0)); }
  }

  #merged(result: number): Vector {
    if (this.#isPerPart) return this.#parts[result]!;
    const parts = [...this.#parts];
    while (parts.length > 1) parts.push(this.#combine(parts.shift()!, parts.shift()!));
    return parts[0]!;
  }

  /** The result of a part, or of all. Infinite sums have no error to correct. */
  result(index: number): Vector {
    const total = this.#totals[index];
    if (total !== undefined) {
      const { sum, error } = total;
      return error.isNaN().select(sum, sum.add(error));
    }
    const [merged, sawNaN] = [this.#merged(index), this.#sawNaN[index]];
    return sawNaN === undefined ? merged : sawNaN.select(this.#k.vector(NaN), merged);
  }
}
