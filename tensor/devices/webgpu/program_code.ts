/** Shared by elementwise and row kernels: operands and formulas in WGSL. @module */

import type { WgslBuffer, WgslKernel } from "../../device.ts";
import type { DType } from "../../dtype.ts";
import type { Expression } from "../../expression/expression.ts";
import type { Program } from "../../expression/program.ts";
import { type Arithmetic, hoist, type KnownValues, writeFormulas } from "../../kernel/formulas.ts";
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

  /**
   * Names of the integer arguments: the length of the innermost axis and the others, and for each
   * operand its offset, strides, and innermost stride.
   */
  get argumentNames(): readonly string[] {
    const { operands, rank } = this.#pattern;
    const axes = Array.from({ length: rank }, (_, axis) => axis);
    const ofOperands = operands.flatMap(({ stride }, i) => [
      `o${i}`,
      ...axes.map((axis) => `s${i}_${axis}`),
      ...(stride === "n" ? [`step${i}`] : []),
    ]);
    return ["columns", ...axes.map((axis) => `n${axis}`), ...ofOperands];
  }

  /** Declares the outer indices `i0`, `i1`, … of `row`, innermost first. */
  splitRow(k: WgslBuilder): void {
    const { rank } = this.#pattern;
    let rest = "row";
    for (let axis = 0; axis < rank - 1; axis++) {
      k.write(`let i${axis} = ${rest} % arguments.n${axis};`);
      k.write(`let rest${axis} = ${rest} / arguments.n${axis};`);
      rest = `rest${axis}`;
    }
    if (rank > 0) k.write(`let i${rank - 1} = ${rest};`);
  }

  /** Declares `base0`, `base1`, …: each operand's position at the outer indices `i0`, `i1`, … */
  writeBases(k: WgslBuilder): void {
    const { operands, rank } = this.#pattern;
    operands.forEach((_, i) => {
      let sum = `arguments.o${i}`;
      for (let axis = 0; axis < rank; axis++) sum += ` + i${axis} * arguments.s${i}_${axis}`;
      k.write(`let base${i} = ${sum};`);
    });
  }

  /** The value of an operand at `position` along the innermost axis. */
  load(operand: number, position: string): WgslValue {
    const { buffer, dtype } = this.#pattern.operands[operand]!;
    const width = this.#widthOf(operand);
    const index = this.#index(operand, position);
    const isSingle = width === 1 && this.#isWideBuffer(buffer);
    const element = isSingle
      ? `b${buffer}[(${index}) >> 2u][(${index}) & 3]`
      : `b${buffer}[${index}]`;
    const type = elementTypes[dtype];
    const stored = type === this.#typeOfBuffer(buffer)
      ? element
      : `bitcast<${typeOfWidth(type, width)}>(${element})`;
    const { number } = this.#pattern;
    const valueType = wgslTypeOf(number, width);
    return new WgslValue(type === number ? stored : `${valueType}(${stored})`, valueType);
  }

  #widthOf(operand: number): Width {
    return this.#pattern.operands[operand]!.stride === "1" ? this.#pattern.width : 1;
  }

  /** Stores a value of the operand's width. */
  store(operand: number, position: string, value: WgslValue): string {
    const { buffer, dtype } = this.#pattern.operands[operand]!;
    const width = this.#widthOf(operand);
    const [type, typeOfBuffer] = [elementTypes[dtype], this.#typeOfBuffer(buffer)];
    const conversion = type === "i32" ? `truncated${width}` : typeOfWidth(type, width);
    let stored = type === this.#pattern.number ? value.code : `${conversion}(${value.code})`;
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
    return elementTypes[this.#pattern.operands.find((o) => o.buffer === buffer)!.dtype];
  }
}

/** The formulas of a kernel, and the statements around them. */
export class FormulaCode {
  readonly k: WgslBuilder;
  readonly #operands: OperandCode;
  readonly #pattern: OperandsPattern;
  readonly #vectors: Arithmetic<WgslValue>;
  readonly #scalars: Arithmetic<WgslValue>;
  /** Loop invariants, which are scalars. */
  #known: KnownValues<WgslValue> = new Map();

  constructor(operands: OperandCode, pattern: OperandsPattern) {
    this.k = new WgslBuilder(pattern.width);
    this.#operands = operands;
    this.#pattern = pattern;
    this.#vectors = wgslArithmetic(this.k, pattern.number);
    this.#scalars = wgslArithmetic(this.k.single, pattern.number);
  }

  define(reduction: Expression, value: WgslValue): void {
    this.#known = new Map([...this.#known, [reduction, this.k.let(value)]]);
  }

  /** Computes the loop invariants that the roots need. */
  hoist(roots: readonly Expression[]): void {
    const { number, operands } = this.#pattern;
    this.#known = hoist(this.#scalars, roots, this.#known, (e) => {
      if (e.kind === "scalar") return new WgslValue(`arguments.f${e.index}`, number);
      if (e.kind === "rowLength") return new WgslValue(`${number}(arguments.columns)`, number);
      if (e.kind !== "input") return undefined;
      const { stride } = operands[e.index]!;
      return stride === "0" || stride === "row" ? this.#operands.load(e.index, "0") : undefined;
    });
  }

  /** A hoisted value. */
  invariant(e: Expression): WgslValue {
    return writeFormulas(this.#scalars, [e], (e) => this.#known.get(e))[0]!;
  }

  /** The values of formulas at `position` along the innermost axis, all computed here. */
  values(roots: readonly Expression[], position: string): readonly WgslValue[] {
    const { number, width } = this.#pattern;
    const values = writeFormulas(this.#vectors, roots, (e) => {
      const known = this.#known.get(e);
      if (known !== undefined) return known.splat(width);
      if (e.kind === "input") return this.#operands.load(e.index, position);
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
  readonly code: (operands: OperandCode) => string;
}

/** The kernel of a plan. Scalars are numbers of the type of formulas. */
export function makeKernel(
  key: string,
  program: Program,
  pattern: OperandsPattern,
  code: Plan["code"],
): WgslKernel {
  const operands = new OperandCode(pattern);
  const integers = ["items", ...operands.argumentNames];
  const scalars = program.scalars.map((_, i) => `f${i}`);
  return {
    key,
    code: () => code(operands),
    ...(pattern.number === "i32"
      ? { integers: [...integers, ...scalars] }
      : { integers, floats: scalars }),
    buffers: operands.buffers,
  };
}
