/** Vectors along the row: row programs with contiguous rows. @module */

import { type Expression, inOrder, operandsOf } from "../../../expression/expression.ts";
import { type Program, reductionPasses } from "../../../expression/program.ts";
import { isExpensive } from "../../../kernel/formulas.ts";
import { F32x4, I32, I32x4 } from "../emitter/values.ts";
import { type KernelContext, type Operand, type Place, vectorsAtOnce } from "./context.ts";
import { WasmProgramWriter } from "./writer.ts";

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
    for (const e of inOrder(roots, isEnd).toReversed()) {
      if (!isExpensive(e) || !e.varies || kept.has(e)) continue;
      if (later.some((roots) => inOrder(roots, isEnd).includes(e))) kept.add(e);
    }
  });
  return [...kept];
}

export function writeRows(context: KernelContext, length: I32): void {
  context.f.forRange(0, length, 1, () => {
    new AlongRow(context).write();
    context.advance(1);
  });
}

class AlongRow extends WasmProgramWriter {
  /** Where values are kept, an element per column. */
  readonly #slots: ReadonlyMap<Expression, I32>;
  readonly #kept = new Set<Expression>();

  constructor(context: KernelContext) {
    super(context, [context.uniform], true);
    const { f, columns, scratch, variant: { program, useScratch } } = context;
    const wanted = useScratch ? valuesToKeep(program) : [];
    this.#slots = new Map(
      wanted.map((e, slot) => [e, f.local(scratch.add(columns.multiply(4 * slot)))]),
    );
  }

  protected vectorsAtOnce(roots: readonly Expression[]): number {
    return vectorsAtOnce(roots, (e) => this.known[0]!.has(e) || this.#kept.has(e));
  }

  protected addressOf(operand: Operand, at: I32): I32 {
    return operand.inRow(at);
  }

  protected columnIndex({ at, vector }: Place): F32x4 {
    const first = 4 * vector;
    return this.context.variant.isInteger
      ? at.splat().add(I32x4.lanes(first, first + 1, first + 2, first + 3)).asF32x4()
      : at.toF32().splat().add(F32x4.lanes(first, first + 1, first + 2, first + 3));
  }

  /** Computes formulas along a part of the row, and keeps those that are needed again. */
  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly F32x4[], place: Place) => void,
    begin: I32 = I32.of(0),
    end: I32 = this.context.columns,
  ): void {
    const { context } = this;
    const computed = new Set<Expression>();
    context.forEachBlock(begin, end, this.vectorsAtOnce(roots), (at, vectors, isFull) => {
      for (let vector = 0; vector < vectors; vector++) {
        const place = { at, vector, isFull };
        const values = context.compute(
          roots,
          (e) => this.#kept.has(e) ? this.#reload(e, place) : this.leaf(e, 0, place),
          (e) => {
            if (!this.#slots.has(e)) return undefined;
            computed.add(e);
            return (value) => this.#keep(e, place, value);
          },
        );
        use(values, place);
      }
    });
    for (const e of computed) this.#kept.add(e);
  }

  #reload(e: Expression, place: Place): F32x4 {
    const address = this.#scratchAddress(e, place);
    return place.isFull ? address.loadF32x4() : address.loadLane0();
  }

  #scratchAddress(e: Expression, { at, vector }: Place): I32 {
    return this.#slots.get(e)!.add(at.add(4 * vector).shiftLeft(2));
  }

  #keep(e: Expression, place: Place, value: F32x4): void {
    const { f } = this.context;
    const address = this.#scratchAddress(e, place);
    if (place.isFull) f.store(address, value);
    else f.storeLane(address, value, 0);
  }
}
