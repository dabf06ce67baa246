/**
 * Vectors along the run: elementwise programs, and row programs whose rows are adjacent, as in a sum
 * over the first axis. There a vector holds one element of each of four rows, so lanes are never
 * combined.
 *
 * @module
 */

import type { Expression } from "../../../expression/expression.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import type { Local } from "../emitter/function.ts";
import { type F32x4, I32 } from "../emitter/values.ts";
import { type KernelContext, type Operand, type Place, vectorsAtOnce } from "./context.ts";
import { WasmProgramWriter } from "./writer.ts";

export function writeRuns(context: KernelContext, length: I32): void {
  const { inputs, arithmetic, uniform, variant: { program } } = context;
  const known = hoist(arithmetic, program.outputs, uniform, (e) => {
    if (e.kind !== "input" || (program.isRow && e.varies)) return undefined;
    const { strideClass, pointer } = inputs[e.index]!;
    return strideClass === "0" ? inputs[e.index]!.load(pointer) : undefined;
  });
  context.forEachBlock(
    I32.of(0),
    length,
    vectorsAtOnce(program.outputs),
    (_at, vectors, isFull) => {
      new AcrossRows(context, new Array<KnownValues<F32x4>>(vectors).fill(known), isFull).write();
    },
    (elements) => context.advance(elements),
  );
}

class AcrossRows extends WasmProgramWriter {
  /** Addresses in the current column. */
  #cursors: ReadonlyMap<Operand, Local<I32>> = new Map();

  protected vectorsAtOnce(): number {
    return this.known.length;
  }

  protected addressOf(operand: Operand): I32 {
    return this.#cursors.get(operand) ?? operand.pointer;
  }

  protected columnIndex({ at }: Place): F32x4 {
    return this.context.splatInteger(at);
  }

  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
    begin: I32 = I32.of(0),
    end: I32 = this.context.columns,
  ): void {
    const { context } = this;
    const visit = (at: I32) =>
      this.known.forEach((_, vector) => {
        const place = { at, vector, isFull: this.isFull };
        use(context.compute(roots, (e) => this.leaf(e, vector, place)), place);
      });
    if (!this.program.isRow) return visit(begin);
    const { f, inputs, outputs } = context;
    const cursors = new Map([...inputs, ...outputs].map((operand) => {
      const bytes = begin.multiply(operand.rowStride);
      return [operand, f.local(operand.pointer.add(bytes))] as const;
    }));
    this.#cursors = cursors;
    f.forRange(begin, end, 1, (column) => {
      visit(column);
      for (const [{ rowStride }, cursor] of cursors) f.set(cursor, cursor.add(rowStride));
    });
  }
}
