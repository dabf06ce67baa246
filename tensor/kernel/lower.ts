/**
 * Lowers formulas: a program, with what its kernel must know of the layouts of its operands, becomes a
 * body in the kernel language. It is the one way from a formula to instructions, on every device.
 *
 * `x + y` of tensors that lie alike is one long run of elements, and its kernel is
 *
 *     for each vector of the run:
 *       y0 = x0 + x1
 *
 * A program with reductions works on *rows*: lines along the last axis. It visits a row once for each
 * pass of reductions that do not depend on each other, and once for the outputs. A softmax is
 *
 *     for each row:
 *       for each vector of the row:   max = max(max, x0)
 *       for each vector of the row:   sum = sum + exp(x0 − max)
 *       for each vector of the row:   y0  = exp(x0 − max) / sum
 *
 * Vectors lie in one of two ways:
 *
 *     along a row                            across adjacent rows: one number of each
 *
 *     row 0  [ a a a a | b b b b | c c       row 0  [ a | b | c | …
 *     row 1  [ …                             row 1  [ a | b | c | …
 *                                            row 2  [ a | b | c | …
 *                                            row 3  [ a | b | c | …
 *
 * Along a row, its end is visited by single elements, and the numbers of an accumulator are combined
 * when the row is done (`acrossRow`). Across rows there is nothing to combine. A program without
 * reductions is the second case, with rows of one element, along the run that `programs.ts` finds: the
 * innermost axis, a fast inner loop. The axes around it have a counter each.
 *
 * On the CPU, short formulas compute several vectors in turn, so that one need not wait for another:
 * `part` numbers them, and each has accumulators of its own. On a GPU a thread has one item: an
 * element, a vector, or its share of a row.
 *
 * @module
 */

import {
  type Expression,
  inOrder,
  isAlongRow,
  operandsOf,
  type Program,
  type Reduction,
  reductionPasses,
} from "../formula/program.ts";
import type { DType } from "../layout.ts";
import { Accumulators } from "./accumulators.ts";
import { arithmeticOf, asNumbers, hoist, isExpensive, writeFormulas } from "./formulas.ts";
import type {
  Buffer,
  Float,
  Int,
  IntVector,
  KernelBody,
  KernelBuilder,
  Signature,
  Value,
  Vector,
} from "./language.ts";

/** All that the code of a program depends on, beside its formulas. Sizes and strides are arguments. */
export interface ProgramForm {
  /**
   * The axis of the vectors. For row programs, the row if its elements are contiguous; otherwise the
   * run, so that a vector holds four rows (as in a sum over the first axis).
   */
  readonly vectors: "run" | "row";
  /** The number of axes around the run. */
  readonly outerRank: number;
  readonly dtypes: readonly DType[];
  /**
   * How each operand, inputs and then outputs, goes on along the axis of the vectors: by 0 or 1
   * elements, or a number known at run time.
   */
  readonly strides: readonly ("0" | "1" | "n")[];
  /** Whether formulas are computed in 32-bit integers instead of floats. */
  readonly isInteger: boolean;
  /** Elements of an item: 4 in an elementwise program whose items are vectors. */
  readonly itemElements: 1 | 4;
  /** Whether a row's expensive values are kept for the passes after. */
  readonly keepsValues: boolean;
}

/** The kernel of a program, but for its key and how threads share it. */
export interface LoweredProgram {
  readonly signature: Omit<Signature<Record<string, Elements>, string>, "key">;
  readonly body: KernelBody<Record<string, Elements>, string>;
}

/** Columns to add up before a sum is moved to its total: few enough to be accurate. */
const COLUMNS_AT_ONCE = 256;

/** The storage type of each dtype. */
export const ELEMENTS = {
  float32: "f32",
  bfloat16: "bf16",
  float16: "f16",
  int32: "i32",
} as const satisfies Readonly<Record<DType, string>>;

type Elements = typeof ELEMENTS[DType];

/** Names of the buffers: `x0`, `x1`, … for the inputs, and `y0`, … for the outputs. */
export function bufferNames({ inputs, outputs }: Program): readonly string[] {
  return [...inputs.map((_, i) => `x${i}`), ...outputs.map((_, o) => `y${o}`)];
}

/** Lowers a program. Its arguments are the lengths of the axes, and the strides of each operand. */
export function lowerProgram(program: Program, form: ProgramForm): LoweredProgram {
  const names = bufferNames(program);
  const axes = ["run", ...(program.isRow ? ["row"] : [])];
  for (let axis = 0; axis < form.outerRank; axis++) axes.push(`outer${axis}`);
  const strides = (name: string) => axes.map((axis) => `${name}_${axis}`);
  const scalars = program.scalars.map((_, i) => `s${i}`);
  return {
    signature: {
      buffers: Object.fromEntries(names.map((name, i) => [name, ELEMENTS[form.dtypes[i]!]])),
      writes: names.slice(program.inputs.length),
      ...(form.isInteger
        ? { arguments: [...axes, ...names.flatMap(strides), ...scalars] }
        : { arguments: [...axes, ...names.flatMap(strides)], floats: scalars }),
      spread: "ranges",
    },
    body: (k, item, buffers, integers, floats) => {
      const numbers = scalars.map((name) => form.isInteger ? integers[name]! : floats[name]!);
      const operands = names.map((name, i) =>
        operandOf(k, program, form, i, buffers[name]!, strides(name).map((each) => integers[each]!))
      );
      const all = lowering(k, program, form, operands, integers.row ?? k.int(1), numbers);
      const first = k.let(item.multiply(form.itemElements));
      const lengths = axes.filter((axis) => axis !== "row").map((axis) => integers[axis]!);
      forEachRun(k, first, lengths, operands, (length) => writeRun(all, length));
    },
  };
}

/** The vector that is computed, among those visited in turn. */
interface Where {
  readonly part: number;
  /** Whether it has a single number, since the row or the run ends there. */
  readonly isSingle: boolean;
  /** Whether two parts are the even and the odd ones of eight elements, instead of four each. */
  readonly isPaired: boolean;
}

/** An operand, from its first element in the current run on. */
type OperandCursor = ReturnType<typeof operandOf>;

function operandOf(
  k: KernelBuilder,
  program: Program,
  form: ProgramForm,
  index: number,
  buffer: Buffer<Elements>,
  [run, ...others]: readonly Int[],
) {
  const stride = form.strides[index]!;
  const row = program.isRow ? others.shift()! : run!;
  const isAlongRun = form.vectors === "run";
  const vectorStride = stride === "n" ? { stride: buffer.distance(isAlongRun ? run! : row) } : {};
  const rowStride = isAlongRun && program.isRow ? buffer.distance(row) : vectorStride.stride;
  const isInteger = form.dtypes[index] === "int32";
  const read = form.dtypes.slice(0, program.inputs.length);
  const isShort = read.every((dtype) => dtype === "bfloat16" || dtype === "int32");
  /** The even one of two vectors, until the odd one is stored. */
  let even: Vector | null = null;
  return {
    /** Begins at the first element of the run, and moves. */
    buffer,
    /** The strides along the run, and along the axes around it. */
    strides: [run!, ...others],
    /** Whether its elements along the vectors are all the same one. */
    isRepeated: stride === "0",
    /** Whether {@linkcode Where.isPaired} suits it. */
    allowsPairs: stride === "0" || stride === "1" && buffer.pair !== undefined,
    /** Moves it along the run. */
    advance: (elements: number) => {
      if (isAlongRun && stride === "1") buffer.move(elements);
      else if (!isAlongRun || stride === "n") buffer.move(run!.multiply(elements));
    },
    /** The elements from a column of the row on. */
    from: (column: Int) => {
      if (!isAlongRow(program, index) || (!isAlongRun && stride === "0")) return buffer;
      return buffer.from(column, rowStride);
    },
    load: (from: Buffer<Elements>, { part, isSingle, isPaired }: Where) => {
      if (isPaired && stride === "1") return from.pair!(8 * (part >> 1)).load(part % 2 === 1);
      const loaded = stride === "0"
        ? from.loadSplat(0)
        : from.loadVector(4 * part, { ...vectorStride, isSingle });
      return isInteger && !form.isInteger ? (loaded as IntVector).toF32x4() : asNumbers(loaded);
    },
    store: (from: Buffer<Elements>, value: Vector, { part, isSingle, isPaired }: Where) => {
      if (isPaired && stride === "1") {
        if (part % 2 === 0) even = k.let(value);
        else from.pair!(8 * (part >> 1)).store(even!, value, isShort);
        return;
      }
      const converted = isInteger === form.isInteger
        ? value
        : isInteger
        ? value.toI32x4()
        : (value as Value as IntVector).toF32x4();
      const isOne = isSingle || stride === "0";
      const options = { ...vectorStride, isSingle: isOne, isShort };
      from.storeVector(isOne ? 0 : 4 * part, converted, options);
    },
  };
}

/** A program being lowered: what is equal for all items. */
type Lowering = ReturnType<typeof lowering>;

function lowering(
  k: KernelBuilder,
  program: Program,
  form: ProgramForm,
  operands: readonly OperandCursor[],
  /** The length of a row. */
  columns: Int,
  scalars: readonly (Int | Float)[],
) {
  const { isInteger } = form;
  const arithmetic = arithmeticOf(k, isInteger);
  /** Integers, as formulas see them. */
  const numberOf = (integers: IntVector) => isInteger ? asNumbers(integers) : integers.toF32x4();
  /** Scalars, and what is computed of them alone. */
  const uniform = hoist(arithmetic, program.outputs, new Map(), (e) => {
    if (e.kind === "rowLength") return numberOf(k.splat(columns));
    if (e.kind !== "scalar") return undefined;
    const scalar = scalars[e.index]!;
    return isInteger ? asNumbers(k.splat(scalar as Int)) : k.splat(scalar as Float);
  });
  const inputs = operands.slice(0, program.inputs.length);
  const outputs = operands.slice(program.inputs.length);
  // Values that passes over a row keep for each other are in order, and so are column indices.
  const isPaired = operands.every(({ allowsPairs }) => allowsPairs) && !form.keepsValues &&
    inOrder(program.outputs).every(({ kind }) => kind !== "columnIndex");
  return { k, program, form, arithmetic, inputs, outputs, columns, numberOf, uniform, isPaired };
}

/** Writes the items of a run, and moves past them; or one item, if no length is given. */
function writeRun(all: Lowering, length: Int | null): void {
  const { k, program, arithmetic, inputs, outputs, uniform, form: { vectors } } = all;
  const advance = (elements: number) => {
    for (const operand of [...inputs, ...outputs]) operand.advance(elements);
  };
  if (vectors === "row") {
    const writeRow = () => new ItemWriter(all, [uniform], false).write();
    if (length === null) return writeRow();
    k.loop(0, length, () => {
      writeRow();
      advance(1);
    });
    return;
  }
  const known = hoist(arithmetic, program.outputs, uniform, (e) => {
    if (e.kind !== "input" || (program.isRow && e.varies)) return undefined;
    const input = inputs[e.index]!;
    const where = { part: 0, isSingle: false, isPaired: false };
    return input.isRepeated ? input.load(input.buffer, where) : undefined;
  });
  const writeItems = (vectors: number, isSingle: boolean) =>
    new ItemWriter(all, Array.from({ length: vectors }, () => known), isSingle).write();
  if (length === null) return writeItems(1, false);
  k.vectors(k.int(0), length, vectorsInTurn(all, program.outputs), (_, vectors, isSingle) => {
    writeItems(vectors, isSingle);
    advance(isSingle ? 1 : 4 * vectors);
  });
}

/** Where a vector is. */
interface Position extends Where {
  /** The index along the row. */
  readonly at: Int;
  /** Which of the vectors of adjacent rows; 0 for vectors along a row. */
  readonly row: number;
  readonly bufferOf: (operand: OperandCursor) => Buffer<Elements>;
}

/** Writes a program for a row, or for vectors of adjacent rows. */
class ItemWriter {
  readonly #all: Lowering;
  readonly #isAlongRow: boolean;
  readonly #isSingle: boolean;
  /** Values computed outside of the loops along the row, for each of the adjacent rows. */
  readonly #known: ReadonlyMap<Expression, Vector>[];
  /** Where expensive values are kept, an element for each column. */
  readonly #slots: ReadonlyMap<Expression, Buffer<"f32">>;
  /** Those that an earlier loop kept, and those that the current one keeps. */
  readonly #kept = new Set<Expression>();
  readonly #computed = new Set<Expression>();

  /** @param isSingle Whether vectors across rows have a single number. */
  constructor(
    all: Lowering,
    known: readonly ReadonlyMap<Expression, Vector>[],
    isSingle: boolean,
  ) {
    const { k, program, columns, form: { vectors, keepsValues } } = all;
    this.#all = all;
    this.#isAlongRow = vectors === "row";
    this.#isSingle = isSingle;
    this.#known = [...known];
    const wanted = keepsValues ? valuesToKeep(program) : [];
    this.#slots = new Map(wanted.map((e, slot) => [e, k.scratch!.from(columns.multiply(slot))]));
  }

  write(): void {
    const { program, arithmetic, outputs: operands } = this.#all;
    for (const pass of reductionPasses(program)) {
      this.#hoist(pass.map((reduction) => reduction.a));
      this.#reduce(pass).forEach((results, row) => {
        const named = pass.map((e, i) => [e, this.#all.k.let(results[i]!)] as const);
        this.#known[row] = new Map([...this.#known[row]!, ...named]);
      });
    }
    const { outputs, outputVaries } = program;
    this.#hoist(outputs);
    const those = (varies: boolean) =>
      [...outputs.keys()].filter((o) => outputVaries[o] === varies);
    const [perElement, perRow] = [those(true), those(false)];
    const rootsOf = (some: readonly number[]) => some.map((o) => outputs[o]!);
    if (perElement.length > 0) {
      this.#forEach(
        rootsOf(perElement),
        (values, position) =>
          perElement.forEach((o, i) => {
            const operand = operands[o]!;
            operand.store(position.bufferOf(operand), values[i]!, position);
          }),
      );
    }
    if (perRow.length === 0) return;
    this.#all.k.once(() =>
      this.#known.forEach((known, row) => {
        const values = writeFormulas(arithmetic, rootsOf(perRow), (e) => known.get(e));
        perRow.forEach((o, i) => {
          const operand = operands[o]!;
          operand.store(operand.buffer, values[i]!, this.#whereOf(row));
        });
      })
    );
  }

  /** Where the vector of a row is among those of adjacent rows. */
  #whereOf(row: number): Where {
    const isPaired = this.#all.isPaired && this.#known.length > 1;
    return { part: row, isSingle: this.#isSingle, isPaired };
  }

  /** Computes what the roots need and what does not vary in the row. */
  #hoist(roots: readonly Expression[]): void {
    const { arithmetic, inputs } = this.#all;
    this.#known.forEach((known, row) => {
      this.#known[row] = hoist(arithmetic, roots, known, (e) => {
        if (e.kind !== "input") return undefined;
        const input = inputs[e.index]!;
        const isRepeated = this.#isAlongRow && input.isRepeated;
        if (e.varies && !isRepeated) return undefined;
        return input.load(input.buffer, this.#whereOf(row));
      });
    });
  }

  #vectorsInTurn(roots: readonly Expression[]): number {
    const isKnown = (e: Expression) => this.#known[0]!.has(e) || this.#kept.has(e);
    return this.#isAlongRow ? vectorsInTurn(this.#all, roots, isKnown) : this.#known.length;
  }

  /** Computes formulas at each position of a row, or of a part of it. */
  #forEach(
    roots: readonly Expression[],
    use: (values: readonly Vector[], position: Position) => void,
    range: readonly [from: Int, to: Int] = [this.#all.k.int(0), this.#all.columns],
  ): void {
    this.#forEachPosition(range, this.#vectorsInTurn(roots), (position) => {
      const known = this.#known[position.row]!;
      const values = writeFormulas(
        this.#all.arithmetic,
        roots,
        (e) => known.get(e) ?? this.#leaf(e, position),
        (e) => this.#keep(e, position),
      );
      // All are computed before the first store.
      use(values.length === 1 ? values : values.map((value) => this.#all.k.let(value)), position);
    });
  }

  #forEachPosition(
    [from, to]: readonly [from: Int, to: Int],
    inTurn: number,
    visit: (position: Position) => void,
  ): void {
    const { isRow } = this.#all.program;
    const visitAll = (at: Int, vectors: number, isSingle: boolean) => {
      const buffers = new Map<OperandCursor, Buffer<Elements>>();
      const bufferOf = (operand: OperandCursor) => {
        const buffer = buffers.get(operand) ?? (isRow ? operand.from(at) : operand.buffer);
        buffers.set(operand, buffer);
        return buffer;
      };
      const isPaired = this.#all.isPaired && vectors > 1;
      for (let part = 0; part < vectors; part++) {
        visit({ at, row: this.#isAlongRow ? 0 : part, part, isSingle, isPaired, bufferOf });
      }
    };
    if (this.#isAlongRow) this.#all.k.vectors(from, to, inTurn, visitAll);
    else if (!isRow) visitAll(from, inTurn, this.#isSingle);
    else this.#all.k.loop(from, to, (column) => visitAll(column, inTurn, this.#isSingle));
    for (const e of this.#computed) this.#kept.add(e);
  }

  /** The value of a leaf at a position. */
  #leaf(e: Expression, position: Position): Vector | undefined {
    const { inputs } = this.#all;
    const { at, part, isSingle, bufferOf } = position;
    if (this.#kept.has(e)) return this.#slots.get(e)!.loadVector(at.add(4 * part), { isSingle });
    if (e.kind === "input") {
      const input = inputs[e.index]!;
      return input.load(bufferOf(input), position);
    }
    if (e.kind !== "columnIndex") return undefined;
    const index = this.#isAlongRow ? this.#all.k.indices(at.add(4 * part)) : this.#all.k.splat(at);
    return this.#all.numberOf(index);
  }

  /** Keeps the value of a computed node, if later passes need it. */
  #keep(e: Expression, { at, part, isSingle }: Position) {
    const slot = this.#slots.get(e);
    if (slot === undefined) return undefined;
    this.#computed.add(e);
    return (value: Vector) => slot.storeVector(at.add(4 * part), value, { isSingle });
  }

  /** The results of independent reductions, for each of the adjacent rows. */
  #reduce(pass: readonly Reduction[]): readonly (readonly Vector[])[] {
    const { arithmetic, columns, k } = this.#all;
    const roots = pass.map((reduction) => reduction.a);
    const vectors = this.#vectorsInTurn(roots);
    const accumulators = pass.map(({ operation }) =>
      new Accumulators(k, arithmetic, operation, vectors, !this.#isAlongRow)
    );
    const addUp = (range?: readonly [from: Int, to: Int]) =>
      this.#forEach(
        roots,
        (values, { part, isSingle }) =>
          pass.forEach(({ operation }, i) => {
            const identity = arithmetic.identityOf(operation);
            const isPartial = isSingle && this.#isAlongRow;
            const value = isPartial ? k.first.select(values[i]!, identity) : values[i]!;
            accumulators[i]!.add(part, value);
          }),
        range,
      );
    if (pass.some(({ operation }) => operation === "sum")) {
      const step = this.#isAlongRow ? k.sumBlock(vectors) : COLUMNS_AT_ONCE;
      k.loop(0, columns, (from) => {
        const end = k.let(from.add(step));
        addUp([from, k.let(end.min(columns))]);
        for (const accumulator of accumulators) accumulator.endBlock();
      }, { step });
    } else addUp();
    const results = this.#known.map((_, row) => accumulators.map((each) => each.result(row)));
    if (!this.#isAlongRow) return results;
    return [
      k.acrossRow(
        results[0]!,
        (i, a, b) => arithmetic.combine(pass[i]!.operation, a, b),
      ),
    ];
  }
}

/** Expensive values that a later loop over the row needs again. */
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

/** Vectors to visit in turn: many for short formulas, few enough to stay in registers; or a pair. */
function vectorsInTurn(
  { k, isPaired }: Lowering,
  roots: readonly Expression[],
  isKnown: (e: Expression) => boolean = () => false,
): number {
  const nodes = inOrder(roots, isKnown).filter((e) => !isKnown(e));
  const isLong = nodes.some(isExpensive) || nodes.length > 24;
  const wanted = nodes.length <= 12 && !isLong ? 4 : isLong && !isPaired ? 1 : 2;
  return Math.min(wanted, k.maxInTurn);
}

/** The index of the run among the axes, and of the first one around it. */
const [RUN, OUTER] = [0, 1];

/**
 * Visits the items from the first to `k.end`, run by run: each visit has the length of a run, or of
 * what is wanted of it, and moves the operands past it. On a GPU, whose threads have an item each, the
 * only visit has no length, and need not move anything.
 *
 * @param lengths Those of the run, and of the axes around it.
 */
function forEachRun(
  k: KernelBuilder,
  first: Int,
  lengths: readonly Int[],
  operands: readonly OperandCursor[],
  visit: (length: Int | null) => void,
): void {
  if (k.summarize?.("the operands begin at the item")) return visit(null);
  const move = (distance: (operand: OperandCursor) => Int) => {
    for (const operand of operands) operand.buffer.move(distance(operand));
  };
  const run = lengths[RUN]!;
  const isOneRun = lengths.length === OUTER;
  const from = isOneRun ? first : k.variable(first.remainder(run));
  const counters: Int[] = [];
  if (!isOneRun) {
    let rest = first.divide(run);
    for (let axis = OUTER; axis < lengths.length; axis++) {
      const counter = k.variable(rest);
      if (axis < lengths.length - 1) {
        rest = k.let(counter.divide(lengths[axis]!));
        k.set(counter, counter.remainder(lengths[axis]!));
      }
      counters[axis] = counter;
      move(({ strides }) => counter.multiply(strides[axis]!));
    }
  }
  move(({ strides }) => from.multiply(strides[RUN]!));
  if (!k.inTurn) return visit(null);
  if (isOneRun) return visit(k.let(k.end.subtract(first)));

  // From the end of a run to the start of the next one.
  const gaps = new Map(operands.map((operand) => {
    const { strides } = operand;
    return [operand, k.let(strides[OUTER]!.subtract(run.multiply(strides[RUN]!)))];
  }));
  const advance = (axis: number): void => {
    const counter = counters[axis]!;
    k.set(counter, counter.add(1));
    move((operand) => axis === OUTER ? gaps.get(operand)! : operand.strides[axis]!);
    if (axis === lengths.length - 1) return;
    k.if(counter.equal(lengths[axis]!), () => {
      move(({ strides }) => k.int(0).subtract(counter.multiply(strides[axis]!)));
      k.set(counter, k.int(0));
      advance(axis + 1);
    });
  };
  const item = k.variable(first);
  k.while(item.less(k.end), () => {
    const wanted = k.let(from.add(k.end.subtract(item)));
    const length = k.let(wanted.min(run).subtract(from));
    visit(length);
    k.set(item, item.add(length));
    k.set(from, k.int(0));
    advance(OUTER);
  });
}
