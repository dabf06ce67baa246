/**
 * Programs: named inputs and scalars, and a formula per output. A program compiles to one kernel,
 * or to a few where rows exceed what one GPU kernel can bind. `expression.ts` builds formulas.
 *
 * A formula is the single definition of an elementwise or row operation: the double-precision reference
 * (`testing/evaluate.ts`), the derivative (`differentiate.ts`), and the WebAssembly and WGSL kernels all
 * come from it. It may reduce along the row, the last axis: softmax is
 * `exp(x - rowMax(x)) / rowSum(exp(x - rowMax(x)))`.
 *
 * Nodes are hash-consed: building the same one twice returns the same object, so common subexpressions
 * are computed once.
 *
 * @module
 */

import { checkList, checkOptions, type OptionNames } from "../checks.ts";
import { wrongType, wrongValue } from "../errors.ts";
import type { DType } from "../layout.ts";

// --- Formulas: nodes, and how to walk them ---------------------------------------------------

/** Unary operations. `erf` is the error function, `sign` is 0 at 0. */
export type UnaryOperation =
  | "negate"
  | "exp"
  | "log"
  | "tanh"
  | "sqrt"
  | "abs"
  | "sign"
  | "floor"
  | "sin"
  | "cos"
  | "erf";

/** Binary operations. Comparisons give 1 or 0; `max` and `min` propagate NaN. */
export type BinaryOperation =
  | "add"
  | "subtract"
  | "multiply"
  | "divide"
  | "max"
  | "min"
  | "less"
  | "lessEqual"
  | "equal";

/** Reductions along the row. */
export type ReduceOperation = "sum" | "max" | "min";

/** The variants of an expression node. */
export type ExpressionKind =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "scalar"; readonly index: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "columnIndex" }
  | { readonly kind: "rowLength" }
  | { readonly kind: "unary"; readonly operation: UnaryOperation; readonly a: Expression }
  | {
    readonly kind: "binary";
    readonly operation: BinaryOperation;
    readonly a: Expression;
    readonly b: Expression;
  }
  | {
    readonly kind: "select";
    readonly condition: Expression;
    readonly a: Expression;
    readonly b: Expression;
  }
  | { readonly kind: "reduce"; readonly operation: ReduceOperation; readonly a: Expression }
  | { readonly kind: "broadcast" | "detach"; readonly a: Expression };

/** A formula. Build it only with the functions of `expression.ts`, which share equal nodes. */
export type Expression = ExpressionKind & {
  /** Unique: equal formulas have equal ids. */
  readonly id: number;
  /** Whether the value varies within a row; if not, it is one number per row. */
  readonly varies: boolean;
};

const interned = new Map<string, Expression>();

/** For `expression.ts`: the node with this key, which says all that it depends on. */
export function intern(key: string, node: ExpressionKind, varies: boolean): Expression {
  let expression = interned.get(key);
  if (expression === undefined) {
    expression = { ...node, id: interned.size, varies };
    interned.set(key, expression);
  }
  return expression;
}

/** The current element of input `index`; with `perRow`, the row's single element. */
export function input(index: number, perRow = false): Expression {
  return intern(`input ${index} ${perRow}`, { kind: "input", index }, !perRow);
}

/** Scalar argument `index`, passed at each call. */
export function scalar(index: number): Expression {
  return intern(`scalar ${index}`, { kind: "scalar", index }, false);
}

/** The direct operands of `expression`. */
export function operandsOf(expression: Expression): readonly Expression[] {
  if (expression.kind === "select") return [expression.condition, expression.a, expression.b];
  if (expression.kind === "binary") return [expression.a, expression.b];
  return "a" in expression ? [expression.a] : [];
}

/**
 * All nodes below the roots, down to those for which `stop` holds, in topological order (operands
 * first).
 */
export function inOrder(
  roots: readonly Expression[],
  stop: (e: Expression) => boolean = () => false,
): readonly Expression[] {
  const seen = new Set<Expression>();
  const order: Expression[] = [];
  const visit = (expression: Expression): void => {
    if (seen.has(expression)) return;
    seen.add(expression);
    if (!stop(expression)) operandsOf(expression).forEach(visit);
    order.push(expression);
  };
  roots.forEach(visit);
  return order;
}

// --- Programs ---------------------------------------------------------------------------------

/** Arguments of {@linkcode defineProgram}. */
export interface ProgramDefinition<I extends string, S extends string> {
  /** Name for profiles and error messages. */
  readonly name: string;
  /** Input tensors, which are broadcast against each other. */
  readonly inputs: readonly I[];
  /** Inputs with one element per row: their last axis has length 1. */
  readonly perRow?: readonly I[];
  /** Inputs of dtype `int32`; formulas see them as floats. */
  readonly integers?: readonly I[];
  /**
   * Whether all inputs may be `int32` instead of floats: everything is computed in 32-bit integers
   * then, which wrap around. Functions and quotients are excluded. @default {false}
   */
  readonly overIntegers?: boolean;
  /** Scalars, passed at each call. */
  readonly scalars?: readonly S[];
}

const DEFINITION: OptionNames<ProgramDefinition<string, string>> = {
  name: true,
  inputs: true,
  perRow: true,
  integers: true,
  overIntegers: true,
  scalars: true,
};

/** An input of a program. */
export interface ProgramInput {
  /** The name, for error messages. */
  readonly name: string;
  /** Whether it has one element per row. */
  readonly isPerRow: boolean;
  /** Whether it is `int32`. */
  readonly isInteger: boolean;
}

/** An input of floats. */
export function floatInput(name: string, isPerRow = false): ProgramInput {
  return { name, isPerRow, isInteger: false };
}

/** Formulas with named inputs, ready to compile. */
export interface Program {
  /** Name for profiles and error messages. */
  readonly name: string;
  /** The input tensors. */
  readonly inputs: readonly ProgramInput[];
  /** Names of the scalars. */
  readonly scalars: readonly string[];
  /** One formula per output. */
  readonly outputs: readonly Expression[];
  /** Whether all inputs may be `int32` instead of floats: see {@linkcode computesIntegers}. */
  readonly overIntegers: boolean;
  /** The derivative of the output with respect to each input; `null` to derive it from the formula. */
  readonly slopes: readonly Expression[] | null;
  /** Whether the program works on rows. If not, it is elementwise and ignores rows. */
  readonly isRow: boolean;
  /** Whether each output has an element per column, or one per row. */
  readonly outputVaries: readonly boolean[];
  /** Equal for equal programs: the kernel cache key. */
  readonly key: string;
}

/**
 * Defines a program. Bundlers leave out an unused one whose definition is marked as `@__PURE__`.
 *
 * @param body Maps inputs and scalars, by name, to the formula of each output.
 * @param slopes Maps them to the derivative of an elementwise program's output with respect to each
 * input, for formulas whose own derivative is not a number at the edges: 0 · ∞, for example.
 *
 * @example A softmax over the last axis
 * ```ts
 * import { detach, divide, exp, rowMax, rowSum, subtract } from "./expression.ts";
 * import { defineProgram } from "./program.ts";
 *
 * const softmax = defineProgram({ name: "softmax", inputs: ["x"] }, ({ x }) => {
 *   const e = exp(subtract(x, detach(rowMax(x))));
 *   return [divide(e, rowSum(e))];
 * });
 * if (!softmax.isRow) throw new Error("a softmax looks along the row");
 * ```
 */
export function defineProgram<I extends string, S extends string = never>(
  definition: ProgramDefinition<I, S>,
  body: (names: Readonly<Record<I | S, Expression>>) => readonly Expression[],
  slopes?: (names: Readonly<Record<I | S, Expression>>) => Readonly<Record<I, Expression>>,
): Program {
  checkOptions("define a program", definition, DEFINITION, ["name", "inputs"]);
  const { name, scalars = [], overIntegers = false } = definition;
  const inputs = definition.inputs.map((name): ProgramInput => ({
    name,
    isPerRow: definition.perRow?.includes(name) ?? false,
    isInteger: definition.integers?.includes(name) ?? false,
  }));
  const names: Partial<Record<I | S, Expression>> = {};
  definition.inputs.forEach((name, i) => names[name] = input(i, inputs[i]!.isPerRow));
  scalars.forEach((name, i) => names[name] = scalar(i));
  const named = checkedNames(name, names as Readonly<Record<I | S, Expression>>);
  const outputs = body(named);
  const byName = slopes?.(named);
  return makeProgram({
    name,
    inputs,
    scalars,
    outputs,
    overIntegers,
    isRow: false,
    slopes: byName ? definition.inputs.map((input) => byName[input]) : null,
  });
}

/** The names of a definition; another one is an error where a formula reads it. */
function checkedNames<T extends object>(program: string, names: T): T {
  return new Proxy(names, {
    get: (target, name) => {
      if (typeof name === "symbol" || Object.hasOwn(target, name)) return Reflect.get(target, name);
      const wanted = `one of the names ${Object.keys(names).join(", ")}`;
      throw wrongType(`define "${program}"`, wanted, name);
    },
  });
}

/**
 * Creates a program from formulas over `input(i, inputs[i].isPerRow)` and `scalar(i)`. With `isRow`,
 * the last axis is a row even if no formula reduces along it.
 *
 * @throws {TypeError} If a formula over integers has an operation that they do not have.
 * @throws {RangeError} If slopes are given for a row program, or for several outputs.
 */
export function makeProgram(parts: Omit<Program, "outputVaries" | "key">): Program {
  const { name, inputs, scalars, outputs, overIntegers, slopes } = parts;
  checkList(`define "${name}"`, "a list of formulas, one for each output", outputs);
  const isRow = parts.isRow || inputs.some(({ isPerRow }) => isPerRow) ||
    inOrder(outputs).some((e) =>
      ["reduce", "columnIndex", "rowLength", "broadcast"].includes(e.kind)
    );
  const outputVaries = outputs.map((e) => e.varies || !isRow);
  if (overIntegers) checkIntegerOperations(name, outputs);
  if (slopes !== null && (isRow || outputs.length !== 1)) {
    const got = isRow ? "a row program" : `${outputs.length} outputs`;
    const wanted = "an elementwise program with one output";
    throw wrongValue(`define "${name}" with slopes`, wanted, got);
  }
  const ids = outputs.map((e) => e.id).join(",");
  const flags = `${isRow}${overIntegers ? ";integers" : ""}`;
  const perRow = inputs.map(({ isPerRow }) => Number(isPerRow)).join("");
  const key = `${name}(${perRow};${scalars.length};${flags})[${ids}]`;
  return { name, inputs, scalars, outputs, overIntegers, slopes, isRow, outputVaries, key };
}

const INTEGER_OPERATIONS: ReadonlySet<string> = new Set(
  ["negate", "add", "subtract", "multiply", "max", "min", "less", "lessEqual", "equal"],
);

function checkIntegerOperations(name: string, outputs: readonly Expression[]): void {
  for (const e of inOrder(outputs)) {
    if ((e.kind === "unary" || e.kind === "binary") && !INTEGER_OPERATIONS.has(e.operation)) {
      const wanted = [...INTEGER_OPERATIONS].join(", ");
      throw wrongType(`define "${name}" over integers`, wanted, e.operation);
    }
  }
}

/**
 * Whether a program computes in 32-bit integers on these operands, its inputs and then its outputs:
 * if it may, and every input is `int32`, or every output where there is no input.
 */
export function computesIntegers(
  { inputs, overIntegers }: Program,
  operands: readonly { readonly dtype: DType }[],
): boolean {
  const determining = inputs.length > 0 ? operands.slice(0, inputs.length) : operands;
  return overIntegers && determining.every(({ dtype }) => dtype === "int32");
}

/** Whether operand `k`, counting inputs then outputs, has an element per column of a row. */
export function isAlongRow(program: Program, k: number): boolean {
  if (!program.isRow) return false;
  const input = program.inputs[k];
  return input ? !input.isPerRow : program.outputVaries[k - program.inputs.length]!;
}

/** Copies elements. */
export const copyProgram: Program = defineProgram(
  { name: "copy", inputs: ["x"], overIntegers: true },
  ({ x }) => [x],
);

/** A node that reduces along the row. */
export type Reduction = Expression & { readonly kind: "reduce" };

/** The results of reductions of nothing, in floats and in 32-bit integers. */
export const identities: Readonly<
  Record<"floats" | "integers", Readonly<Record<ReduceOperation, number>>>
> = {
  floats: { sum: 0, max: -Infinity, min: Infinity },
  integers: { sum: 0, max: -(2 ** 31), min: 2 ** 31 - 1 },
};

/**
 * The passes of a row kernel: independent reductions first, in one pass over the row, then those
 * that depend on them, and the outputs last.
 */
export function reductionPasses(program: Program): readonly (readonly Reduction[])[] {
  const passes: Reduction[][] = [];
  const depth = new Map<Expression, number>();
  for (const expression of inOrder(program.outputs)) {
    let below = 0;
    for (const operand of operandsOf(expression)) below = Math.max(below, depth.get(operand)!);
    if (expression.kind === "reduce") {
      (passes[below] ??= []).push(expression);
      below++;
    }
    depth.set(expression, below);
  }
  return passes;
}
