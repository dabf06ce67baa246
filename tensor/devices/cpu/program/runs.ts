/**
 * Vectors along the run: elementwise programs, and row programs whose rows are adjacent, as in a sum
 * over the first axis. There a vector holds one element of each of four rows, so lanes are never
 * combined.
 *
 * @module
 */

import type { Expression } from "../../../expression/expression.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import { type F32x4, I32 } from "../emitter/values.ts";
import { type KernelContext, type Operand, type Place, vectorsAtOnce } from "./context.ts";
import { WasmProgramWriter } from "./writer.ts";

export function writeRuns(context: KernelContext, length: I32): void {
  const { inputs, target, uniform, variant: { program } } = context;
  const known = hoist(target, program.outputs, uniform, (e) => {
    if (e.kind !== "input" || (program.isRow && e.varies)) return undefined;
    const { strideClass, pointer } = inputs[e.index]!;
    return strideClass === "0" ? inputs[e.index]!.load(pointer) : undefined;
  });
  context.forEachBlock(
    I32.of(0),
    length,
    vectorsAtOnce(program.outputs),
    (_at, vectors, isFull) => new AcrossRows(context, known, vectors, isFull).write(),
    (elements) => context.advance(elements),
  );
}

class AcrossRows extends WasmProgramWriter {
  readonly #isFull: boolean;
  /** Addresses in the current column. */
  #addressOf: (operand: Operand) => I32 = ({ pointer }) => pointer;

  constructor(
    context: KernelContext,
    known: KnownValues<F32x4>,
    vectors: number,
    isFull: boolean,
  ) {
    super(context, Array.from({ length: vectors }, () => known));
    this.#isFull = isFull;
  }

  protected fixed(e: Expression, vector: number): F32x4 | undefined {
    if (e.kind !== "input" || e.varies) return undefined;
    const input = this.context.inputs[e.index]!;
    return input.load(input.pointer, vector, this.#isFull);
  }

  protected vectorsAtOnce(): number {
    return this.known.length;
  }

  protected storeElement(o: number, { vector, isFull }: Place, value: F32x4): void {
    const output = this.context.outputs[o]!;
    output.store(this.#addressOf(output), value, vector, isFull);
  }

  protected storeResult(o: number, value: F32x4, vector: number): void {
    const output = this.context.outputs[o]!;
    output.store(output.pointer, value, vector, this.#isFull);
  }

  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
    begin: I32 = I32.of(0),
    end: I32 = this.context.columns,
  ): void {
    const { context } = this;
    const isFull = this.#isFull;
    const visit = (at: I32) =>
      this.known.forEach((known, vector) => {
        const values = context.compute(roots, (e) => {
          if (known.has(e)) return known.get(e);
          if (e.kind === "columnIndex") return context.splatInteger(at);
          if (e.kind !== "input") return undefined;
          const input = context.inputs[e.index]!;
          return input.load(this.#addressOf(input), vector, isFull);
        });
        use(values, { at, vector, isFull });
      });
    if (!this.program.isRow) return visit(begin);
    const { f, inputs, outputs } = context;
    const cursors = new Map([...inputs, ...outputs].map((operand) => {
      const bytes = begin.multiply(operand.rowStride);
      return [operand, f.local(operand.pointer.add(bytes))] as const;
    }));
    this.#addressOf = (operand) => cursors.get(operand)!;
    f.forRange(begin, end, 1, (column) => {
      visit(column);
      for (const [{ rowStride }, cursor] of cursors) f.set(cursor, cursor.add(rowStride));
    });
  }
}
