/**
 * A program: named inputs, named numbers, and a formula for each output. It becomes one kernel, or a few
 * where a GPU's kernels cannot see a whole row.
 *
 * @module
 */

import { type Expression, inOrder, input, operandsOf, scalar } from "./expression.ts";

/** What {@linkcode defineProgram} is told. */
export interface ProgramDefinition<I extends string, S extends string> {
  /** The name, as in profiles and error messages. */
  readonly name: string;
  /** The tensors that go in. They are broadcast against each other. */
  readonly inputs: readonly I[];
  /** Those of the inputs that have one element per row: the length of their last axis is 1. */
  readonly perRow?: readonly I[];
  /** Those of the inputs that are `int32`; the formulas see them as floats. */
  readonly integers?: readonly I[];
  /** Numbers that are given at each call. */
  readonly scalars?: readonly S[];
}

/** Formulas with the names of their inputs, ready to be compiled. */
export interface Program {
  /** The name, as in profiles and error messages. */
  readonly name: string;
  /** The names of the tensors that go in. */
  readonly inputs: readonly string[];
  /** For each input whether it has one element per row. */
  readonly perRow: readonly boolean[];
  /** For each input whether it is `int32`. */
  readonly integers: readonly boolean[];
  /** The names of the numbers that are given at each call. */
  readonly scalars: readonly string[];
  /** One formula for each output. */
  readonly outputs: readonly Expression[];
  /** For each output whether it has an element for each of the row's, or one per row. */
  readonly outputVaries: readonly boolean[];
  /** Whether the program looks along rows. If not, it is elementwise, and rows do not matter. */
  readonly isRow: boolean;
  /** Equal for programs that compute the same: the name under which kernels are cached. */
  readonly key: string;
}

/**
 * Writes down a program.
 *
 * @param definition Its name, and the names of what goes in.
 * @param body Takes the inputs and scalars by name, returns the formula of each output.
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
): Program {
  const perRow = definition.inputs.map((name) => definition.perRow?.includes(name) ?? false);
  const scalars = definition.scalars ?? [];
  const names: Partial<Record<I | S, Expression>> = {};
  definition.inputs.forEach((name, i) => names[name] = input(i, perRow[i]));
  scalars.forEach((name, i) => names[name] = scalar(i));
  const outputs = body(names as Readonly<Record<I | S, Expression>>);
  const integers = definition.inputs.map((name) => definition.integers?.includes(name) ?? false);
  return makeProgram(definition.name, definition.inputs, perRow, scalars, outputs, { integers });
}

/**
 * Puts a program together from formulas over `input(i, perRow[i])` and `scalar(i)`.
 *
 * @param options.integers For each input whether it is `int32`; by default none is.
 * @param options.isRow Whether the last axis is a row even if no formula looks along it.
 */
export function makeProgram(
  name: string,
  inputs: readonly string[],
  perRow: readonly boolean[],
  scalars: readonly string[],
  outputs: readonly Expression[],
  options: { readonly integers?: readonly boolean[]; readonly isRow?: boolean } = {},
): Program {
  const integers = options.integers ?? inputs.map(() => false);
  const isRow = options.isRow || perRow.includes(true) ||
    inOrder(outputs).some((e) => ["reduce", "column", "rowLength", "spread"].includes(e.kind));
  const outputVaries = outputs.map((e) => e.varies || !isRow);
  const ids = outputs.map((e) => e.id).join(",");
  const key = `${name}(${perRow.map(Number).join("")};${scalars.length};${isRow})[${ids}]`;
  return { name, inputs, perRow, integers, scalars, outputs, outputVaries, isRow, key };
}

/**
 * The order in which a kernel computes a row: reductions that depend on no other ones first, all in
 * one pass over the row, then those that depend on them, and the outputs last.
 */
export function reductionPasses(program: Program): readonly (readonly Expression[])[] {
  const passes: Expression[][] = [];
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
