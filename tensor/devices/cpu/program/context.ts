/** Shared by the kernels of all modes: arguments, operands, and the loop over runs. @module */

import type { DType } from "../../../dtype.ts";
import type { Expression } from "../../../expression/expression.ts";
import type { Program } from "../../../expression/program.ts";
import {
  type Arithmetic,
  hoist,
  isExpensive,
  type Known,
  type KnownValues,
  type OnComputed,
  reachable,
  writeFormulas,
} from "../../../kernel/formulas.ts";
import type { StrideClass } from "../../../kernel/layout.ts";
import { wasmArithmetic } from "../../../kernel/wasm.ts";
import type { FunctionBuilder, Local } from "../emitter/function.ts";
import type { KernelParameters } from "../emitter/module.ts";
import { I32 } from "../emitter/scalars.ts";
import type { F32x4, I32x4 } from "../emitter/vectors.ts";
import type { VectorAxis } from "./layout.ts";

/** Where and in which numbers formulas are computed. */
export interface Target extends Arithmetic<F32x4> {
  readonly f: FunctionBuilder;
  readonly isInteger: boolean;
}

/** Everything that a program kernel's code depends on. */
export interface KernelVariant {
  readonly program: Program;
  readonly vectors: VectorAxis;
  readonly outerRank: number;
  /** The stride class of each operand along the axis of the vectors. */
  readonly classes: readonly StrideClass[];
  readonly dtypes: readonly DType[];
  /** Whether formulas are computed in 32-bit integers instead of floats; vectors hold their bits. */
  readonly isInteger: boolean;
  /** Whether to keep expensive values that are needed twice in scratch memory. */
  readonly useScratch: boolean;
  readonly relaxedSimd: boolean;
}

/**
 * The argument words of a kernel: run length, row length, bytes of a scratch slot; the outer
 * lengths; for each operand its address, then its strides in bytes along the run, the row and the
 * outer axes; finally the program's scalars.
 */
export const wordOf = {
  runLength: 0,
  columns: 1,
  slotBytes: 2,
  outerLength: (axis: number): number => 3 + axis,
  operand: (outerRank: number, k: number): number => 3 + outerRank + k * (3 + outerRank),
};

/** The body of a blocked loop: position, vectors, and whether all lanes are valid or one. */
export type BlockBody = (at: Local<I32>, vectors: number, isFull: boolean) => void;

/** The kernel being written, with what all modes need. */
export class KernelContext {
  readonly f: FunctionBuilder;
  readonly variant: KernelVariant;
  readonly target: Target;
  readonly scratch: I32;
  /** Address of each operand's first element in the current run. */
  readonly pointers: readonly Local<I32>[];
  /** Stride of each operand along the run, in bytes, and along the row. */
  readonly runStrides: readonly Local<I32>[];
  readonly rowStrides: readonly Local<I32>[];
  readonly columns: Local<I32>;
  /** Bytes of a scratch slot: one value per element of a row. */
  readonly slotBytes: Local<I32>;
  /** Values that are equal for all elements: scalars, and what is computed from them. */
  readonly uniform: KnownValues<F32x4>;
  readonly #words: I32;
  readonly #parameters: KernelParameters;

  constructor(f: FunctionBuilder, variant: KernelVariant, parameters: KernelParameters) {
    this.f = f;
    this.variant = variant;
    const { isInteger } = variant;
    this.target = { f, isInteger, ...wasmArithmetic(f, isInteger) };
    this.scratch = parameters.scratch;
    this.#words = parameters.words;
    this.#parameters = parameters;
    const { program, outerRank, classes } = variant;
    const operandWord = (offset: number) =>
      classes.map((_, k) => f.local(this.#word(wordOf.operand(outerRank, k) + offset)));
    this.pointers = operandWord(0);
    this.runStrides = operandWord(1);
    this.rowStrides = operandWord(2);
    this.columns = f.local(this.#word(wordOf.columns));
    this.slotBytes = f.local(this.#word(wordOf.slotBytes));
    const scalarWord = wordOf.operand(outerRank, classes.length);
    this.uniform = hoist<F32x4>(this.target, program.outputs, new Map(), (e) => {
      if (e.kind === "scalar") return this.#words.loadSplat(4 * (scalarWord + e.index));
      return e.kind === "rowLength" ? this.splatInteger(this.columns) : undefined;
    });
  }

  operandOf(index: number): number {
    return this.variant.program.inputs.length + index;
  }

  #word(index: number): I32 {
    return this.#words.loadI32(4 * index);
  }

  /**
   * Loops over the work items, run by run. `body` gets the number of those in the run, and advances
   * the pointers past them.
   */
  forEachRun(body: (length: Local<I32>) => void): void {
    const f = this.f;
    const { outerRank } = this.variant;
    const { start, end } = this.#parameters;
    const runLength = f.local(this.#word(wordOf.runLength));
    const item = f.local(start);
    const from = f.local(start.remainderUnsigned(runLength));
    const rest = f.local(start.divideUnsigned(runLength));
    const strideOf = (k: number, axis: number) =>
      this.#word(wordOf.operand(outerRank, k) + 3 + axis);
    const counters: Local<I32>[] = [];
    for (let axis = 0; axis < outerRank; axis++) {
      const length = this.#word(wordOf.outerLength(axis));
      const counter = f.local(rest.remainderUnsigned(length));
      counters.push(counter);
      f.set(rest, rest.divideUnsigned(length));
      this.#move((k) => counter.multiply(strideOf(k, axis)));
    }
    // From the end of a run to the start of the next one.
    const gaps = outerRank === 0
      ? []
      : this.runStrides.map((s, k) => f.local(strideOf(k, 0).subtract(runLength.multiply(s))));
    this.#move((k) => from.multiply(this.runStrides[k]!));
    const advance = (axis: number): void => {
      const counter = counters[axis];
      if (counter === undefined) return;
      f.set(counter, counter.add(1));
      this.#move((k) => axis === 0 ? gaps[k]! : strideOf(k, axis));
      if (axis === outerRank - 1) return;
      f.if(counter.equal(this.#word(wordOf.outerLength(axis))), () => {
        this.#move((k) => I32.of(0).subtract(counter.multiply(strideOf(k, axis))));
        f.set(counter, I32.of(0));
        advance(axis + 1);
      });
    };
    f.while(item.less(end), () => {
      const wanted = f.local(from.add(end.subtract(item)));
      const length = f.local(wanted.min(runLength).subtract(from));
      body(length);
      f.set(item, item.add(length));
      f.set(from, I32.of(0));
      advance(0);
    });
  }

  #move(bytes: (k: number) => I32): void {
    this.pointers.forEach((p, k) => this.f.set(p, p.add(bytes(k))));
  }

  /** Advances the pointers along the run. */
  movePointers(elements: number): void {
    const { classes, vectors } = this.variant;
    this.pointers.forEach((p, k) => {
      const strideClass = vectors === "run" ? classes[k] : "n";
      if (strideClass === "0") return;
      const bytes = strideClass === "1" ? 4 * elements : this.runStrides[k]!.multiply(elements);
      this.f.set(p, p.add(bytes));
    });
  }

  /**
   * Loops in blocks of `most` vectors, then single vectors, then single elements, and calls `next`
   * after each.
   */
  forEachBlock(
    from: I32,
    to: I32,
    most: number,
    body: BlockBody,
    next: (elements: number) => void = () => {},
  ): void {
    const f = this.f;
    const at = f.local(from);
    const block = (vectors: number, isFull: boolean) => {
      body(at, vectors, isFull);
      const elements = isFull ? 4 * vectors : 1;
      f.set(at, at.add(elements));
      next(elements);
    };
    for (const vectors of most > 1 ? [most, 1] : [1]) {
      const last = f.local(to.subtract(4 * vectors));
      f.if(at.lessEqual(last), () =>
        f.doWhile(() => {
          block(vectors, true);
          return at.lessEqual(last);
        }));
    }
    f.while(at.less(to), () => block(1, false));
  }

  /** Loads vector number `vector` relative to an address, or only its first element. */
  load(k: number, address: I32, stride: I32, vector: number, isFull: boolean): F32x4 {
    const strideClass = this.variant.classes[k];
    if (strideClass === "0") return this.loadOne(k, address);
    if (!isFull) return this.#fromMemory(k, address.loadLane0());
    if (strideClass === "1") return this.#fromMemory(k, address.loadF32x4(16 * vector));
    const lane = (i: number) => address.add(stride.multiply(4 * vector + i));
    const four = [1, 2, 3].reduce((four, i) => lane(i).loadLane(four, i), lane(0).loadLane0());
    return this.#fromMemory(k, four);
  }

  loadOne(k: number, address: I32): F32x4 {
    return this.#fromMemory(k, address.loadSplat());
  }

  /** An integer in all lanes, as formulas see it. */
  splatInteger(value: I32): F32x4 {
    return this.variant.isInteger ? value.splat().asF32x4() : value.toF32().splat();
  }

  #fromMemory(k: number, bits: F32x4): F32x4 {
    const { dtypes, isInteger } = this.variant;
    return dtypes[k] === "int32" && !isInteger ? bits.bits().toF32x4() : bits;
  }

  #toMemory(k: number, value: F32x4): F32x4 | I32x4 {
    const { dtypes, isInteger } = this.variant;
    if ((dtypes[k] === "int32") === isInteger) return value;
    return isInteger ? value.bits().toF32x4() : value.toI32x4();
  }

  store(
    k: number,
    address: I32,
    stride: I32,
    vector: number,
    isFull: boolean,
    value: F32x4,
  ): void {
    const f = this.f;
    const strideClass = this.variant.classes[k];
    if (!isFull || strideClass === "0") return this.storeOne(k, address, value);
    const bits = this.#toMemory(k, value);
    if (strideClass === "1") return f.store(address, bits, 16 * vector);
    const named = f.local<F32x4 | I32x4>(bits);
    for (let i = 0; i < 4; i++) {
      f.storeLane(address.add(stride.multiply(4 * vector + i)), named, i);
    }
  }

  storeOne(k: number, address: I32, value: F32x4): void {
    this.f.storeLane(address, this.#toMemory(k, value), 0);
  }

  /** Computes formulas and names their values, so that all are computed before the first store. */
  compute(
    roots: readonly Expression[],
    known: Known<F32x4>,
    onComputed?: OnComputed<F32x4>,
  ): readonly F32x4[] {
    const values = writeFormulas(this.target, roots, known, onComputed);
    return values.length === 1 ? values : values.map((value) => this.f.local(value));
  }
}

/** Vectors to interleave: many for short formulas, few enough to stay in registers. */
export function vectorsAtOnce(
  roots: readonly Expression[],
  isKnown: (e: Expression) => boolean = () => false,
): number {
  const nodes = reachable(roots, isKnown).filter((e) => !isKnown(e));
  if (nodes.some(isExpensive)) return 1;
  return nodes.length <= 12 ? 4 : nodes.length <= 24 ? 2 : 1;
}
