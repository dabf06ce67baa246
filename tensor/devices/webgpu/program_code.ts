/** Shared by elementwise and row kernels: operands and formulas in WGSL. @module */

import type { View, WgslBuffer } from "../../device.ts";
import { type Expression, operandsOf } from "../../expression/expression.ts";
import type { Program } from "../../expression/program.ts";
import type { Axis } from "../../kernel/layout.ts";
import type { OperandPattern } from "./program_layout.ts";
import {
  binaryCode,
  integerLiteral,
  literal,
  type NumberType,
  unaryCode,
  valueType,
  wgslType,
  type Width,
} from "./wgsl_functions.ts";

/** Everything about the operands that a kernel's code depends on. */
export interface OperandsPattern {
  readonly operands: readonly OperandPattern[];
  readonly firstOutput: number;
  /** Number of outer axes, which are arguments (for a row program, without the row itself). */
  readonly rank: number;
  /** Contiguous elements per thread along the innermost axis. */
  readonly width: Width;
  /** The type in which formulas are computed; it follows from the program and the operands' types. */
  readonly number: NumberType;
}

const typeOfWidth = (type: string, width: Width): string => width === 1 ? type : `vec4<${type}>`;

export function patternKey({ operands, rank, width }: OperandsPattern): string {
  const list = operands.map(({ buffer, dtype, stride }) =>
    `${buffer} ${wgslType(dtype)} ${stride}`
  );
  return `${rank}x${width} ${list.join(", ")}`;
}

export class OperandCode {
  readonly #pattern: OperandsPattern;
  readonly buffers: readonly WgslBuffer[];

  constructor(pattern: OperandsPattern) {
    this.#pattern = pattern;
    const count = Math.max(...pattern.operands.map(({ buffer }) => buffer)) + 1;
    this.buffers = Array.from({ length: count }, (_, buffer) => {
      const scalar = this.#typeOfBuffer(buffer);
      return {
        name: `b${buffer}`,
        type: this.#isWideBuffer(buffer) ? `vec4<${scalar}>` : scalar,
        writes: pattern.operands.some((o, i) => o.buffer === buffer && i >= pattern.firstOutput),
      };
    });
  }

  /** Names of the integer arguments: for each operand its offset, strides, and innermost stride. */
  get argumentNames(): readonly string[] {
    const { operands, rank } = this.#pattern;
    return operands.flatMap(({ stride }, i) => [
      `o${i}`,
      ...Array.from({ length: rank }, (_, axis) => `s${i}_${axis}`),
      ...(stride === "n" ? [`step${i}`] : []),
    ]);
  }

  /** Declares `base0`, `base1`, …: each operand's position at the outer indices `i0`, `i1`, … */
  bases(): string {
    const { operands, rank } = this.#pattern;
    return operands.map((_, i) => {
      let sum = `arguments.o${i}`;
      for (let axis = 0; axis < rank; axis++) sum += ` + i${axis} * arguments.s${i}_${axis}`;
      return `  let base${i} = ${sum};\n`;
    }).join("");
  }

  /** The value of an operand at `position` along the innermost axis. */
  load(operand: number, position: string): string {
    const { buffer, dtype } = this.#pattern.operands[operand]!;
    const width = this.#widthOf(operand);
    const index = this.#index(operand, position);
    const isSingle = width === 1 && this.#isWideBuffer(buffer);
    const element = isSingle
      ? `b${buffer}[(${index}) >> 2u][(${index}) & 3]`
      : `b${buffer}[${index}]`;
    const type = wgslType(dtype);
    const stored = type === this.#typeOfBuffer(buffer)
      ? element
      : `bitcast<${typeOfWidth(type, width)}>(${element})`;
    const { number } = this.#pattern;
    return type === number ? stored : `${valueType(number, width)}(${stored})`;
  }

  #widthOf(operand: number): Width {
    return this.#pattern.operands[operand]!.stride === "1" ? this.#pattern.width : 1;
  }

  /** Stores `value`, of the type of formulas and the operand's width. */
  store(operand: number, position: string, value: string): string {
    const { buffer, dtype } = this.#pattern.operands[operand]!;
    const width = this.#widthOf(operand);
    const [type, typeOfBuffer] = [wgslType(dtype), this.#typeOfBuffer(buffer)];
    const conversion = type === "i32" ? `truncated${width}` : typeOfWidth(type, width);
    let stored = type === this.#pattern.number ? value : `${conversion}(${value})`;
    if (type !== typeOfBuffer) stored = `bitcast<${typeOfWidth(typeOfBuffer, width)}>(${stored})`;
    return `b${buffer}[${this.#index(operand, position)}] = ${stored};`;
  }

  #index(operand: number, position: string): string {
    switch (this.#pattern.operands[operand]!.stride) {
      case "1":
        return `base${operand} + ${position}`;
      case "n":
        return `base${operand} + ${position} * arguments.step${operand}`;
      case "0":
      case "row":
        return `base${operand}`;
    }
  }

  #isWideBuffer(buffer: number): boolean {
    return this.#pattern.width === 4 &&
      this.#pattern.operands.some((o) => o.buffer === buffer && o.stride === "1");
  }

  /** The type of its first operand; other four-byte operands in it are bit-cast. */
  #typeOfBuffer(buffer: number): string {
    return wgslType(this.#pattern.operands.find((o) => o.buffer === buffer)!.dtype);
  }
}

/** The arguments of {@linkcode OperandCode.argumentNames}, in elements, or in fours if wide. */
export function operandArguments(
  { operands, width }: OperandsPattern,
  views: readonly View[],
  outer: readonly Axis[],
  innerStrides: readonly number[],
): number[] {
  return operands.flatMap(({ stride }, i) => {
    const unit = stride === "1" ? width : 1;
    return [
      views[i]!.offset / unit,
      ...outer.map(({ strides }) => strides[i]! / unit),
      ...(stride === "n" ? [innerStrides[i]!] : []),
    ];
  });
}

/** The nodes below the roots, in order, without those inside reductions. */
function partsOf(roots: readonly Expression[]): readonly Expression[] {
  const parts = new Set<Expression>();
  const visit = (e: Expression): void => {
    if (parts.has(e)) return;
    if (e.kind !== "reduce") operandsOf(e).forEach(visit);
    parts.add(e);
  };
  roots.forEach(visit);
  return [...parts];
}

export class FormulaCode {
  readonly #program: Program;
  readonly #operands: OperandCode;
  readonly #width: Width;
  readonly #number: NumberType;
  /** Names of loop invariants, valid throughout the kernel. */
  readonly #constantNames = new Map<Expression, string>();
  #varyingNames = new Map<Expression, string>();

  constructor(program: Program, operands: OperandCode, { width, number }: OperandsPattern) {
    this.#program = program;
    this.#operands = operands;
    this.#width = width;
    this.#number = number;
  }

  define(expression: Expression, name: string): void {
    this.#constantNames.set(expression, name);
  }

  /** Statements for the loop-invariant nodes below `roots` that are not computed yet. */
  constants(roots: readonly Expression[], indent: string): string {
    return this.#statements(partsOf(roots).filter((e) => !e.varies), indent);
  }

  /** Drops the names of the previous loop body. */
  beginLoop(): void {
    this.#varyingNames = new Map();
  }

  /** Statements for the varying nodes below `roots`, at `position` along the innermost axis. */
  varying(roots: readonly Expression[], position: string, indent: string): string {
    return this.#statements(partsOf(roots).filter((e) => e.varies), indent, position);
  }

  name(e: Expression): string {
    return (e.varies ? this.#varyingNames : this.#constantNames).get(e)!;
  }

  /** The name of a value, splatted to the vector width if it is a scalar. */
  wide(e: Expression): string {
    return e.varies || this.#width === 1 ? this.name(e) : `${this.#type(4)}(${this.name(e)})`;
  }

  #type(width: Width): string {
    return valueType(this.#number, width);
  }

  #statements(expressions: readonly Expression[], indent: string, position = ""): string {
    let text = "";
    for (const e of expressions) {
      const names = e.varies ? this.#varyingNames : this.#constantNames;
      if (names.has(e)) continue;
      const width = e.varies ? this.#width : 1;
      names.set(e, `v${e.id}`);
      text += `${indent}let v${e.id}: ${this.#type(width)} = ${this.#value(e, width, position)};\n`;
    }
    return text;
  }

  #value(e: Expression, width: Width, position: string): string {
    const operand = (a: Expression): string => e.varies ? this.wide(a) : this.name(a);
    switch (e.kind) {
      case "input": {
        const value = this.#operands.load(e.index, position);
        return width === 4 ? `${this.#type(4)}(${value})` : value;
      }
      case "scalar":
        return `arguments.f${e.index}`;
      case "constant":
        return this.#number === "f32" ? literal(e.value) : integerLiteral(e.value);
      case "columnIndex":
        return width === 1
          ? `${this.#number}(${position})`
          : `${this.#type(4)}(4 * vec4<i32>(${position}) + vec4<i32>(0, 1, 2, 3))`;
      case "rowLength":
        return `${this.#number}(arguments.columns)`;
      case "unary":
        return unaryCode(e.operation, operand(e.a), width);
      case "binary":
        return binaryCode(e.operation, operand(e.a), operand(e.b), width, this.#number);
      case "select":
        // NaN is not 0, but `!=` may be false for it.
        return `select(${operand(e.a)}, ${operand(e.b)}, ${operand(e.condition)} == ${
          this.#type(width)
        }(0))`;
      case "broadcast":
      case "detach":
        return operand(e.a);
      case "reduce":
        return this.name(e);
    }
  }
}
