/**
 * The code of programs, on every device: reductions, pass by pass, then the outputs.
 *
 * A program with reductions works on *rows*: lines along the last axis. It visits a row once for each
 * pass and once for the outputs. For softmax these are three loops, each of which knows the results of
 * the ones before:
 *
 *     pass 1     max = max over the row of x
 *     pass 2     sum = sum over the row of exp(x − max)
 *     outputs    y   = exp(x − max) / sum
 *
 * Numbers are computed as vectors, which lie in one of two ways:
 *
 *     along a row: isAlongRow            across adjacent rows: one number of each
 *
 *     row 0  [ a a a a | b b b b | c c   row 0  [ a | b | c | …
 *     row 1  [ …                         row 1  [ a | b | c | …
 *                                        row 2  [ a | b | c | …
 *                                        row 3  [ a | b | c | …
 *
 * Along a row, the last vector may be incomplete (`valid`), and the numbers of an accumulator are
 * combined at the end (`acrossRow`). Across rows there is nothing to combine, and a writer may have
 * several such groups of rows: `row` numbers them. A program without reductions is the second case
 * with rows of one element.
 *
 * Short formulas compute several vectors per iteration, so that one need not wait for another: `part`
 * numbers them, and each has accumulators of its own. So with 4 parts, `a`, `b`, `c` and the next
 * vector of the drawing are visited in one iteration, and `stepOf(4)` is the distance to the next one.
 *
 * @module
 */

import type { Expression, ReduceOperation } from "../formula/expression.ts";
import { type Program, type Reduction, reductionPasses } from "../formula/program.ts";
import { Accumulators } from "./accumulators.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { hoist, type KnownValues, writeFormulas } from "./formulas.ts";
import type { Int, KernelBuilder, Vector } from "./language.ts";

/** Where a vector is: see the drawing above. */
export interface Position {
  /** The index along the row. */
  readonly at: Int;
  /** Which group of adjacent rows; 0 for vectors along a row. */
  readonly row: number;
  /** Which of the vectors of one iteration. */
  readonly part: number;
}

/**
 * Writes the code of a program for a row, or for groups of adjacent rows.
 *
 * @typeParam P A position, with what a device needs to know of it.
 */
export abstract class ProgramWriter<P extends Position> {
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
  /** Visits the positions of this thread from one position to another. */
  protected abstract forEachPosition(
    range: readonly [begin: Int, end: Int],
    vectors: number,
    visit: (position: P) => void,
  ): void;
  /** The value of a leaf at a position. */
  protected abstract leaf(leaf: Expression, position: P): Vector | undefined;
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
  protected abstract storeElement(output: number, position: P, value: Vector): void;
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
      this.#forEach(rootsOf(perElement), (values, position) => {
        perElement.forEach((o, i) => this.storeElement(o, position, values[i]!));
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

  /** Computes formulas at each position of a row, or of a part of it. */
  #forEach(
    roots: readonly Expression[],
    use: (values: readonly Vector[], position: P) => void,
    range = this.range,
  ): void {
    this.forEachPosition(range, this.vectorsAtOnce(roots), (position) => {
      const known = this.known[position.row]!;
      const values = writeFormulas(
        this.#arithmetic,
        roots,
        (e) => known.get(e) ?? this.leaf(e, position),
        (e) => this.onComputed(e, position),
      );
      // All are computed before the first store.
      use(values.length === 1 ? values : values.map((value) => this.k.let(value)), position);
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
        (values, position) =>
          pass.forEach(({ operation }, i) => {
            const identity = this.#arithmetic.identityOf(operation);
            accumulators[i]!.add(position.part, this.valid(values[i]!, position, identity));
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
