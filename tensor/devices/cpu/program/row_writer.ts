/** What the two kinds of row programs share: reductions, pass by pass, then the outputs. @module */

import type { Expression } from "../../../expression/expression.ts";
import { type Reduction, reductionPasses, splitOutputs } from "../../../expression/program.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import { I32 } from "../emitter/scalars.ts";
import type { F32x4 } from "../emitter/vectors.ts";
import { Accumulators, BLOCK_STEPS } from "./accumulators.ts";
import type { KernelContext } from "./context.ts";

/** The accumulators of a pass: for so many results, each of so many vectors. */
export interface PassWidth {
  readonly results: number;
  readonly width: number;
  /** Columns that a vector takes at each step. */
  readonly columns: number;
}

/**
 * Writes the code for a row, or for several rows side by side.
 *
 * @typeParam P A place in a row.
 */
export abstract class RowWriter<P> {
  readonly context: KernelContext;
  /** Address of the first element of each operand. */
  readonly starts: readonly I32[];
  /** Known values, by result. */
  protected readonly known: KnownValues<F32x4>[];

  constructor(context: KernelContext, starts: readonly I32[], results: number) {
    this.context = context;
    this.starts = starts;
    this.known = Array.from({ length: results }, () => context.uniform);
  }

  /** The value of an input that does not vary in the row. */
  protected abstract fixed(
    input: Expression & { kind: "input" },
    result: number,
  ): F32x4 | undefined;
  /** Called before the row is walked from its start. */
  protected abstract rewind(): void;
  /** Computes formulas along a part of the row. */
  protected abstract forEach(
    begin: I32,
    end: I32,
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: P) => void,
  ): void;
  protected abstract widthOf(roots: readonly Expression[]): PassWidth;
  protected abstract add(accumulators: Accumulators, value: F32x4, place: P): void;
  protected abstract resultOf(accumulators: Accumulators, result: number): F32x4;
  protected abstract storeElement(output: number, place: P, value: F32x4): void;
  protected abstract storeResult(output: number, result: number, value: F32x4): void;

  write(): void {
    const { context } = this;
    const { program } = context.variant;
    const roots = (outputs: readonly number[]) => outputs.map((o) => program.outputs[o]!);
    for (const pass of reductionPasses(program)) this.#reduce(pass);
    this.#hoist(program.outputs);
    const { perElement, perRow } = splitOutputs(program);
    const rowValues = this.known.map((known) =>
      context.compute(roots(perRow), (e) => known.get(e))
    );
    if (perElement.length > 0) {
      this.rewind();
      this.forEach(I32.of(0), context.columns, roots(perElement), (values, place) => {
        perElement.forEach((o, i) => this.storeElement(o, place, values[i]!));
      });
    }
    rowValues.forEach((values, result) => {
      perRow.forEach((o, i) => this.storeResult(o, result, values[i]!));
    });
  }

  /** Computes per-row values, and inputs that do not vary in the row. */
  #hoist(roots: readonly Expression[]): void {
    this.known.forEach((known, result) => {
      this.known[result] = hoist(this.context.target, roots, known, (e) => {
        return e.kind === "input" ? this.fixed(e, result) : undefined;
      });
    });
  }

  #reduce(pass: readonly Reduction[]): void {
    const { f, columns, target } = this.context;
    const roots = pass.map((reduction) => reduction.a);
    this.#hoist(roots);
    this.rewind();
    const { results, width, columns: step } = this.widthOf(roots);
    const accumulators = pass.map((reduction) =>
      new Accumulators(target, reduction, results, width)
    );
    const addUp = (begin: I32, end: I32) =>
      this.forEach(begin, end, roots, (values, place) => {
        accumulators.forEach((accumulator, i) => this.add(accumulator, values[i]!, place));
      });
    if (pass.some((reduction) => reduction.operation === "sum")) {
      const block = BLOCK_STEPS * step * width;
      f.forRange(0, columns, block, (begin) => {
        const blockEnd = f.local(begin.add(block));
        addUp(begin, f.local(blockEnd.min(columns)));
        for (const accumulator of accumulators) accumulator.endBlock();
      });
    } else {
      addUp(I32.of(0), columns);
    }
    this.known.forEach((known, result) => {
      const values = accumulators.map((accumulator) => this.resultOf(accumulator, result));
      this.known[result] = new Map([
        ...known,
        ...pass.map((reduction, i) => [reduction, values[i]!] as const),
      ]);
    });
  }
}
