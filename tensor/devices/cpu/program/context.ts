/** Code that all kernels of programs share: arguments, operands, the loops over runs and blocks. @module */

import type { DType } from "../../../dtype.ts";
import type { Program } from "../../../formula/program.ts";
import type { Arithmetic } from "../../../kernel/arithmetic.ts";
import { hoist, type KnownValues } from "../../../kernel/formulas.ts";
import type { StrideClass } from "../../../kernel/layout.ts";
import { wasmArithmetic, WasmBuilder } from "../../../kernel/wasm.ts";
import type { FunctionBuilder, Local } from "../../../kernel/emitter/function.ts";
import type { KernelParameters } from "../../../kernel/emitter/module.ts";
import { type F32x4, I32, type I32x4 } from "../../../kernel/emitter/values.ts";
import type { VectorAxis } from "./layout.ts";

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
}

/**
 * The argument words of a kernel: the lengths of its axes, which are the run, the row and the outer
 * ones; for each operand its address and its strides in bytes along these; finally the program's
 * scalars.
 */
const [RUN, ROW, OUTER] = [0, 1, 2];

/** The kernel being written. */
export class KernelContext {
  readonly f: FunctionBuilder;
  readonly k: WasmBuilder;
  readonly variant: KernelVariant;
  readonly arithmetic: Arithmetic;
  readonly scratch: I32;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  /** The length of a row. */
  readonly columns: Local<I32>;
  /** Values that are equal for all elements: scalars, and what is computed from them. */
  readonly uniform: KnownValues;
  readonly operands: readonly Operand[];
  readonly #parameters: KernelParameters;

  constructor(f: FunctionBuilder, variant: KernelVariant, parameters: KernelParameters) {
    this.f = f;
    this.variant = variant;
    const { isInteger, program, classes, outerRank } = variant;
    this.k = new WasmBuilder(f, parameters, 0);
    this.arithmetic = wasmArithmetic(this.k, isInteger);
    this.scratch = parameters.scratch;
    this.#parameters = parameters;
    const axes = OUTER + outerRank;
    this.operands = classes.map((_, k) =>
      new Operand(f, variant, k, (index) => this.#word(axes + k * (1 + axes) + index))
    );
    this.inputs = this.operands.slice(0, program.inputs.length);
    this.outputs = this.operands.slice(program.inputs.length);
    this.columns = f.local(this.#word(ROW));
    const scalarWord = axes + classes.length * (1 + axes);
    this.uniform = hoist(this.arithmetic, program.outputs, new Map(), (e) => {
      if (e.kind === "scalar") return parameters.words.loadSplat(4 * (scalarWord + e.index));
      return e.kind === "rowLength" ? this.splatInteger(this.columns) : undefined;
    });
  }

  #word(index: number): I32 {
    return this.#parameters.words.loadI32(4 * index);
  }

  /**
   * Loops over the work items, run by run. `body` gets the number of those in the run, and advances
   * the pointers past them.
   */
  forEachRun(body: (length: Local<I32>) => void): void {
    const f = this.f;
    const { start, end } = this.#parameters;
    const lastAxis = OUTER + this.variant.outerRank - 1;
    const runLength = f.local(this.#word(RUN));
    const item = f.local(start);
    const from = f.local(start.remainderUnsigned(runLength));
    const rest = f.local(start.divideUnsigned(runLength));
    const counters: Local<I32>[] = [];
    for (let axis = OUTER; axis <= lastAxis; axis++) {
      const counter = f.local(rest.remainderUnsigned(this.#word(axis)));
      counters[axis] = counter;
      f.set(rest, rest.divideUnsigned(this.#word(axis)));
      this.#move((operand) => counter.multiply(operand.strideOf(axis)));
    }
    // From the end of a run to the start of the next one.
    const gaps = new Map(
      lastAxis < OUTER ? [] : this.operands.map((operand) => {
        const runBytes = runLength.multiply(operand.runStride);
        return [operand, f.local(operand.strideOf(OUTER).subtract(runBytes))];
      }),
    );
    this.#move((operand) => from.multiply(operand.runStride));
    const advance = (axis: number): void => {
      const counter = counters[axis];
      if (counter === undefined) return;
      f.set(counter, counter.add(1));
      this.#move((operand) => axis === OUTER ? gaps.get(operand)! : operand.strideOf(axis));
      if (axis === lastAxis) return;
      f.if(counter.equal(this.#word(axis)), () => {
        this.#move((operand) => I32.of(0).subtract(counter.multiply(operand.strideOf(axis))));
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
      advance(OUTER);
    });
  }

  #move(bytes: (operand: Operand) => I32): void {
    for (const operand of this.operands) operand.move(bytes(operand));
  }

  /** Advances the operands along the run. */
  advance(elements: number): void {
    for (const operand of this.operands) operand.advance(elements);
  }

  /**
   * Loops in blocks of `most` vectors, then single vectors, then single elements, and calls `next`
   * after each.
   */
  forEachBlock(
    from: I32,
    to: I32,
    most: number,
    body: (at: Local<I32>, vectors: number, isFull: boolean) => void,
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

  /** An integer in all lanes, as formulas see it. */
  splatInteger(value: I32): F32x4 {
    return this.variant.isInteger ? value.splat().asF32x4() : value.toF32().splat();
  }
}

/** An operand, from its first element in the current run on. */
export class Operand {
  readonly pointer: Local<I32>;
  /** In bytes. */
  readonly runStride: Local<I32>;
  readonly rowStride: Local<I32>;
  /** The stride along the axis of the vectors. */
  readonly strideClass: StrideClass;
  readonly #f: FunctionBuilder;
  readonly #isAlongRun: boolean;
  readonly #isInteger: boolean;
  readonly #computesIntegers: boolean;
  readonly #word: (index: number) => I32;

  constructor(
    f: FunctionBuilder,
    { classes, dtypes, isInteger, vectors }: KernelVariant,
    k: number,
    word: (index: number) => I32,
  ) {
    this.#f = f;
    this.#word = word;
    this.pointer = f.local(word(0));
    this.runStride = f.local(this.strideOf(RUN));
    this.rowStride = f.local(this.strideOf(ROW));
    this.strideClass = classes[k]!;
    this.#isAlongRun = vectors === "run";
    this.#isInteger = dtypes[k] === "int32";
    this.#computesIntegers = isInteger;
  }

  strideOf(axis: number): I32 {
    return this.#word(1 + axis);
  }

  move(bytes: I32 | number): void {
    this.#f.set(this.pointer, this.pointer.add(bytes));
  }

  /** Moves it along the run. */
  advance(elements: number): void {
    const strideClass = this.#isAlongRun ? this.strideClass : "n";
    if (strideClass === "0") return;
    this.move(strideClass === "1" ? 4 * elements : this.runStride.multiply(elements));
  }

  /** The address at a position in the row, with vectors along it or the run. */
  addressAt(position: I32): I32 {
    const isDense = !this.#isAlongRun && this.strideClass === "1";
    const bytes = isDense ? position.shiftLeft(2) : position.multiply(this.rowStride);
    return this.#f.local(this.pointer.add(bytes));
  }

  /** Number `i` of the elements from an address on. */
  #element(address: I32, i: number): I32 {
    return address.add((this.#isAlongRun ? this.runStride : this.rowStride).multiply(i));
  }

  /** Loads one of the vectors from an address on, or only its first element. */
  load(address: I32 = this.pointer, vector = 0, isFull = true): F32x4 {
    const bits = this.#loadBits(address, vector, isFull);
    return this.#isInteger && !this.#computesIntegers ? bits.bits().toF32x4() : bits;
  }

  #loadBits(address: I32, vector: number, isFull: boolean): F32x4 {
    if (this.strideClass === "0") return address.loadSplat();
    if (!isFull) return address.loadLane0();
    if (this.strideClass === "1") return address.loadF32x4(16 * vector);
    const lane = (i: number) => this.#element(address, 4 * vector + i);
    return [1, 2, 3].reduce((four, i) => lane(i).loadLane(four, i), lane(0).loadLane0());
  }

  store(address: I32, value: F32x4, vector: number, isFull: boolean): void {
    const f = this.#f;
    const bits = this.#isInteger === this.#computesIntegers
      ? value
      : this.#isInteger
      ? value.toI32x4()
      : value.bits().toF32x4();
    if (!isFull || this.strideClass === "0") return f.storeLane(address, bits, 0);
    if (this.strideClass === "1") return f.store(address, bits, 16 * vector);
    const named = f.local<F32x4 | I32x4>(bits);
    for (let i = 0; i < 4; i++) f.storeLane(this.#element(address, 4 * vector + i), named, i);
  }
}
