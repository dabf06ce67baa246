/** Writes the formulas of programs as code. @module */

import { type Expression, inOrder, operandsOf } from "../formula/expression.ts";
import type { Arithmetic } from "./arithmetic.ts";
import type { Vector } from "./language.ts";

/** Known values where formulas are written: inputs, and what was computed before. */
export type Known = (e: Expression) => Vector | undefined;

export type KnownValues = ReadonlyMap<Expression, Vector>;

/** Called for each computed node; returns what to do with its value, if anything. */
export type OnComputed = (e: Expression) => ((value: Vector) => void) | undefined;

const TRANSCENDENTAL: ReadonlySet<string> = new Set(["exp", "log", "tanh", "erf", "sin", "cos"]);

/** Whether computing this node, without its operands, costs many instructions. */
export function isExpensive(e: Expression): boolean {
  return e.kind === "unary" && TRANSCENDENTAL.has(e.operation);
}

/**
 * Writes formulas, with common subexpressions computed once.
 *
 * @param known Supplies the leaves, and whatever earlier code computed.
 * @returns The value of each root. Its outermost instructions may not be written yet.
 */
export function writeFormulas(
  { k, compute }: Arithmetic,
  roots: readonly Expression[],
  known: Known,
  onComputed?: OnComputed,
): Vector[] {
  const values = new Map<Expression, Vector>();
  const nodes = inOrder(roots, (e) => {
    const value = known(e);
    if (value !== undefined) values.set(e, value);
    return value !== undefined;
  });
  const leaves = new Set(values.keys());
  const uses = new Map<Expression, number>();
  const countUse = (e: Expression) => uses.set(e, (uses.get(e) ?? 0) + 1);
  roots.forEach(countUse);
  for (const e of nodes) if (!leaves.has(e)) operandsOf(e).forEach(countUse);

  const isFree = (e: Expression) => uses.get(e) === 1 && !leaves.has(e);
  const valueOf = (e: Expression) => values.get(e)!;
  for (const e of nodes) {
    let value = leaves.has(e) ? valueOf(e) : compute(e, valueOf, isFree);
    const notify = leaves.has(e) ? undefined : onComputed?.(e);
    if (e.kind !== "constant" && (notify || uses.get(e)! > 1)) value = k.let(value);
    notify?.(value);
    values.set(e, value);
  }
  return roots.map(valueOf);
}

/**
 * Hoists loop invariants: computes whatever the roots need that does not vary in the loop, and
 * returns all known values.
 */
export function hoist(
  arithmetic: Arithmetic,
  roots: readonly Expression[],
  known: KnownValues,
  leaf: Known,
): KnownValues {
  const fixed = new Set<Expression>();
  const wanted = new Set<Expression>();
  const want = (e: Expression) => {
    if (fixed.has(e) && !known.has(e) && e.kind !== "constant") wanted.add(e);
  };
  for (const e of inOrder(roots, (e) => known.has(e))) {
    const operands = operandsOf(e);
    const isFixed = known.has(e) || e.kind === "constant" ||
      (operands.length === 0 ? leaf(e) !== undefined : operands.every((a) => fixed.has(a)));
    if (isFixed && (known.has(e) || e.kind !== "reduce")) fixed.add(e);
    else operands.forEach(want);
  }
  roots.forEach(want);
  const values = writeFormulas(arithmetic, [...wanted], (e) => known.get(e) ?? leaf(e));
  const result = new Map(known);
  [...wanted].forEach((e, i) => result.set(e, arithmetic.k.let(values[i]!)));
  return result;
}
