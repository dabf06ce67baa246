/** Shared by elementwise and row kernels: operands and formulas in WGSL. @module */

import type { WgslBuffer, WgslKernel } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Expression } from "../../expression/expression.ts";
import type { Program } from "../../expression/program.ts";
import { type Arithmetic, writeFormulas } from "../../kernel/formulas.ts";
import { ProgramWriter } from "../../kernel/program_writer.ts";
import { wgslArithmetic, WgslBuilder } from "../../kernel/wgsl.ts";
import { wgslTypeOf, WgslValue, type Width } from "../../kernel/wgsl_value.ts";
import type { OperandsPattern } from "./program_layout.ts";

const typeOfWidth = (type: string, width: Width): string => width === 1 ? type : `vec4<${type}>`;

const elementTypes: Readonly<Record<DType, string>> = {
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
function typeOfBuffer({ operands }: OperandsPattern, buffer: number): string {
  return elementTypes[operands.find((o) => o.buffer === buffer)!.dtype];
}

function buffersOf(pattern: OperandsPattern): readonly WgslBuffer[] {
  const { operands, firstOutput } = pattern;
  const count = Math.max(...operands.map(({ buffer }) => buffer)) + 1;
  return Array.from({ length: count }, (_, buffer) => ({
    name: `b${buffer}`,
    type: typeOfWidth(typeOfBuffer(pattern, buffer), isWide(pattern, buffer) ? 4 : 1),
    writes: operands.some((o, i) => o.buffer === buffer && i >= firstOutput),
  }));
}

/**
 * Names of the integer arguments: the length of the innermost axis and the others, and for each
 * operand its offset, strides, and innermost stride.
 */
function argumentNames({ operands, rank }: OperandsPattern): readonly string[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  const ofOperands = operands.flatMap(({ stride }, i) => [
    `o${i}`,
    ...axes.map((axis) => `s${i}_${axis}`),
    ...(stride === "n" ? [`step${i}`] : []),
  ]);
  return ["columns", ...axes.map((axis) => `n${axis}`), ...ofOperands];
}

/** The operands and formulas of a kernel, in which a place is a position along the innermost axis. */
export abstract class WgslProgramWriter extends ProgramWriter<WgslValue, string> {
  readonly k: WgslBuilder;
  protected readonly pattern: OperandsPattern;
  readonly #vectors: Arithmetic<WgslValue>;

  constructor(program: Program, pattern: OperandsPattern) {
    const k = new WgslBuilder(pattern.width);
    // What is known outside of loops are scalars.
    super(program, wgslArithmetic(k.single, pattern.number), [new Map()]);
    this.k = k;
    this.pattern = pattern;
    this.#vectors = wgslArithmetic(k, pattern.number);
  }

  /**
   * Splits `row` into the outer indices `i0`, `i1`, …, innermost first, and declares `base0`,
   * `base1`, …: each operand's position there.
   */
  locateRow(): void {
    const { operands, rank } = this.pattern;
    let rest = "row";
    for (let axis = 0; axis < rank - 1; axis++) {
      this.k.write(`let i${axis} = ${rest} % arguments.n${axis};`);
      this.k.write(`let rest${axis} = ${rest} / arguments.n${axis};`);
      rest = `rest${axis}`;
    }
    if (rank > 0) this.k.write(`let i${rank - 1} = ${rest};`);
    operands.forEach((_, i) => {
      let sum = `arguments.o${i}`;
      for (let axis = 0; axis < rank; axis++) sum += ` + i${axis} * arguments.s${i}_${axis}`;
      this.k.write(`let base${i} = ${sum};`);
    });
  }

  /** The value of an operand at `position` along the innermost axis. */
  #load(operand: number, position: string): WgslValue {
    const { buffer, index, width, type, bound } = this.#at(operand, position);
    const isSingle = width === 1 && isWide(this.pattern, buffer);
    const element = isSingle
      ? `b${buffer}[(${index}) >> 2u][(${index}) & 3]`
      : `b${buffer}[${index}]`;
    const stored = type === bound ? element : `bitcast<${typeOfWidth(type, width)}>(${element})`;
    const { number } = this.pattern;
    const valueType = wgslTypeOf(number, width);
    return new WgslValue(type === number ? stored : `${valueType}(${stored})`, valueType);
  }

  protected storeElement(output: number, position: string, value: WgslValue): void {
    const operand = this.pattern.firstOutput + output;
    const { buffer, index, width, type, bound } = this.#at(operand, position);
    const conversion = type === "i32" ? `truncated${width}` : typeOfWidth(type, width);
    let stored = type === this.pattern.number ? value.code : `${conversion}(${value.code})`;
    if (type !== bound) stored = `bitcast<${typeOfWidth(bound, width)}>(${stored})`;
    this.k.write(`b${buffer}[${index}] = ${stored};`);
  }

  /** Where an operand is, and its type and that of its buffer. */
  #at(operand: number, position: string) {
    const { buffer, dtype, stride } = this.pattern.operands[operand]!;
    const step = stride === "n" ? ` * arguments.step${operand}` : "";
    return {
      buffer,
      index: stride === "0" ? `base${operand}` : `base${operand} + ${position}${step}`,
      width: stride === "1" ? this.pattern.width : 1,
      type: elementTypes[dtype],
      bound: typeOfBuffer(this.pattern, buffer),
    } as const;
  }

  protected fixed(e: Expression): WgslValue | undefined {
    const { number, operands } = this.pattern;
    if (e.kind === "scalar") return new WgslValue(`arguments.f${e.index}`, number);
    if (e.kind === "rowLength") return new WgslValue(`${number}(arguments.columns)`, number);
    if (e.kind !== "input") return undefined;
    const { stride } = operands[e.index]!;
    return stride === "0" ? this.#load(e.index, "0") : undefined;
  }

  /** The values of formulas at `position` along the innermost axis, all computed here. */
  protected values(roots: readonly Expression[], position: string): readonly WgslValue[] {
    const { number, width } = this.pattern;
    const known = this.known[0]!;
    const values = writeFormulas(this.#vectors, roots, (e) => {
      if (known.has(e)) return known.get(e)!.splat(width);
      if (e.kind === "input") return this.#load(e.index, position);
      if (e.kind !== "columnIndex") return undefined;
      const type = wgslTypeOf(number, width);
      const lanes = `4 * vec4<i32>(${position}) + vec4<i32>(0, 1, 2, 3)`;
      return new WgslValue(`${type}(${width === 1 ? position : lanes})`, type);
    });
    return values.map((value) => this.k.let(value));
  }
}

/** How a program is computed on given views. */
export interface Plan {
  /** Identifies what the kernel's code depends on besides the program and the operands' pattern. */
  readonly variant: string;
  /** Work items, which are counted by `arguments.items`, and those of a workgroup. */
  readonly items: number;
  readonly itemsPerGroup: number;
  readonly code: () => string;
}

/** The kernel of a plan. Scalars are numbers of the type of formulas. */
export function makeKernel(
  key: string,
  program: Program,
  pattern: OperandsPattern,
  code: Plan["code"],
): WgslKernel {
  const integers = ["items", ...argumentNames(pattern)];
  const scalars = program.scalars.map((_, i) => `f${i}`);
  return {
    key,
    code,
    ...(pattern.number === "i32"
      ? { integers: [...integers, ...scalars] }
      : { integers, floats: scalars }),
    buffers: buffersOf(pattern),
  };
}
