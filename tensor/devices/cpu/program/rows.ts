/** Row programs with contiguous rows: vectors run along the row. @module */

import { type Expression, operandsOf } from "../../../expression/expression.ts";
import { type Program, reductionPasses } from "../../../expression/program.ts";
import { isExpensive, reachable } from "../../../kernel/formulas.ts";
import type { Local } from "../emitter/function.ts";
import type { I32 } from "../emitter/scalars.ts";
import { F32x4, I32x4 } from "../emitter/vectors.ts";
import type { Accumulators } from "./accumulators.ts";
import { type KernelContext, vectorsAtOnce } from "./context.ts";
import { type PassWidth, RowWriter } from "./row_writer.ts";

/** A vector along the row: its block's position, its index, whether all lanes are valid. */
interface Place {
  readonly at: I32;
  readonly vector: number;
  readonly isFull: boolean;
}

const FIRST_LANE = I32x4.lanes(-1, 0, 0, 0);

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
    new AlongRow(context, starts).write();
  });
}

class AlongRow extends RowWriter<Place> {
  readonly #kept: readonly Expression[];
  readonly #inScratch = new Set<Expression>();
  readonly #slots: readonly Local<I32>[];

  constructor(context: KernelContext, starts: readonly I32[]) {
    super(context, starts, 1);
    this.#kept = context.variant.useScratch ? valuesToKeep(context.variant.program) : [];
    this.#slots = this.#kept.map((_, slot) =>
      context.f.local(context.scratch.add(context.slotBytes.multiply(slot)))
    );
  }

  protected fixed(e: Expression & { kind: "input" }): F32x4 | undefined {
    const { context, starts } = this;
    const isFixed = !e.varies || context.variant.classes[e.index] === "0";
    return isFixed ? context.loadOne(e.index, starts[e.index]!) : undefined;
  }

  protected rewind(): void {}

  #vectorsAtOnce(roots: readonly Expression[]): number {
    return vectorsAtOnce(roots, 4, (e) => this.known[0]!.has(e) || this.#inScratch.has(e));
  }

  protected widthOf(roots: readonly Expression[]): PassWidth {
    return { results: 1, width: this.#vectorsAtOnce(roots), columns: 4 };
  }

  protected add(accumulators: Accumulators, value: F32x4, { vector, isFull }: Place): void {
    accumulators.add(vector, isFull ? value : FIRST_LANE.select(value, accumulators.identity));
  }

  protected resultOf(accumulators: Accumulators): F32x4 {
    return accumulators.resultAcrossLanes(0);
  }

  protected storeElement(output: number, place: Place, value: F32x4): void {
    const { context, starts } = this;
    const k = context.operandOf(output);
    const stride = context.rowStrides[k]!;
    const address = context.addressAt(k, starts[k]!, place.at, stride);
    context.store(k, address, stride, place.vector, place.isFull, value);
  }

  protected storeResult(output: number, _result: number, value: F32x4): void {
    const k = this.context.operandOf(output);
    this.context.storeOne(k, this.starts[k]!, value);
  }

  /** Computes formulas along a part of the row, and keeps those that are needed again. */
  protected forEach(
    begin: I32,
    end: I32,
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
  ): void {
    const { context } = this;
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
    const { context, starts } = this;
    const known = this.known[0]!.get(e);
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
    const address = context.addressAt(e.index, starts[e.index]!, place.at, stride);
    return context.load(e.index, address, stride, place.vector, place.isFull);
  }

  #scratchAddress(e: Expression, { at, vector }: Place): I32 {
    return this.#slots[this.#kept.indexOf(e)]!.add(at.add(4 * vector).shiftLeft(2));
  }

  #keep(e: Expression, place: Place, value: F32x4): void {
    const { f } = this.context;
    const address = this.#scratchAddress(e, place);
    if (place.isFull) f.store(address, value);
    else f.storeLane(address, value, 0);
  }
}
