/** Code generation for formulas: four elements at a time. @module */

import { Error } from "../../../errors.ts";
import { type Expression, operandsOf } from "../../../expression/expression.ts";
import type { FunctionBuilder } from "../emitter/function.ts";
import { cos, erf, exp, expOfNonPositive, log, sin, tanh } from "../emitter/math.ts";
import { computeIntegers } from "./integers.ts";
import { F32x4, I32x4 } from "../emitter/vectors.ts";

/** Known values where formulas are written: inputs, and what was computed before. */
export type Known = (e: Expression) => F32x4 | undefined;

/** Called for each computed node; returns what to do with its value, if anything. */
export type OnComputed = (e: Expression) => ((value: F32x4) => void) | undefined;

export interface Target {
  readonly f: FunctionBuilder;
  readonly isInteger: boolean;
}

const TRANSCENDENTAL: ReadonlySet<string> = new Set(["exp", "log", "tanh", "erf", "sin", "cos"]);

/** Whether computing this node, without its operands, costs many instructions. */
export function isExpensive(e: Expression): boolean {
  return e.kind === "unary" && TRANSCENDENTAL.has(e.operation);
}

/** The nodes below the roots, operands first, down to those for which `stop` holds. */
export function reachable(
  roots: readonly Expression[],
  stop: (e: Expression) => boolean = () => false,
): readonly Expression[] {
  const seen = new Set<Expression>();
  const order: Expression[] = [];
  const visit = (e: Expression): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (!stop(e)) operandsOf(e).forEach(visit);
    order.push(e);
  };
  roots.forEach(visit);
  return order;
}

/**
 * Writes the instructions for formulas, with common subexpressions computed once.
 *
 * A product that is only added to something becomes a fused multiply-add, if supported.
 *
 * @param known Supplies the leaves, and whatever earlier code computed.
 * @returns The value of each root. Its outermost instructions may not be written yet.
 */
export function writeFormulas(
  { f, isInteger }: Target,
  roots: readonly Expression[],
  known: Known,
  onComputed?: OnComputed,
): F32x4[] {
  const values = new Map<Expression, F32x4>();
  const nodes = reachable(roots, (e) => {
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
  for (const e of nodes) {
    const valueOf = (part: Expression) => values.get(part)!;
    let value = leaves.has(e)
      ? valueOf(e)
      : isInteger
      ? computeIntegers(e, valueOf)
      : compute(f, e, valueOf, isFree);
    const notify = leaves.has(e) ? undefined : onComputed?.(e);
    if (e.kind !== "constant" && (notify || uses.get(e)! > 1)) value = f.local(value);
    notify?.(value);
    values.set(e, value);
  }
  return roots.map((e) => values.get(e)!);
}

function compute(
  f: FunctionBuilder,
  e: Expression,
  valueOf: (e: Expression) => F32x4,
  isFree: (e: Expression) => boolean,
): F32x4 {
  switch (e.kind) {
    case "constant":
      return F32x4.of(e.value);
    case "unary":
      if (e.operation === "exp" && isNonPositive(e.a)) return expOfNonPositive(f, valueOf(e.a));
      return unary(f, e.operation, valueOf(e.a));
    case "binary":
      return binary(e, valueOf, isFree);
    case "select":
      return maskOf(e.condition, valueOf, isFree).select(valueOf(e.a), valueOf(e.b));
    case "broadcast":
    case "detach":
      return valueOf(e.a);
    default:
      throw new Error(`Cannot emit a formula: ${e.kind} is not known here`);
  }
}

/** Whether a node is an element minus the maximum of its row, which is never positive. */
function isNonPositive(e: Expression): boolean {
  if (e.kind !== "binary" || e.operation !== "subtract") return false;
  const largest = e.b.kind === "detach" ? e.b.a : e.b;
  return largest.kind === "reduce" && largest.operation === "max" && largest.a === e.a;
}

function unary(
  f: FunctionBuilder,
  operation: (Expression & { kind: "unary" })["operation"],
  a: F32x4,
): F32x4 {
  switch (operation) {
    case "negate":
      return a.negate();
    case "sqrt":
      return a.sqrt();
    case "abs":
      return a.abs();
    case "floor":
      return a.floor();
    case "sign": {
      const x = f.local(a);
      const one = x.bits().and(-0x80000000).or(I32x4.of(ONE_BITS)).asF32x4();
      return x.abs().greater(0).select(one, x);
    }
    case "exp":
      return exp(f, a);
    case "log":
      return log(f, a);
    case "tanh":
      return tanh(f, a);
    case "sin":
      return sin(f, a);
    case "cos":
      return cos(f, a);
    case "erf":
      return erf(f, a);
  }
}

const ONE_BITS = 0x3f800000;

type Binary = Expression & { kind: "binary" };

function binary(
  e: Binary,
  valueOf: (e: Expression) => F32x4,
  isFree: (e: Expression) => boolean,
): F32x4 {
  const product = (factor: Expression): Binary | undefined =>
    factor.kind === "binary" && factor.operation === "multiply" && isFree(factor)
      ? factor
      : undefined;
  const a = valueOf(e.a);
  const b = valueOf(e.b);
  switch (e.operation) {
    case "add": {
      const first = product(e.a);
      if (first) return valueOf(first.a).multiplyAdd(valueOf(first.b), b);
      const second = product(e.b);
      return second ? valueOf(second.a).multiplyAdd(valueOf(second.b), a) : a.add(b);
    }
    case "subtract": {
      const second = product(e.b);
      return second ? valueOf(second.a).negativeMultiplyAdd(valueOf(second.b), a) : a.subtract(b);
    }
    case "multiply":
      return a.multiply(b);
    case "divide":
      return a.divide(b);
    case "max":
      return a.max(b);
    case "min":
      return a.min(b);
    case "less":
    case "lessEqual":
    case "equal":
      return compare(e, valueOf).and(ONE_BITS).asF32x4();
  }
}

function compare(e: Binary, valueOf: (e: Expression) => F32x4): I32x4 {
  const a = valueOf(e.a);
  const b = valueOf(e.b);
  if (e.operation === "less") return a.less(b);
  return e.operation === "equal" ? a.equal(b) : a.lessEqual(b);
}

/** A condition as a mask; avoids the conversion to 1 and 0 if nothing else uses the comparison. */
function maskOf(
  e: Expression,
  valueOf: (e: Expression) => F32x4,
  isFree: (e: Expression) => boolean,
): I32x4 {
  const isComparison = e.kind === "binary" &&
    (e.operation === "less" || e.operation === "lessEqual" || e.operation === "equal");
  return isComparison && isFree(e) ? compare(e, valueOf) : valueOf(e).notEqual(0);
}

export type KnownValues = ReadonlyMap<Expression, F32x4>;

/**
 * Hoists loop invariants: computes whatever the roots need that does not vary in the loop, and
 * returns all known values.
 */
export function hoist(
  target: Target,
  roots: readonly Expression[],
  known: KnownValues,
  leaf: Known,
): Map<Expression, F32x4> {
  const fixed = new Set<Expression>();
  const wanted = new Set<Expression>();
  const want = (e: Expression) => {
    if (fixed.has(e) && !known.has(e) && e.kind !== "constant") wanted.add(e);
  };
  for (const e of reachable(roots, (e) => known.has(e))) {
    const operands = operandsOf(e);
    const isFixed = known.has(e) || e.kind === "constant" ||
      (operands.length === 0 ? leaf(e) !== undefined : operands.every((a) => fixed.has(a)));
    if (isFixed && (known.has(e) || e.kind !== "reduce")) fixed.add(e);
    else operands.forEach(want);
  }
  roots.forEach(want);
  const values = writeFormulas(target, [...wanted], (e) => known.get(e) ?? leaf(e));
  const result = new Map(known);
  [...wanted].forEach((e, i) => result.set(e, target.f.local(values[i]!)));
  return result;
}
