/**
 * Vectors along the run: elementwise programs, and row programs whose rows are adjacent, as in a sum
 * over the first axis. There a vector holds one element of each of four rows, so lanes are never
 * combined.
 *
 * @module
 */

import type { Expression } from "../../../expression/expression.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import { I32 } from "../emitter/scalars.ts";
import type { F32x4 } from "../emitter/vectors.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";
import { type Place, WasmProgramWriter } from "./writer.ts";

export function writeRuns(context: KernelContext, length: I32): void {
  const { program, classes } = context.variant;
  const known = hoist(context.target, program.outputs, context.uniform, (e) => {
    const isFixed = e.kind === "input" && classes[e.index] === "0" && !(program.isRow && e.varies);
    return isFixed ? context.loadOne(e.index, context.pointers[e.index]!) : undefined;
  });
  const body = (_at: I32, vectors: number, isFull: boolean) =>
    new AcrossRows(context, known, vectors, isFull).write();
  context.forEachBlock(I32.of(0), length, vectorsAtOnce(program.outputs), body, (elements) => {
    context.movePointers(elements);
  });
}

class AcrossRows extends WasmProgramWriter {
  readonly #isFull: boolean;
  /** The operands' addresses in the current column. */
  #column: readonly I32[];

  constructor(
    context: KernelContext,
    known: KnownValues<F32x4>,
    vectors: number,
    isFull: boolean,
  ) {
    super(context, Array.from({ length: vectors }, () => known));
    this.#isFull = isFull;
    this.#column = context.pointers;
  }

  #load(k: number, addresses: readonly I32[], vector: number): F32x4 {
    const { context } = this;
    return context.load(k, addresses[k]!, context.runStrides[k]!, vector, this.#isFull);
  }

  #store(output: number, addresses: readonly I32[], vector: number, value: F32x4): void {
    const { context } = this;
    const k = context.operandOf(output);
    context.store(k, addresses[k]!, context.runStrides[k]!, vector, this.#isFull, value);
  }

  protected fixed(e: Expression, vector: number): F32x4 | undefined {
    const isFixed = e.kind === "input" && !e.varies;
    return isFixed ? this.#load(e.index, this.context.pointers, vector) : undefined;
  }

  protected vectorsAtOnce(): number {
    return this.known.length;
  }

  protected storeElement(output: number, { vector }: Place, value: F32x4): void {
    this.#store(output, this.#column, vector, value);
  }

  protected storeResults(
    outputs: readonly number[],
    values: readonly F32x4[],
    vector: number,
  ): void {
    outputs.forEach((o, i) => this.#store(o, this.context.pointers, vector, values[i]!));
  }

  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
    begin: I32 = I32.of(0),
    end: I32 = this.context.columns,
  ): void {
    const { context } = this;
    const visit = (at: I32) =>
      this.known.forEach((known, vector) => {
        const values = context.compute(roots, (e) => {
          if (known.has(e)) return known.get(e);
          if (e.kind === "columnIndex") return context.splatInteger(at);
          return e.kind === "input" ? this.#load(e.index, this.#column, vector) : undefined;
        });
        use(values, { at, vector, isFull: this.#isFull });
      });
    if (!this.program.isRow) return visit(begin);
    const { f, pointers, rowStrides } = context;
    f.forRange(begin, end, 1, (column) => {
      this.#column = pointers.map((p, k) => f.local(p.add(column.multiply(rowStrides[k]!))));
      visit(column);
    });
  }
}
