/** Row programs with contiguous rows: vectors run along the row. @module */

import { type Expression, operandsOf } from "../../../expression/expression.ts";
import { type Program, reductionPasses } from "../../../expression/program.ts";
import { hoist, isExpensive, type KnownValues, reachable } from "../../../kernel/formulas.ts";
import type { Local } from "../emitter/function.ts";
import { I32 } from "../emitter/scalars.ts";
import { F32x4, I32x4 } from "../emitter/vectors.ts";
import { Accumulators, BLOCK_STEPS } from "./accumulators.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";

/** A vector along the row: its block's position, its index, whether all lanes are valid. */
interface Place {
  readonly at: I32;
  readonly vector: number;
  readonly isFull: boolean;
}

const FIRST_LANE = I32x4.lanes(-1, 0, 0, 0);

/** A node that reduces along the row. */
export type Reduction = Expression & { readonly kind: "reduce" };

export const isReduction = (e: Expression): e is Reduction => e.kind === "reduce";

export function splitOutputs(program: Program): { varying: number[]; perRow: number[] } {
  const all = program.outputs.map((_, o) => o);
  return {
    varying: all.filter((o) => program.outputVaries[o]),
    perRow: all.filter((o) => !program.outputVaries[o]),
  };
}

/** Values for scratch memory: expensive ones that a later loop over the row needs again. */
export function valuesToKeep(program: Program): readonly Expression[] {
  const loops = [
    ...reductionPasses(program).map((pass) => pass.flatMap(operandsOf)),
    program.outputs.filter((_, o) => program.outputVaries[o]),
  ];
  const kept = new Set<Expression>();
  const isEnd = (e: Expression) => kept.has(e) || e.kind === "reduce";
  loops.forEach((roots, i) => {
    const later = loops.slice(i + 1);
    for (const e of reachable(roots, isEnd).toReversed()) {
      if (!isExpensive(e) || !e.varies || kept.has(e)) continue;
      if (later.some((roots) => reachable(roots, isEnd).includes(e))) kept.add(e);
    }
  });
  return [...kept];
}

export function writeRows(context: KernelContext, from: Local<I32>, to: Local<I32>): void {
  const { f, pointers, runStrides } = context;
  f.forRange(from, to, 1, (row) => {
    const starts = pointers.map((p, k) => f.local(p.add(row.multiply(runStrides[k]!))));
    new RowWriter(context, starts).write();
  });
}

class RowWriter {
  readonly #context: KernelContext;
  readonly #starts: readonly I32[];
  readonly #kept: readonly Expression[];
  readonly #inScratch = new Set<Expression>();
  readonly #slots: readonly Local<I32>[];
  #known: KnownValues<F32x4>;

  constructor(context: KernelContext, starts: readonly I32[]) {
    this.#context = context;
    this.#starts = starts;
    this.#kept = context.variant.useScratch ? valuesToKeep(context.variant.program) : [];
    this.#slots = this.#kept.map((_, slot) =>
      context.f.local(context.scratch.add(context.slotBytes.multiply(slot)))
    );
    this.#known = context.uniform;
  }

  write(): void {
    const context = this.#context;
    const { program } = context.variant;
    for (const pass of reductionPasses(program)) this.#reduce(pass.filter(isReduction));
    this.#hoist(program.outputs);
    const { varying, perRow } = splitOutputs(program);
    const rowValues = context.compute(
      perRow.map((o) => program.outputs[o]!),
      (e) => this.#known.get(e),
    );
    if (varying.length > 0) {
      const roots = varying.map((o) => program.outputs[o]!);
      this.#forEachVector(I32.of(0), context.columns, roots, (values, place) => {
        varying.forEach((o, i) => {
          const k = context.operandOf(o);
          const stride = context.rowStrides[k]!;
          const address = context.addressAt(k, this.#starts[k]!, place.at, stride);
          context.store(k, address, stride, place.vector, place.isFull, values[i]!);
        });
      });
    }
    perRow.forEach((o, i) => {
      const k = context.operandOf(o);
      context.storeOne(k, this.#starts[k]!, rowValues[i]!);
    });
  }

  /** Computes per-row values, and inputs broadcast along the row. */
  #hoist(roots: readonly Expression[]): void {
    const context = this.#context;
    this.#known = hoist(context.target, roots, this.#known, (e) => {
      if (e.kind !== "input") return undefined;
      const isFixed = !e.varies || context.variant.classes[e.index] === "0";
      return isFixed ? context.loadOne(e.index, this.#starts[e.index]!) : undefined;
    });
  }

  #vectorsAtOnce(roots: readonly Expression[]): number {
    return vectorsAtOnce(roots, 4, (e) => this.#known.has(e) || this.#inScratch.has(e));
  }

  #reduce(pass: readonly Reduction[]): void {
    const { f, columns } = this.#context;
    const roots = pass.map((reduction) => reduction.a);
    this.#hoist(roots);
    const vectors = this.#vectorsAtOnce(roots);
    const accumulators = pass.map((reduction) =>
      new Accumulators(this.#context.target, reduction, 1, vectors)
    );
    const addUp = (begin: I32, end: I32) =>
      this.#forEachVector(begin, end, roots, (values, { vector, isFull }) => {
        accumulators.forEach((accumulator, i) => {
          const firstOnly = () => FIRST_LANE.select(values[i]!, accumulator.identity);
          accumulator.add(vector, isFull ? values[i]! : firstOnly());
        });
      });
    if (pass.some((reduction) => reduction.operation === "sum")) {
      const block = BLOCK_STEPS * 4 * vectors;
      f.forRange(0, columns, block, (begin) => {
        const blockEnd = f.local(begin.add(block));
        addUp(begin, f.local(blockEnd.min(columns)));
        for (const accumulator of accumulators) accumulator.endBlock();
      });
    } else {
      addUp(I32.of(0), columns);
    }
    const results = accumulators.map((accumulator) => accumulator.resultAcrossLanes(0));
    this.#known = new Map([
      ...this.#known,
      ...pass.map((reduction, i) => [reduction, results[i]!] as const),
    ]);
  }

  /** Computes formulas along a part of the row, and keeps those that are needed again. */
  #forEachVector(
    begin: I32,
    end: I32,
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
  ): void {
    const context = this.#context;
    const computed = new Set<Expression>();
    context.forEachBlock(begin, end, this.#vectorsAtOnce(roots), (at, vectors, isFull) => {
      for (let vector = 0; vector < vectors; vector++) {
        const place = { at, vector, isFull };
        const values = context.compute(roots, (e) => this.#leaf(e, place), (e) => {
          if (!this.#kept.includes(e)) return undefined;
          computed.add(e);
          return (value) => this.#keep(e, place, value);
        });
        use(values, place);
      }
    });
    for (const e of computed) this.#inScratch.add(e);
  }

  #leaf(e: Expression, place: Place): F32x4 | undefined {
    const context = this.#context;
    const known = this.#known.get(e);
    if (known !== undefined) return known;
    if (this.#inScratch.has(e)) {
      const address = this.#scratchAddress(e, place);
      return place.isFull ? address.loadF32x4() : address.loadLane0();
    }
    if (e.kind === "columnIndex") {
      const first = 4 * place.vector;
      return context.variant.isInteger
        ? place.at.splat().add(I32x4.lanes(first, first + 1, first + 2, first + 3)).asF32x4()
        : place.at.toF32().splat().add(F32x4.lanes(first, first + 1, first + 2, first + 3));
    }
    if (e.kind !== "input") return undefined;
    const stride = context.rowStrides[e.index]!;
    const address = context.addressAt(e.index, this.#starts[e.index]!, place.at, stride);
    return context.load(e.index, address, stride, place.vector, place.isFull);
  }

  #scratchAddress(e: Expression, { at, vector }: Place): I32 {
    return this.#slots[this.#kept.indexOf(e)]!.add(at.add(4 * vector).shiftLeft(2));
  }

  #keep(e: Expression, place: Place, value: F32x4): void {
    const { f } = this.#context;
    const address = this.#scratchAddress(e, place);
    if (place.isFull) f.store(address, value);
    else f.storeLane(address, value, 0);
  }
}
