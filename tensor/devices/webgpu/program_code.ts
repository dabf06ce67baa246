/** The kernels of programs in WGSL. @module */

import type { WgslBuffer } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Expression, ReduceOperation } from "../../formula/expression.ts";
import { type Program, reductionPasses } from "../../formula/program.ts";
import type { Arithmetic } from "../../kernel/arithmetic.ts";
import type { Vector } from "../../kernel/language.ts";
import { type Position as AnyPosition, ProgramWriter } from "../../kernel/program_writer.ts";
import { wgslArithmetic, WgslBuilder } from "../../kernel/wgsl.ts";
import { printed, type ScalarType, wgslTypeOf, WgslValue } from "../../kernel/wgsl_value.ts";
import type { KernelForm } from "./kernel_cache.ts";
import type { OperandsPattern } from "./program_layout.ts";
import { beginMain } from "../../kernel/workgroup_grid.ts";

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

interface Position extends AnyPosition {
  /** The position along the innermost axis, in vectors. */
  readonly at: WgslValue;
}

class ProgramCode extends ProgramWriter<Position> {
  protected readonly range = [index("lane"), index("end")] as const;
  protected readonly isAlongRow = true;
  /** Compilers may undo the compensation of rounding errors, and then only short sums are accurate. */
  protected readonly blockSteps = 32;
  readonly #k: WgslBuilder;
  readonly #pattern: OperandsPattern;
  readonly #team: Team;
  readonly #combine: Arithmetic["combine"];

  constructor(program: Program, pattern: OperandsPattern, team: Team) {
    const k = new WgslBuilder(pattern.width);
    const arithmetic = wgslArithmetic(k, pattern.number);
    super(k, program, arithmetic, [new Map()]);
    this.#k = k;
    this.#pattern = pattern;
    this.#team = team;
    this.#combine = arithmetic.combine;
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
    const [lane, position] = rowsFirst
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
  let wanted = i32(group) * ${rows} + ${position};
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

  /** A number as a vector of equal ones. */
  #splat(code: string): WgslValue {
    return new WgslValue(code, this.#pattern.number).splat(this.#pattern.width);
  }

  #load(operand: number, position?: Position): WgslValue {
    const { buffer, index, width, type, bound } = this.#at(operand, position);
    const isSingle = width === 1 && isWide(this.#pattern, buffer);
    const element = isSingle
      ? `b${buffer}[(${index}) >> 2u][(${index}) & 3]`
      : `b${buffer}[${index}]`;
    const stored = type === bound ? element : `bitcast<${wgslTypeOf(type, width)}>(${element})`;
    const { number } = this.#pattern;
    const valueType = wgslTypeOf(number, width);
    const code = type === number ? stored : `${valueType}(${stored})`;
    return new WgslValue(code, valueType).splat(this.#pattern.width);
  }

  protected storeElement(output: number, position: Position | undefined, value: WgslValue): void {
    const operand = this.#pattern.firstOutput + output;
    const { buffer, index, width, type, bound } = this.#at(operand, position);
    const { code } = width === value.width ? value : value.lane(0);
    const conversion = type === "i32" ? `truncated${width}` : wgslTypeOf(type, width);
    let stored = type === this.#pattern.number ? code : `${conversion}(${code})`;
    if (type !== bound) stored = `bitcast<${wgslTypeOf(bound, width)}>(${stored})`;
    this.#k.write(`b${buffer}[${index}] = ${stored};`);
  }

  protected storeResult(output: number, value: WgslValue): void {
    // In place, a lane must not store what others have yet to load.
    if (this.#team.lanes > 1) this.#k.write("storageBarrier();");
    this.#k.block("if (isWanted && lane == 0)", () => this.storeElement(output, undefined, value));
  }

  /** Where an operand is, and its type and that of its buffer. */
  #at(operand: number, position?: Position) {
    const { buffer, dtype, stride } = this.#pattern.operands[operand]!;
    const step = stride === "n" ? ` * arguments.step${operand}` : "";
    return {
      buffer,
      index: stride === "0" ? `base${operand}` : `base${operand} + ${position!.at.code}${step}`,
      width: stride === "1" ? this.#pattern.width : 1,
      type: elementTypes[dtype],
      bound: typeOfBuffer(this.#pattern, buffer),
    } as const;
  }

  protected fixed(e: Expression): WgslValue | undefined {
    if (e.kind === "scalar") return this.#splat(`arguments.f${e.index}`);
    if (e.kind === "rowLength") return this.#splat(`${this.#pattern.number}(arguments.columns)`);
    const isFixed = e.kind === "input" && this.#pattern.operands[e.index]!.stride === "0";
    return isFixed ? this.#load(e.index) : undefined;
  }

  protected leaf(e: Expression, position: Position): WgslValue | undefined {
    if (e.kind === "input") return this.#load(e.index, position);
    if (e.kind !== "columnIndex") return undefined;
    const { number, width } = this.#pattern;
    const { code } = position.at;
    const type = wgslTypeOf(number, width);
    const lanes = `4 * vec4<i32>(${code}) + vec4<i32>(0, 1, 2, 3)`;
    return new WgslValue(`${type}(${width === 1 ? code : lanes})`, type);
  }

  protected vectorsAtOnce(): number {
    return 1;
  }

  protected stepOf(): number {
    return this.#team.lanes;
  }

  protected forEachPosition(
    [begin, end]: readonly [begin: WgslValue, end: WgslValue],
    _vectors: number,
    visit: (position: Position) => void,
  ): void {
    const visitAt = (at: WgslValue) => visit({ at, row: 0, part: 0 });
    if (!this.program.isRow) return visitAt(index("column"));
    this.#k.loop(begin, end, (at) => visitAt(printed(at)), { step: this.#team.lanes });
  }

  protected acrossRow(
    operations: readonly ReduceOperation[],
    values: readonly Vector[],
  ): readonly Vector[] {
    const combine = (i: number, a: WgslValue, b: WgslValue) =>
      printed(this.#combine(operations[i]!, a, b));
    const own = values.map((value, i) => {
      const vector = printed(this.k.let(value));
      if (vector.width === 1) return vector;
      const pair = (first: number) => combine(i, vector.lane(first), vector.lane(first + 1));
      return combine(i, pair(0), pair(2));
    });
    const totals = this.#team.lanes === 1 ? own : this.#acrossLanes(own, combine);
    return totals.map(({ code }) => this.#splat(code));
  }

  /** Combines the lanes' partial results; returns the totals, which all lanes get. */
  #acrossLanes(
    own: readonly WgslValue[],
    combine: (i: number, a: WgslValue, b: WgslValue) => WgslValue,
  ): readonly WgslValue[] {
    const k = this.#k;
    const { rows, lanes, rowsFirst } = this.#team;
    const partial = (i: number, index: string) =>
      new WgslValue(`partial${i}[${index}]`, own[i]!.type);
    own.forEach((value, i) => k.set(partial(i, "thread"), value));
    k.write("workgroupBarrier();");
    k.block(`for (var half = ${lanes / 2}; half > 0; half /= 2)`, () => {
      k.block("if (lane < half)", () =>
        own.forEach((_, i) => {
          const other = partial(i, `thread + half * ${rowsFirst ? rows : 1}`);
          k.set(partial(i, "thread"), combine(i, partial(i, "thread"), other));
        }));
      k.write("workgroupBarrier();");
    });
    const first = rowsFirst ? `thread % ${rows}` : "thread - lane";
    const totals = own.map((_, i) => k.let(partial(i, first)));
    // The next pass must not write before every lane has read.
    k.write("workgroupBarrier();");
    return totals;
  }
}

function index(code: string): WgslValue {
  return new WgslValue(code, "i32");
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
