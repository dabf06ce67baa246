/** The kernels of programs in WGSL. @module */

import type { WgslBuffer } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Expression, ReduceOperation } from "../../expression/expression.ts";
import {
  identities,
  type Program,
  type Reduction,
  reductionPasses,
} from "../../expression/program.ts";
import { type Arithmetic, writeFormulas } from "../../kernel/formulas.ts";
import { ProgramWriter } from "../../kernel/program_writer.ts";
import { wgslArithmetic, WgslBuilder } from "../../kernel/wgsl.ts";
import {
  operandCode,
  type ScalarType,
  type WgslType,
  wgslTypeOf,
  WgslValue,
} from "../../kernel/wgsl_value.ts";
import type { KernelForm } from "./kernel_cache.ts";
import type { OperandsPattern } from "./program_layout.ts";
import { beginMain } from "./workgroup_grid.ts";

const elementTypes: Readonly<Record<DType, ScalarType>> = {
  float32: "f32",
  float16: "f16",
  int32: "i32",
};

export function patternKey({ operands, rank, width }: OperandsPattern): string {
  const list = operands.map(({ buffer, dtype, stride }) =>
    `${buffer} ${elementTypes[dtype]} ${stride}`
  );
  return `${rank}x${width} ${list.join(", ")}`;
}

/** Whether a buffer is bound as vectors of four. */
function isWide({ operands, width }: OperandsPattern, buffer: number): boolean {
  return width === 4 && operands.some((o) => o.buffer === buffer && o.stride === "1");
}

/** The type of a buffer's first operand; other four-byte operands in it are bit-cast. */
function typeOfBuffer({ operands }: OperandsPattern, buffer: number): ScalarType {
  return elementTypes[operands.find((o) => o.buffer === buffer)!.dtype];
}

function buffersOf(pattern: OperandsPattern): readonly WgslBuffer[] {
  const { operands, firstOutput } = pattern;
  const count = Math.max(...operands.map(({ buffer }) => buffer)) + 1;
  return Array.from({ length: count }, (_, buffer) => ({
    name: `b${buffer}`,
    type: wgslTypeOf(typeOfBuffer(pattern, buffer), isWide(pattern, buffer) ? 4 : 1),
    writes: operands.some((o, i) => o.buffer === buffer && i >= firstOutput),
  }));
}

/**
 * Names of the integer arguments: the number of work items, the length of the innermost axis and the
 * others, and for each operand its offset, strides, and innermost stride.
 */
function argumentNames({ operands, rank }: OperandsPattern): readonly string[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const ofOperands = operands.flatMap(({ stride }, i) => [
    `o${i}`,
    ...axes.map((axis) => `s${i}_${axis}`),
    ...(stride === "n" ? [`step${i}`] : []),
  ]);
  return ["items", "columns", ...axes.map((axis) => `n${axis}`), ...ofOperands];
}

/** The threads of a workgroup, in a row program. */
export interface Team {
  /** Rows per workgroup and lanes per row: powers of two. */
  readonly rows: number;
  readonly lanes: number;
  /** Whether adjacent threads work on adjacent rows, instead of one row. */
  readonly rowsFirst: boolean;
}

/**
 * Length of a block in three-level (blocked) summation. A plain sum of n numbers accumulates up to
 * n roundings; this one 2·BLOCK + n/BLOCK².
 */
const BLOCK = 32;

/** Writes `column` for the position along the innermost axis, in vectors. */
class ProgramCode extends ProgramWriter<WgslValue, null, string> {
  readonly #k: WgslBuilder;
  readonly #pattern: OperandsPattern;
  readonly #team: Team;
  readonly #vectors: Arithmetic<WgslValue>;

  constructor(program: Program, pattern: OperandsPattern, team: Team) {
    const k = new WgslBuilder(pattern.width);
    // What is known outside of loops are scalars.
    super(program, wgslArithmetic(k.single, pattern.number), [new Map()]);
    this.#k = k;
    this.#pattern = pattern;
    this.#team = team;
    this.#vectors = wgslArithmetic(k, pattern.number);
  }

  print(): string {
    const begin = this.program.isRow ? this.#beginRows() : this.#beginElements();
    this.#locateRow();
    this.write();
    return this.#k.finish(begin);
  }

  /** A thread per element, or per four. */
  #beginElements(): string {
    const { rows: threads } = this.#team;
    const { rank, width } = this.#pattern;
    const steps = `(arguments.columns / ${width})`;
    return `${beginMain(threads, "group", "thread")}
  let item = i32(group * ${threads}u + thread);
  if (item >= arguments.items) { return; }
  ${rank === 0 ? "let column = item;" : `let column = item % ${steps};`}
  ${rank === 0 ? "" : `let row = item / ${steps};`}`;
  }

  #beginRows(): string {
    const { rows, lanes, rowsFirst } = this.#team;
    const { number, width } = this.#pattern;
    const threads = rows * lanes;
    const [lane, place] = rowsFirst
      ? [`thread / ${rows}`, `thread % ${rows}`]
      : [`thread % ${lanes}`, `thread / ${lanes}`];
    const partials = Math.max(0, ...reductionPasses(this.program).map((pass) => pass.length));
    const shared = lanes === 1 ? "" : Array.from(
      { length: partials },
      (_, i) => `var<workgroup> partial${i}: array<${number}, ${threads}>;\n`,
    ).join("");
    // Threads beyond the last row repeat it without storing, because barriers need all threads.
    return `${shared}
${beginMain(threads, "group", "local")}
  let thread = i32(local);
  let lane = ${lane};
  let wanted = i32(group) * ${rows} + ${place};
  let isWanted = wanted < arguments.items;
  let row = min(wanted, arguments.items - 1);
  let end = select(0, arguments.columns / ${width}, isWanted);`;
  }

  /**
   * Splits `row` into the outer indices `i0`, `i1`, …, innermost first, and declares `base0`,
   * `base1`, …: each operand's position there.
   */
  #locateRow(): void {
    const { operands, rank } = this.#pattern;
    let rest = "row";
    for (let axis = 0; axis < rank - 1; axis++) {
      this.#k.write(`let i${axis} = ${rest} % arguments.n${axis};`);
      this.#k.write(`let rest${axis} = ${rest} / arguments.n${axis};`);
      rest = `rest${axis}`;
    }
    if (rank > 0) this.#k.write(`let i${rank - 1} = ${rest};`);
    operands.forEach((_, i) => {
      let sum = `arguments.o${i}`;
      for (let axis = 0; axis < rank; axis++) sum += ` + i${axis} * arguments.s${i}_${axis}`;
      this.#k.write(`let base${i} = ${sum};`);
    });
  }

  #load(operand: number): WgslValue {
    const { buffer, index, width, type, bound } = this.#at(operand);
    const isSingle = width === 1 && isWide(this.#pattern, buffer);
    const element = isSingle
      ? `b${buffer}[(${index}) >> 2u][(${index}) & 3]`
      : `b${buffer}[${index}]`;
    const stored = type === bound ? element : `bitcast<${wgslTypeOf(type, width)}>(${element})`;
    const { number } = this.#pattern;
    const valueType = wgslTypeOf(number, width);
    return new WgslValue(type === number ? stored : `${valueType}(${stored})`, valueType);
  }

  protected storeElement(output: number, _place: null, value: WgslValue): void {
    const operand = this.#pattern.firstOutput + output;
    const { buffer, index, width, type, bound } = this.#at(operand);
    const conversion = type === "i32" ? `truncated${width}` : wgslTypeOf(type, width);
    let stored = type === this.#pattern.number ? value.code : `${conversion}(${value.code})`;
    if (type !== bound) stored = `bitcast<${wgslTypeOf(bound, width)}>(${stored})`;
    this.#k.write(`b${buffer}[${index}] = ${stored};`);
  }

  /** Where an operand is, and its type and that of its buffer. */
  #at(operand: number) {
    const { buffer, dtype, stride } = this.#pattern.operands[operand]!;
    const step = stride === "n" ? ` * arguments.step${operand}` : "";
    return {
      buffer,
      index: stride === "0" ? `base${operand}` : `base${operand} + column${step}`,
      width: stride === "1" ? this.#pattern.width : 1,
      type: elementTypes[dtype],
      bound: typeOfBuffer(this.#pattern, buffer),
    } as const;
  }

  protected fixed(e: Expression): WgslValue | undefined {
    const { number, operands } = this.#pattern;
    if (e.kind === "scalar") return new WgslValue(`arguments.f${e.index}`, number);
    if (e.kind === "rowLength") return new WgslValue(`${number}(arguments.columns)`, number);
    if (e.kind !== "input") return undefined;
    const { stride } = operands[e.index]!;
    return stride === "0" ? this.#load(e.index) : undefined;
  }

  /** The values of formulas in the current column, all computed here. */
  #values(roots: readonly Expression[]): readonly WgslValue[] {
    const { number, width } = this.#pattern;
    const known = this.known[0]!;
    const values = writeFormulas(this.#vectors, roots, (e) => {
      if (known.has(e)) return known.get(e)!.splat(width);
      if (e.kind === "input") return this.#load(e.index);
      if (e.kind !== "columnIndex") return undefined;
      const type = wgslTypeOf(number, width);
      const lanes = `4 * vec4<i32>(column) + vec4<i32>(0, 1, 2, 3)`;
      return new WgslValue(`${type}(${width === 1 ? "column" : lanes})`, type);
    });
    return values.map((value) => this.#k.let(value));
  }
  protected forEach(
    roots: readonly Expression[],
    use: (values: readonly WgslValue[], place: null) => void,
    begin = "lane",
    end = "end",
  ): void {
    const visit = () => use(this.#values(roots), null);
    if (!this.program.isRow) return visit();
    const step = this.#team.lanes;
    this.#k.block(`for (var column = ${begin}; column < ${end}; column += ${step})`, visit);
  }

  protected reduce(reductions: readonly Reduction[]): readonly (readonly WgslValue[])[] {
    const k = this.#k;
    const { lanes } = this.#team;
    const type = wgslTypeOf(this.#pattern.number, this.#pattern.width);
    const starts = reductions.map(({ operation }) => identityOf(operation, type));
    const fresh = () => starts.map((value) => k.variable(value));
    const add = (into: readonly WgslValue[], values: readonly WgslValue[]) =>
      reductions.forEach(({ operation }, i) =>
        k.set(into[i]!, combine(operation, into[i]!, values[i]!))
      );
    const [totals, middles] = [fresh(), fresh()];
    const step = BLOCK * lanes;
    k.block(`for (var start = lane; start < end; start += ${step})`, () => {
      const lows = fresh();
      k.write(`let stop = min(end, start + ${step});`);
      this.forEach(reductions.map((e) => e.a), (values) => add(lows, values), "start", "stop");
      add(middles, lows);
      k.block(`if ((start / ${step}) % ${BLOCK} == ${BLOCK - 1})`, () => {
        add(totals, middles);
        middles.forEach((middle, i) => k.set(middle, starts[i]!));
      });
    });
    add(totals, middles);
    const own = reductions.map(({ operation }, i) => acrossVector(operation, totals[i]!));
    return [lanes === 1 ? own : this.#combineLanes(reductions, own)];
  }

  /** Combines the lanes' partial results; returns the totals, which all lanes get. */
  #combineLanes(
    reductions: readonly Reduction[],
    own: readonly WgslValue[],
  ): readonly WgslValue[] {
    const k = this.#k;
    const { rows, lanes, rowsFirst } = this.#team;
    const partial = (i: number, index: string) =>
      new WgslValue(`partial${i}[${index}]`, own[i]!.type);
    own.forEach((value, i) => k.set(partial(i, "thread"), value));
    k.write("workgroupBarrier();");
    k.block(`for (var half = ${lanes / 2}; half > 0; half /= 2)`, () => {
      k.block("if (lane < half)", () =>
        reductions.forEach(({ operation }, i) => {
          const other = partial(i, `thread + half * ${rowsFirst ? rows : 1}`);
          k.set(partial(i, "thread"), combine(operation, partial(i, "thread"), other));
        }));
      k.write("workgroupBarrier();");
    });
    const first = rowsFirst ? `thread % ${rows}` : "thread - lane";
    const totals = own.map((_, i) => k.let(partial(i, first)));
    // The next pass must not write before every lane has read.
    k.write("workgroupBarrier();");
    return totals;
  }

  protected storeResult(output: number, value: WgslValue): void {
    // In place, a lane must not store what others have yet to load.
    if (this.#team.lanes > 1) this.#k.write("storageBarrier();");
    this.#k.block("if (isWanted && lane == 0)", () => this.storeElement(output, null, value));
  }
}

function identityOf(operation: ReduceOperation, type: WgslType): WgslValue {
  const values = type.includes("i32") ? identities.integers : identities.floats;
  return new WgslValue(operandCode(values[operation], type), type);
}

function combine(operation: ReduceOperation, a: WgslValue, b: WgslValue): WgslValue {
  return operation === "sum" ? a.add(b) : operation === "max" ? a.max(b) : a.min(b);
}

/** The reduction of the numbers of a vector, which is a variable. */
function acrossVector(operation: ReduceOperation, value: WgslValue): WgslValue {
  if (value.width === 1) return value;
  const pair = (i: number) => combine(operation, value.lane(i), value.lane(i + 1));
  return combine(operation, pair(0), pair(2));
}

/** The kernel of a program, whose scalars are numbers of the type of formulas. */
export function programKernel(
  program: Program,
  pattern: OperandsPattern,
  team: Team,
): KernelForm {
  const integers = argumentNames(pattern);
  const scalars = program.scalars.map((_, i) => `f${i}`);
  return {
    code: new ProgramCode(program, pattern, team).print(),
    ...(pattern.number === "i32"
      ? { integers: [...integers, ...scalars] }
      : { integers, floats: scalars }),
    buffers: buffersOf(pattern),
  };
}
