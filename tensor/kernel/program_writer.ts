/** The code of programs, on every device: reductions, pass by pass, then the outputs. @module */

import type { Expression } from "../expression/expression.ts";
import { type Program, type Reduction, reductionPasses } from "../expression/program.ts";
import { type Arithmetic, hoist, type KnownValues, writeFormulas } from "./formulas.ts";

/**
 * Writes the code of a program for an element, for a row, or for several of these side by side.
 *
 * @typeParam V A value in the code.
 * @typeParam P A place in a row.
 * @typeParam I A position in a row.
 */
export abstract class ProgramWriter<V, P, I> {
  protected readonly program: Program;
  /** What is computed outside of loops along the row, for each of the rows side by side. */
  protected readonly known: KnownValues<V>[];
  readonly #arithmetic: Arithmetic<V>;

  constructor(program: Program, arithmetic: Arithmetic<V>, known: readonly KnownValues<V>[]) {
    this.program = program;
    this.known = [...known];
    this.#arithmetic = arithmetic;
  }

  /** The value of a leaf that does not vary in the row. */
  protected abstract fixed(leaf: Expression, row: number): V | undefined;
  /** The results of independent reductions, for each row. */
  protected abstract reduce(pass: readonly Reduction[]): readonly (readonly V[])[];
  /** Computes formulas at each place of a row, or of a part of it. */
  protected abstract forEach(
    roots: readonly Expression[],
    use: (values: readonly V[], place: P) => void,
    begin?: I,
    end?: I,
  ): void;
  protected abstract storeElement(output: number, place: P, value: V): void;
  protected abstract storeResult(output: number, value: V, row: number): void;

  write(): void {
    for (const pass of reductionPasses(this.program)) {
      this.#hoist(pass.map((reduction) => reduction.a));
      this.reduce(pass).forEach((results, row) => {
        const named = pass.map((e, i) => [e, this.#arithmetic.let(results[i]!)] as const);
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
      this.forEach(rootsOf(perElement), (values, place) => {
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
}
