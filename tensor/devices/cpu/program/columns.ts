/**
 * Row programs whose rows are adjacent, as in a sum over the first axis: a vector holds one element
 * of each of four rows, so lanes are never combined.
 *
 * @module
 */

import type { Expression } from "../../../expression/expression.ts";
import { reductionPasses } from "../../../expression/program.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import type { Local } from "../emitter/function.ts";
import { I32 } from "../emitter/scalars.ts";
import type { F32x4 } from "../emitter/vectors.ts";
import { Accumulators, BLOCK_STEPS } from "./accumulators.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";
import { isReduction, type Reduction, splitOutputs } from "./rows.ts";

export function writeColumns(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const most = vectorsAtOnce(context.variant.program.outputs, 4);
  context.forEachBlock(from, to, most, (at, vectors, isFull) => {
    const starts = context.pointers.map((p, k) =>
      context.addressAt(k, p, at, context.runStrides[k]!)
    );
    new ColumnWriter(context, starts, vectors, isFull).write();
  });
}

class ColumnWriter {
  readonly #context: KernelContext;
  readonly #starts: readonly I32[];
  readonly #cursors: readonly Local<I32>[];
  readonly #isFull: boolean;
  readonly #known: KnownValues<F32x4>[];

  constructor(
    context: KernelContext,
    starts: readonly I32[],
    vectors: number,
    isFull: boolean,
  ) {
    this.#context = context;
    this.#starts = starts;
    this.#cursors = starts.map((start) => context.f.local(start));
    this.#isFull = isFull;
    this.#known = Array.from({ length: vectors }, () => context.uniform);
  }

  write(): void {
    const context = this.#context;
    const { program } = context.variant;
    for (const pass of reductionPasses(program)) this.#reduce(pass.filter(isReduction));
    this.#hoist(program.outputs);
    const { varying, perRow } = splitOutputs(program);
    const rowValues = this.#known.map((known) =>
      context.compute(perRow.map((o) => program.outputs[o]!), (e) => known.get(e))
    );
    if (varying.length > 0) {
      const roots = varying.map((o) => program.outputs[o]!);
      this.#rewind();
      this.#forEachColumn(I32.of(0), context.columns, roots, (values, vector) => {
        varying.forEach((o, i) => this.#store(o, this.#cursors, vector, values[i]!));
      });
    }
    rowValues.forEach((values, vector) => {
      perRow.forEach((o, i) => this.#store(o, this.#starts, vector, values[i]!));
    });
  }

  #load(k: number, addresses: readonly I32[], vector: number): F32x4 {
    return this.#context.load(
      k,
      addresses[k]!,
      this.#context.runStrides[k]!,
      vector,
      this.#isFull,
    );
  }

  #store(output: number, addresses: readonly I32[], vector: number, value: F32x4): void {
    const context = this.#context;
    const k = context.operandOf(output);
    context.store(k, addresses[k]!, context.runStrides[k]!, vector, this.#isFull, value);
  }

  #hoist(roots: readonly Expression[]): void {
    this.#known.forEach((known, vector) => {
      this.#known[vector] = hoist(this.#context.target, roots, known, (e) => {
        const isPerRow = e.kind === "input" && !e.varies;
        return isPerRow ? this.#load(e.index, this.#starts, vector) : undefined;
      });
    });
  }

  #reduce(pass: readonly Reduction[]): void {
    const { f, columns } = this.#context;
    const roots = pass.map((reduction) => reduction.a);
    this.#hoist(roots);
    this.#rewind();
    const accumulators = pass.map((reduction) =>
      new Accumulators(this.#context.target, reduction, this.#known.length, 1)
    );
    const addUp = (begin: I32, end: I32) =>
      this.#forEachColumn(begin, end, roots, (values, vector) => {
        accumulators.forEach((accumulator, i) => accumulator.add(vector, values[i]!));
      });
    if (pass.some((reduction) => reduction.operation === "sum")) {
      f.forRange(0, columns, BLOCK_STEPS, (begin) => {
        const blockEnd = f.local(begin.add(BLOCK_STEPS));
        addUp(begin, f.local(blockEnd.min(columns)));
        for (const accumulator of accumulators) accumulator.endBlock();
      });
    } else {
      addUp(I32.of(0), columns);
    }
    this.#known.forEach((known, vector) => {
      const results = accumulators.map((accumulator) => accumulator.result(vector));
      this.#known[vector] = new Map([
        ...known,
        ...pass.map((reduction, i) => [reduction, results[i]!] as const),
      ]);
    });
  }

  #rewind(): void {
    this.#cursors.forEach((cursor, k) => this.#context.f.set(cursor, this.#starts[k]!));
  }

  #forEachColumn(
    begin: I32,
    end: I32,
    roots: readonly Expression[],
    use: (values: readonly F32x4[], vector: number) => void,
  ): void {
    const context = this.#context;
    context.f.forRange(begin, end, 1, (column) => {
      this.#known.forEach((known, vector) => {
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
