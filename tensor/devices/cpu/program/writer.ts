/** Loads, stores and reductions of programs, in WebAssembly. @module */

import type { Expression } from "../../../expression/expression.ts";
import type { Reduction } from "../../../expression/program.ts";
import type { KnownValues } from "../../../kernel/formulas.ts";
import { ProgramWriter } from "../../../kernel/program_writer.ts";
import { type F32x4, I32 } from "../emitter/values.ts";
import { Accumulators, BLOCK_STEPS } from "./accumulators.ts";
import type { KernelContext, Operand, Place } from "./context.ts";

export abstract class WasmProgramWriter extends ProgramWriter<F32x4, Place, I32> {
  protected readonly context: KernelContext;
  /** Whether all lanes of what is side by side are valid, or one. */
  protected readonly isFull: boolean;

  constructor(context: KernelContext, known: readonly KnownValues<F32x4>[], isFull: boolean) {
    super(context.variant.program, context.arithmetic, known);
    this.context = context;
    this.isFull = isFull;
  }

  /** The number of vectors that {@linkcode WasmProgramWriter.forEach} takes at once. */
  protected abstract vectorsAtOnce(roots: readonly Expression[]): number;
  /** The address of an operand at a position in the row. */
  protected abstract addressOf(operand: Operand, at: I32): I32;
  protected abstract columnIndex(place: Place): F32x4;

  /** The value of a leaf at a place in a row, or what is known of a formula. */
  protected leaf(e: Expression, row: number, place: Place): F32x4 | undefined {
    const known = this.known[row]!.get(e);
    if (known !== undefined) return known;
    if (e.kind === "columnIndex") return this.columnIndex(place);
    if (e.kind !== "input") return undefined;
    const input = this.context.inputs[e.index]!;
    return input.load(this.addressOf(input, place.at), place.vector, place.isFull);
  }

  protected fixed(e: Expression, row: number): F32x4 | undefined {
    if (e.kind !== "input") return undefined;
    const input = this.context.inputs[e.index]!;
    const isRepeated = this.context.variant.vectors === "row" && input.strideClass === "0";
    if (e.varies && !isRepeated) return undefined;
    return input.load(input.pointer, row, this.isFull);
  }

  protected storeElement(o: number, { at, vector, isFull }: Place, value: F32x4): void {
    const output = this.context.outputs[o]!;
    output.store(this.addressOf(output, at), value, vector, isFull);
  }

  protected storeResult(o: number, value: F32x4, row: number): void {
    const output = this.context.outputs[o]!;
    output.store(output.pointer, value, row, this.isFull);
  }

  protected reduce(pass: readonly Reduction[]): readonly (readonly F32x4[])[] {
    const { f, columns, variant } = this.context;
    const roots = pass.map((reduction) => reduction.a);
    const vectors = this.vectorsAtOnce(roots);
    const isAlongRow = variant.vectors === "row";
    const accumulators = pass.map(({ operation }) =>
      new Accumulators(this.context, operation, vectors)
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
