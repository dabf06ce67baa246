/**
 * Row programs whose rows are adjacent, as in a sum over the first axis: a vector holds one element
 * of each of four rows, so lanes are never combined.
 *
 * @module
 */

import type { Expression } from "../../../expression/expression.ts";
import type { Local } from "../emitter/function.ts";
import type { I32 } from "../emitter/scalars.ts";
import type { F32x4 } from "../emitter/vectors.ts";
import type { Accumulators } from "./accumulators.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";
import { type PassWidth, RowWriter } from "./row_writer.ts";

export function writeColumns(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const most = vectorsAtOnce(context.variant.program.outputs, 4);
  context.forEachBlock(from, to, most, (at, vectors, isFull) => {
    const starts = context.pointers.map((p, k) =>
      context.addressAt(k, p, at, context.runStrides[k]!)
    );
    new AcrossRows(context, starts, vectors, isFull).write();
  });
}

/** Places are vectors of rows. */
class AcrossRows extends RowWriter<number> {
  readonly #cursors: readonly Local<I32>[];
  readonly #isFull: boolean;

  constructor(
    context: KernelContext,
    starts: readonly I32[],
    vectors: number,
    isFull: boolean,
  ) {
    super(context, starts, vectors);
    this.#cursors = starts.map((start) => context.f.local(start));
    this.#isFull = isFull;
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

  protected fixed(e: Expression & { kind: "input" }, vector: number): F32x4 | undefined {
    return e.varies ? undefined : this.#load(e.index, this.starts, vector);
  }

  protected widthOf(): PassWidth {
    return { results: this.known.length, width: 1, columns: 1 };
  }

  protected add(accumulators: Accumulators, value: F32x4, vector: number): void {
    accumulators.add(vector, value);
  }

  protected resultOf(accumulators: Accumulators, vector: number): F32x4 {
    return accumulators.result(vector);
  }

  protected storeElement(output: number, vector: number, value: F32x4): void {
    this.#store(output, this.#cursors, vector, value);
  }

  protected storeResult(output: number, vector: number, value: F32x4): void {
    this.#store(output, this.starts, vector, value);
  }

  protected rewind(): void {
    this.#cursors.forEach((cursor, k) => this.context.f.set(cursor, this.starts[k]!));
  }

  protected forEach(
    begin: I32,
    end: I32,
    roots: readonly Expression[],
    use: (values: readonly F32x4[], vector: number) => void,
  ): void {
    const { context } = this;
    context.f.forRange(begin, end, 1, (column) => {
      this.known.forEach((known, vector) => {
        const values = context.compute(roots, (e) => {
          if (known.has(e)) return known.get(e);
          if (e.kind === "columnIndex") return context.splatInteger(column);
          return e.kind === "input" ? this.#load(e.index, this.#cursors, vector) : undefined;
        });
        use(values, vector);
      });
      this.#cursors.forEach((cursor, k) =>
        context.f.set(cursor, cursor.add(context.rowStrides[k]!))
      );
    });
  }
}
