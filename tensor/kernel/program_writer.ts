/** The code of programs, on every device: reductions, pass by pass, then the outputs. @module */

import type { Expression, ReduceOperation } from "../expression/expression.ts";
import { type Program, type Reduction, reductionPasses } from "../expression/program.ts";
import { Accumulators } from "./accumulators.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { hoist, type KnownValues, writeFormulas } from "./formulas.ts";
import type { Int, KernelBuilder, Vector } from "./language.ts";

/** A vector of a row, or of rows side by side. */
export interface Place {
  /** The position in the row. */
  readonly at: Int;
  /** Which of the rows side by side. */
  readonly row: number;
  /** Which of the vectors that are computed in turn. */
  readonly part: number;
}

/**
 * Writes the code of a program for an element, for a row, or for several of these side by side.
 *
 * @typeParam P A place, with what a device needs to know of it.
 */
export abstract class ProgramWriter<P extends Place> {
  protected readonly k: KernelBuilder;
  protected readonly program: Program;
  /** Values computed outside of the loops along the row, for each of the adjacent rows. */
  protected readonly known: KnownValues[];
  readonly #arithmetic: Arithmetic;

  constructor(
    k: KernelBuilder,
    program: Program,
    arithmetic: Arithmetic,
    known: readonly KnownValues[],
  ) {
    this.k = k;
    this.program = program;
    this.known = [...known];
    this.#arithmetic = arithmetic;
  }

  /** The part of a row that is this thread's. */
  protected abstract readonly range: readonly [begin: Int, end: Int];
  /** Whether a vector has numbers of one row, and not of a row each. */
  protected abstract readonly isAlongRow: boolean;
  /** Turns before a sum is moved to its total: few enough to be accurate. */
  protected abstract readonly blockSteps: number;
  /** The number of vectors to compute in turn. */
  protected abstract vectorsAtOnce(roots: readonly Expression[]): number;
  /** Positions that all threads of the row advance in a turn of so many vectors. */
  protected abstract stepOf(vectors: number): number;
  /** Visits the places of this thread from one position to another. */
  protected abstract forEachPlace(
    range: readonly [begin: Int, end: Int],
    vectors: number,
    visit: (place: P) => void,
  ): void;
  /** The value of a leaf at a place. */
  protected abstract leaf(leaf: Expression, place: P): Vector | undefined;
  /** The value of a leaf that does not vary in the row. */
  protected abstract fixed(leaf: Expression, row: number): Vector | undefined;
  /** Called for each computed node; returns what to do with its value, if anything. */
  protected onComputed(_e: Expression, _place: P): ((value: Vector) => void) | undefined {
    return undefined;
  }
  /** The numbers of a vector that belong to the row, the others replaced. */
  protected valid(value: Vector, _place: P, _other: Vector): Vector {
    return value;
  }
  /** Combines the numbers of each vector, over all threads of the row. */
  protected abstract acrossRow(
    operations: readonly ReduceOperation[],
    values: readonly Vector[],
  ): readonly Vector[];
  protected abstract storeElement(output: number, place: P, value: Vector): void;
  protected abstract storeResult(output: number, value: Vector, row: number): void;

  write(): void {
    for (const pass of reductionPasses(this.program)) {
      this.#hoist(pass.map((reduction) => reduction.a));
      this.#reduce(pass).forEach((results, row) => {
        const named = pass.map((e, i) => [e, this.k.let(results[i]!)] as const);
        this.known[row] = new Map([...this.known[row]!, ...named]);
      });
    }
    const { outputs, outputVaries } = this.program;
    this.#hoist(outputs);
    const [perElement, perRow] = [true, false].map((varies) =>
      [...outputs.keys()].filter((o) => outputVaries[o] === varies)
    ) as [number[], number[]];
    const rootsOf = (some: readonly number[]) => some.map((o) => outputs[o]!);
    if (perElement.length > 0) {
      this.#forEach(rootsOf(perElement), (values, place) => {
        perElement.forEach((o, i) => this.storeElement(o, place, values[i]!));
      });
    }
    this.known.forEach((known, row) => {
      const values = writeFormulas(this.#arithmetic, rootsOf(perRow), (e) => known.get(e));
      perRow.forEach((o, i) => this.storeResult(o, values[i]!, row));
    });
  }

  #hoist(roots: readonly Expression[]): void {
    this.known.forEach((known, row) => {
      this.known[row] = hoist(this.#arithmetic, roots, known, (e) => this.fixed(e, row));
    });
  }

  /** Computes formulas at each place of a row, or of a part of it. */
  #forEach(
    roots: readonly Expression[],
    use: (values: readonly Vector[], place: P) => void,
    range = this.range,
  ): void {
    this.forEachPlace(range, this.vectorsAtOnce(roots), (place) => {
      const known = this.known[place.row]!;
      const values = writeFormulas(
        this.#arithmetic,
        roots,
        (e) => known.get(e) ?? this.leaf(e, place),
        (e) => this.onComputed(e, place),
      );
      // All are computed before the first store.
      use(values.length === 1 ? values : values.map((value) => this.k.let(value)), place);
    });
  }

  /** The results of independent reductions, for each row. */
  #reduce(pass: readonly Reduction[]): readonly (readonly Vector[])[] {
    const { k } = this;
    const roots = pass.map((reduction) => reduction.a);
    const vectors = this.vectorsAtOnce(roots);
    const accumulators = pass.map(({ operation }) =>
      new Accumulators(k, this.#arithmetic, operation, vectors, !this.isAlongRow)
    );
    const addUp = (range = this.range) =>
      this.#forEach(
        roots,
        (values, place) =>
          pass.forEach(({ operation }, i) => {
            const identity = this.#arithmetic.identityOf(operation);
            accumulators[i]!.add(place.part, this.valid(values[i]!, place, identity));
          }),
        range,
      );
    if (pass.some(({ operation }) => operation === "sum")) {
      const [begin, end] = this.range;
      const step = this.blockSteps * this.stepOf(vectors);
      k.loop(begin, end, (begin) => {
        const blockEnd = k.let(begin.add(step));
        addUp([begin, k.let(blockEnd.min(end))]);
        for (const accumulator of accumulators) accumulator.endBlock();
      }, { step });
    } else addUp();
    const results = this.known.map((_, row) => accumulators.map((each) => each.result(row)));
    if (!this.isAlongRow) return results;
    return [this.acrossRow(pass.map(({ operation }) => operation), results[0]!)];
  }
}
