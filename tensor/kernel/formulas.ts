/** Writes the formulas of programs as code, in floats or in 32-bit integers. @module */

import { Error } from "../errors.ts";
import {
  type BinaryOperation,
  type Expression,
  inOrder,
  operandsOf,
  type ReduceOperation,
} from "../formula/expression.ts";
import { identities } from "../formula/program.ts";
import type { IntVector, Lanes, Mask, Vector, VectorBuilder } from "./language.ts";
import { cos, erf, log, sin, tanh } from "./math.ts";

/** The number type in which formulas are computed. Integers are wrapped as floats. */
export interface Arithmetic {
  readonly k: VectorBuilder;
  readonly isInteger: boolean;
  /** Computes one node. */
  readonly compute: (e: Expression, valueOf: Values<Vector>, isFree: IsFree) => Vector;
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
type Values<V> = (e: Expression) => V;
/** Whether nothing else uses an operand, which then need not be computed. */
type IsFree = (e: Expression) => boolean;

type Unary = Expression & { kind: "unary" };
type Binary = Expression & { kind: "binary" };

const METHODS = { sum: "add", max: "max", min: "min" } as const;
const METHODS_WITHOUT_NAN = { sum: "add", max: "pseudoMax", min: "pseudoMin" } as const;
const ONE_BITS = 0x3f800000;
const FUNCTIONS = { sign, log, tanh, sin, cos, erf };

export function floatArithmetic(k: VectorBuilder): Arithmetic {
  const kind: Kind<Vector> = {
    constant: (value) => k.vector(value),
    truth: (mask) => mask.where(ONE_BITS).asF32x4(),
    select: (mask, a, b) => mask.select(a, b),
  };
  return {
    k,
    isInteger: false,
    compute: (e, valueOf, isFree) => {
      if (e.kind === "unary") return unary(k, e, valueOf(e.a));
      return quotientOrFused(e, valueOf, isFree) ?? compute(kind, e, valueOf, isFree);
    },
    identityOf: (operation) => k.vector(identities.floats[operation]),
    combine: (operation, a, b, keepsNaN = true) =>
      a[(keepsNaN ? METHODS : METHODS_WITHOUT_NAN)[operation]](b),
  };
}

/** Integers wrap around. */
export function integerArithmetic(k: VectorBuilder): Arithmetic {
  const kind: Kind<IntVector> = {
    constant: (value) => k.intVector(value),
    truth: (mask) => mask.where(1),
    select: (mask, a, b) => mask.select(a, b),
  };
  return {
    k,
    isInteger: true,
    compute: (e, valueOf, isFree) =>
      k.wrap(compute(kind, e, (operand) => k.unwrap(valueOf(operand)), isFree)),
    identityOf: (operation) => k.wrap(k.intVector(identities.integers[operation])),
    combine: (operation, a, b) => k.wrap(k.unwrap(a)[METHODS[operation]](k.unwrap(b))),
  };
}

/** The operations that differ between floats and integers. */
interface Kind<V> {
  constant(value: number): V;
  /** 1 where a comparison holds, else 0. */
  truth(mask: Mask): V;
  select(mask: Mask, a: V, b: V): V;
}

/** Computes a node of an operation that floats and integers have. */
function compute<V extends Lanes<V>>(
  kind: Kind<V>,
  e: Expression,
  valueOf: Values<V>,
  isFree: IsFree,
): V {
  switch (e.kind) {
    case "constant":
      return kind.constant(e.value);
    case "unary":
      return valueOf(e.a).negate();
    case "binary": {
      const { operation, a, b } = e;
      if (operation === "divide") break;
      if (isComparison(operation)) return kind.truth(valueOf(a)[operation](valueOf(b)));
      return valueOf(a)[operation](valueOf(b));
    }
    case "select":
      return kind.select(maskOf(e.condition, valueOf, isFree), valueOf(e.a), valueOf(e.b));
    case "broadcast":
    case "detach":
      return valueOf(e.a);
  }
  throw new Error(`Cannot print a formula: ${e.kind} is not known here`);
}

function isComparison(operation: BinaryOperation): operation is "less" | "lessEqual" | "equal" {
  return ["less", "lessEqual", "equal"].includes(operation);
}

/** A condition as a mask: without the detour by 1 and 0 if nothing else uses the comparison. */
function maskOf<V extends Lanes<V>>(e: Expression, valueOf: Values<V>, isFree: IsFree): Mask {
  if (e.kind === "binary" && isComparison(e.operation) && isFree(e)) {
    return valueOf(e.a)[e.operation](valueOf(e.b));
  }
  return valueOf(e).notEqual(0);
}

/** A quotient; or a sum with a product that nothing else uses, fused if supported. */
function quotientOrFused(e: Expression, valueOf: Values<Vector>, isFree: IsFree): Vector | null {
  if (e.kind !== "binary") return null;
  const product = (operand: Expression): Binary | null =>
    operand.kind === "binary" && operand.operation === "multiply" && isFree(operand)
      ? operand
      : null;
  const [first, second] = [product(e.a), product(e.b)];
  switch (e.operation) {
    case "divide":
      return valueOf(e.a).divide(valueOf(e.b));
    case "add":
      if (first) return valueOf(first.a).multiplyAdd(valueOf(first.b), valueOf(e.b));
      return second && valueOf(second.a).multiplyAdd(valueOf(second.b), valueOf(e.a));
    case "subtract":
      return second && valueOf(second.a).negativeMultiplyAdd(valueOf(second.b), valueOf(e.a));
    default:
      return null;
  }
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
