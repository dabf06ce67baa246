/** Writes the formulas of programs as code, in floats or in 32-bit integers. @module */

import { Error } from "../errors.ts";
import {
  type BinaryOperation,
  type Expression,
  identities,
  inOrder,
  operandsOf,
  type ReduceOperation,
} from "../formula/program.ts";
import type { Mask, Value, Vector, VectorBuilder } from "./language.ts";
import { cos, erf, log, sin, tanh } from "./math.ts";

/** The number type in which formulas are computed: floats, or 32-bit integers, which wrap around. */
export interface Arithmetic {
  readonly k: VectorBuilder;
  readonly isInteger: boolean;
  /** Computes one node. */
  readonly compute: (e: Expression, valueOf: ValueOf, isFree: IsFree) => Vector;
  /** The result of reducing nothing. */
  readonly identityOf: (operation: ReduceOperation) => Vector;
  /** Reduces two numbers to one; without `keepsNaN` maybe to a number where one is NaN. */
  readonly combine: (
    operation: ReduceOperation,
    a: Vector,
    b: Vector,
    keepsNaN?: boolean,
  ) => Vector;
}

/** The values of a node's operands. */
type ValueOf = (e: Expression) => Vector;
/** Whether nothing else uses an operand, which then need not be computed. */
type IsFree = (e: Expression) => boolean;

type Unary = Expression & { kind: "unary" };
type Binary = Expression & { kind: "binary" };

const METHODS = { sum: "add", max: "max", min: "min" } as const;
const METHODS_WITHOUT_NAN = { sum: "add", max: "pseudoMax", min: "pseudoMin" } as const;
const ONE_BITS = 0x3f800000;
const FUNCTIONS = { sign, log, tanh, sin, cos, erf };

/** Integers in the place of floats: they have all methods that formulas over integers use. */
export function asNumbers(integers: Value): Vector {
  return integers as Vector;
}

export function arithmeticOf(k: VectorBuilder, isInteger: boolean): Arithmetic {
  const constant = (value: number) => isInteger ? asNumbers(k.intVector(value)) : k.vector(value);
  /** 1 where a comparison holds, else 0. */
  const truth = (mask: Mask) =>
    isInteger ? asNumbers(mask.where(1)) : mask.where(ONE_BITS).asF32x4();
  const compute: Arithmetic["compute"] = (e, valueOf, isFree) => {
    switch (e.kind) {
      case "constant":
        return constant(e.value);
      case "unary":
        return unary(k, e, valueOf(e.a));
      case "binary": {
        const [a, b] = [e.a, e.b].map(valueOf) as [Vector, Vector];
        if (isComparison(e.operation)) return truth(a[e.operation](b));
        const fused = isInteger ? null : fusedSum(e, valueOf, isFree);
        return fused ?? a[e.operation](b);
      }
      case "select":
        return maskOf(e.condition, valueOf, isFree).select(valueOf(e.a), valueOf(e.b));
      case "broadcast":
      case "detach":
        return valueOf(e.a);
    }
    throw new Error(`Cannot print a formula: ${e.kind} is not known here`);
  };
  const identity = isInteger ? identities.integers : identities.floats;
  return {
    k,
    isInteger,
    compute,
    identityOf: (operation) => constant(identity[operation]),
    combine: (operation, a, b, keepsNaN = true) =>
      a[(keepsNaN || isInteger ? METHODS : METHODS_WITHOUT_NAN)[operation]](b),
  };
}

function isComparison(operation: BinaryOperation): operation is "less" | "lessEqual" | "equal" {
  return ["less", "lessEqual", "equal"].includes(operation);
}

/** A condition as a mask: without the detour by 1 and 0 if nothing else uses the comparison. */
function maskOf(e: Expression, valueOf: ValueOf, isFree: IsFree): Mask {
  if (e.kind === "binary" && isComparison(e.operation) && isFree(e)) {
    return valueOf(e.a)[e.operation](valueOf(e.b));
  }
  return valueOf(e).notEqual(0);
}

/** A sum with a product that nothing else uses, fused if supported; `null` if it has none. */
function fusedSum({ operation, a, b }: Binary, valueOf: ValueOf, isFree: IsFree): Vector | null {
  const product = (operand: Expression): Binary | null =>
    operand.kind === "binary" && operand.operation === "multiply" && isFree(operand)
      ? operand
      : null;
  const [first, second] = [product(a), product(b)];
  if (operation === "add" && first !== null) {
    return valueOf(first.a).multiplyAdd(valueOf(first.b), valueOf(b));
  }
  if (second === null) return null;
  const factors = [valueOf(second.a), valueOf(second.b)] as const;
  if (operation === "add") return factors[0].multiplyAdd(factors[1], valueOf(a));
  return operation === "subtract" ? factors[0].negativeMultiplyAdd(factors[1], valueOf(a)) : null;
}

function unary(k: VectorBuilder, { operation, a: operand }: Unary, a: Vector): Vector {
  switch (operation) {
    case "negate":
    case "sqrt":
    case "abs":
    case "floor":
      return a[operation]();
    case "exp":
      return isNonPositive(operand) ? k.expOfNonPositive(a) : k.exp(a);
    default:
      return FUNCTIONS[operation](k, a);
  }
}

/** −1, 0 or 1; NaN of NaN. */
function sign(k: VectorBuilder, a: Vector): Vector {
  const x = k.let(a);
  const one = x.bits().and(-0x80000000).or(ONE_BITS).asF32x4();
  return x.abs().greater(0).select(one, x);
}

/** Whether a node is an element minus the maximum of its row, which is never positive. */
function isNonPositive(e: Expression): boolean {
  if (e.kind !== "binary" || e.operation !== "subtract") return false;
  const largest = e.b.kind === "detach" ? e.b.a : e.b;
  return largest.kind === "reduce" && largest.operation === "max" && largest.a === e.a;
}

/** Known values where formulas are written: inputs, and what was computed before. */
export type Known = (e: Expression) => Vector | undefined;

/** Called for each computed node; returns what to do with its value, if anything. */
export type OnComputed = (e: Expression) => ((value: Vector) => void) | undefined;

const TRANSCENDENTAL: ReadonlySet<string> = new Set(["exp", "log", "tanh", "erf", "sin", "cos"]);

/** Whether computing this node, without its operands, costs many instructions. */
export function isExpensive(e: Expression): boolean {
  return e.kind === "unary" && TRANSCENDENTAL.has(e.operation);
}

/** Approximate nanoseconds on the CPU to compute formulas for an element. */
export function costOf(roots: readonly Expression[]): number {
  return inOrder(roots).reduce((cost, e) => cost + (isExpensive(e) ? 0.6 : 0.03), 0);
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
  known: ReadonlyMap<Expression, Vector>,
  leaf: Known,
): ReadonlyMap<Expression, Vector> {
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
