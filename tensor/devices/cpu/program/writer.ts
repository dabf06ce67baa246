/**
 * Places, loads and stores of programs in WebAssembly.
 *
 * Vectors lie along the row if its elements are contiguous. Elsewhere they lie along the run: in
 * elementwise programs, and in row programs whose rows are adjacent, as in a sum over the first
 * axis. There a vector holds one element of each of four rows, so lanes are never combined.
 *
 * @module
 */

import {
  type Expression,
  inOrder,
  operandsOf,
  type ReduceOperation,
} from "../../../formula/expression.ts";
import { type Program, reductionPasses } from "../../../formula/program.ts";
import { hoist, isExpensive, type KnownValues } from "../../../kernel/formulas.ts";
import type { Vector } from "../../../kernel/language.ts";
import { type Position as AnyPosition, ProgramWriter } from "../../../kernel/program_writer.ts";
import { F32x4, I32, I32x4 } from "../../../kernel/emitter/values.ts";
import type { KernelContext, Operand } from "./context.ts";

interface Position extends AnyPosition {
  readonly at: I32;
  /** Whether all lanes are valid, or one. */
  readonly isFull: boolean;
  readonly addressOf: (operand: Operand) => I32;
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
    for (const e of inOrder(roots, isEnd).toReversed()) {
      if (!isExpensive(e) || !e.varies || kept.has(e)) continue;
      if (later.some((roots) => inOrder(roots, isEnd).includes(e))) kept.add(e);
    }
  });
  return [...kept];
}

/** Vectors to interleave: many for short formulas, few enough to stay in registers. */
function vectorsAtOnce(
  roots: readonly Expression[],
  isKnown: (e: Expression) => boolean = () => false,
): number {
  const nodes = inOrder(roots, isKnown).filter((e) => !isKnown(e));
  if (nodes.some(isExpensive)) return 1;
  return nodes.length <= 12 ? 4 : nodes.length <= 24 ? 2 : 1;
}

/** Writes a program for the work items of a run, and advances the operands past them. */
export function writeRun(context: KernelContext, length: I32): void {
  const { f, inputs, arithmetic, uniform, variant: { program, vectors } } = context;
  if (vectors === "row") {
    f.forRange(0, length, 1, () => {
      new WasmProgramWriter(context, [uniform], true).write();
      context.advance(1);
    });
    return;
  }
  const known = hoist(arithmetic, program.outputs, uniform, (e) => {
    if (e.kind !== "input" || (program.isRow && e.varies)) return undefined;
    const input = inputs[e.index]!;
    return input.strideClass === "0" ? input.load() : undefined;
  });
  context.forEachBlock(I32.of(0), length, vectorsAtOnce(program.outputs), (_, vectors, isFull) => {
    new WasmProgramWriter(context, new Array<KnownValues>(vectors).fill(known), isFull).write();
  }, (elements) => context.advance(elements));
}

class WasmProgramWriter extends ProgramWriter<Position> {
  protected readonly blockSteps = 256;
  readonly #context: KernelContext;
  /** Whether all lanes of the rows side by side are valid, or one. */
  readonly #isFull: boolean;
  /** Where expensive values are kept in scratch memory, an element per column. */
  readonly #slots: ReadonlyMap<Expression, I32>;
  /** Those that an earlier loop kept, and those that the current one keeps. */
  readonly #kept = new Set<Expression>();
  readonly #computed = new Set<Expression>();

  constructor(context: KernelContext, known: readonly KnownValues[], isFull: boolean) {
    const { f, k, arithmetic, columns, scratch, variant: { program, useScratch } } = context;
    super(k, program, arithmetic, known);
    this.#context = context;
    this.#isFull = isFull;
    const wanted = useScratch ? valuesToKeep(program) : [];
    this.#slots = new Map(
      wanted.map((e, slot) => [e, f.local(scratch.add(columns.multiply(4 * slot)))]),
    );
  }

  protected get range() {
    return [I32.of(0), this.#context.columns] as const;
  }

  protected get isAlongRow(): boolean {
    return this.#context.variant.vectors === "row";
  }

  protected vectorsAtOnce(roots: readonly Expression[]): number {
    const isKnown = (e: Expression) => this.known[0]!.has(e) || this.#kept.has(e);
    return this.isAlongRow ? vectorsAtOnce(roots, isKnown) : this.known.length;
  }

  protected stepOf(vectors: number): number {
    return this.isAlongRow ? 4 * vectors : 1;
  }

  protected forEachPosition(
    [begin, end]: readonly [begin: I32, end: I32],
    vectors: number,
    visit: (position: Position) => void,
  ): void {
    const { f, operands } = this.#context;
    const visitAll = (at: I32, vectors: number, isFull: boolean) => {
      const addresses = new Map(
        operands.map((one) => [one, this.program.isRow ? one.addressAt(at) : one.pointer]),
      );
      const addressOf = (operand: Operand) => addresses.get(operand)!;
      for (let part = 0; part < vectors; part++) {
        visit({ at, row: this.isAlongRow ? 0 : part, part, isFull, addressOf });
      }
    };
    if (this.isAlongRow) this.#context.forEachBlock(begin, end, vectors, visitAll);
    else if (!this.program.isRow) visitAll(begin, vectors, this.#isFull);
    else f.forRange(begin, end, 1, (column) => visitAll(column, vectors, this.#isFull));
    for (const e of this.#computed) this.#kept.add(e);
  }

  protected leaf(e: Expression, position: Position): Vector | undefined {
    const { at, part, isFull, addressOf } = position;
    if (this.#kept.has(e)) {
      const address = this.#scratchAddress(e, position);
      return isFull ? address.loadF32x4() : address.loadLane0();
    }
    if (e.kind === "input") {
      const input = this.#context.inputs[e.index]!;
      return input.load(addressOf(input), part, isFull);
    }
    if (e.kind !== "columnIndex") return undefined;
    const first = this.#context.splatInteger(at);
    if (!this.isAlongRow) return first;
    const lanes = [0, 1, 2, 3].map((lane) => 4 * part + lane) as [number, number, number, number];
    return this.#context.variant.isInteger
      ? first.bits().add(I32x4.lanes(...lanes)).asF32x4()
      : first.add(F32x4.lanes(...lanes));
  }

  protected fixed(e: Expression, row: number): Vector | undefined {
    if (e.kind !== "input") return undefined;
    const input = this.#context.inputs[e.index]!;
    const isRepeated = this.isAlongRow && input.strideClass === "0";
    if (e.varies && !isRepeated) return undefined;
    return input.load(input.pointer, row, this.#isFull);
  }

  protected override onComputed(e: Expression, position: Position) {
    if (!this.#slots.has(e)) return undefined;
    this.#computed.add(e);
    return (value: Vector) => {
      const { f } = this.#context;
      const address = this.#scratchAddress(e, position);
      if (position.isFull) f.store(address, value as F32x4);
      else f.storeLane(address, value as F32x4, 0);
    };
  }

  #scratchAddress(e: Expression, { at, part }: Position): I32 {
    return this.#slots.get(e)!.add(at.add(4 * part).shiftLeft(2));
  }

  protected override valid(value: F32x4, { isFull }: Position, other: F32x4): F32x4 {
    return isFull || !this.isAlongRow ? value : FIRST_LANE.select(value, other);
  }

  protected acrossRow(
    operations: readonly ReduceOperation[],
    values: readonly Vector[],
  ): readonly Vector[] {
    const { f, arithmetic } = this.#context;
    return values.map((value, i) =>
      f.acrossLanes(value as F32x4, (a, b) => arithmetic.combine(operations[i]!, a, b) as F32x4)
    );
  }

  protected storeElement(o: number, { part, isFull, addressOf }: Position, value: F32x4): void {
    const output = this.#context.outputs[o]!;
    output.store(addressOf(output), value, part, isFull);
  }

  protected storeResult(o: number, value: F32x4, row: number): void {
    const output = this.#context.outputs[o]!;
    output.store(output.pointer, value, row, this.#isFull);
  }
}
