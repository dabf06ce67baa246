/** Reductions along rows, in WebAssembly. @module */

import type { Expression } from "../../../expression/expression.ts";
import type { Reduction } from "../../../expression/program.ts";
import type { KnownValues } from "../../../kernel/formulas.ts";
import { ProgramWriter } from "../../../kernel/program_writer.ts";
import { type F32x4, I32 } from "../emitter/values.ts";
import { Accumulators, BLOCK_STEPS } from "./accumulators.ts";
import type { KernelContext, Place } from "./context.ts";

export abstract class WasmProgramWriter extends ProgramWriter<F32x4, Place> {
  protected readonly context: KernelContext;

  constructor(context: KernelContext, known: readonly KnownValues<F32x4>[]) {
    super(context.variant.program, context.target, known);
    this.context = context;
  }

  /** Computes formulas along the row, or a part of it. */
  protected abstract override forEach(
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
    begin?: I32,
    end?: I32,
  ): void;
  /** The number of vectors that {@linkcode WasmProgramWriter.forEach} takes at once. */
  protected abstract vectorsAtOnce(roots: readonly Expression[]): number;

  protected reduce(pass: readonly Reduction[]): readonly (readonly F32x4[])[] {
    const { f, columns, target, variant } = this.context;
    const roots = pass.map((reduction) => reduction.a);
    const vectors = this.vectorsAtOnce(roots);
    const isAlongRow = variant.vectors === "row";
    const accumulators = pass.map(({ operation }) =>
      new Accumulators(target, operation, vectors, isAlongRow)
    );
    const addUp = (begin: I32, end: I32) =>
      this.forEach(
        roots,
        (values, { vector, isFull }) =>
          accumulators.forEach((accumulator, i) => accumulator.add(vector, values[i]!, isFull)),
        begin,
        end,
      );
    if (pass.some((reduction) => reduction.operation === "sum")) {
      const block = BLOCK_STEPS * (isAlongRow ? 4 * vectors : 1);
      f.forRange(0, columns, block, (begin) => {
        const blockEnd = f.local(begin.add(block));
        addUp(begin, f.local(blockEnd.min(columns)));
        for (const accumulator of accumulators) accumulator.endBlock();
      });
    } else {
      addUp(I32.of(0), columns);
    }
    return this.known.map((_, row) => accumulators.map((accumulator) => accumulator.result(row)));
  }
}
