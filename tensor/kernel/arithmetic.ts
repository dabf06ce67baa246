/** The computation of each node of a formula, in floats and in 32-bit integers. @module */

import { Error } from "../errors.ts";
import type { Expression, ReduceOperation } from "../formula/expression.ts";
import { identities } from "../formula/program.ts";
import type { IntVector, Mask, Vector, VectorBuilder } from "./language.ts";
import { cos, erf, log, sin, tanh } from "./math.ts";

type Unary = Expression & { kind: "unary" };
type Binary = Expression & { kind: "binary" };
type Values<V> = (e: Expression) => V;

/** The number type in which formulas are computed. */
export interface Arithmetic {
  readonly k: VectorBuilder;
  readonly isInteger: boolean;
  /**
   * Computes one node.
   *
   * @param valueOf Values of its operands.
   * @param isFree Whether nothing else uses an operand, which then need not be computed.
   */
  readonly compute: (
    e: Expression,
    valueOf: Values<Vector>,
    isFree: (e: Expression) => boolean,
  ) => Vector;
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

const METHODS = { sum: "add", max: "max", min: "min" } as const;
const METHODS_WITHOUT_NAN = { sum: "add", max: "pseudoMax", min: "pseudoMin" } as const;

export function floatArithmetic(k: VectorBuilder): Arithmetic {
  return {
    k,
    isInteger: false,
    compute: (e, valueOf, isFree) => computeFloats(k, e, valueOf, isFree),
    identityOf: (operation) => k.vector(identities.floats[operation]),
    combine: (operation, a, b, keepsNaN = true) =>
      a[(keepsNaN ? METHODS : METHODS_WITHOUT_NAN)[operation]](b),
  };
}

export function integerArithmetic(k: VectorBuilder): Arithmetic {
  return {
    k,
    isInteger: true,
    compute: (e, valueOf) => k.wrap(computeIntegers(k, e, (a) => k.unwrap(valueOf(a)))),
    identityOf: (operation) => k.wrap(k.intVector(identities.integers[operation])),
    combine: (operation, a, b) => k.wrap(k.unwrap(a)[METHODS[operation]](k.unwrap(b))),
  };
}

const ONE_BITS = 0x3f800000;
const FUNCTIONS = { sign, log, tanh, sin, cos, erf };

/**
 * Computes a node in floats. A product that is only added to something becomes a multiply-add, fused
 * if supported.
 *
 * @param isFree Whether nothing else uses an operand.
 */
function computeFloats(
  k: VectorBuilder,
  e: Expression,
  valueOf: Values<Vector>,
  isFree: (e: Expression) => boolean,
): Vector {
  switch (e.kind) {
    case "constant":
      return k.vector(e.value);
    case "unary":
      return unary(k, e, valueOf(e.a));
    case "binary":
      return binary(e, valueOf, isFree);
    case "select":
      return maskOf(e.condition, valueOf, isFree).select(valueOf(e.a), valueOf(e.b));
    case "broadcast":
    case "detach":
      return valueOf(e.a);
    default:
      throw new Error(`Cannot print a formula: ${e.kind} is not known here`);
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

function binary(
  e: Binary,
  valueOf: Values<Vector>,
  isFree: (e: Expression) => boolean,
): Vector {
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
    case "divide":
    case "max":
    case "min":
      return a[e.operation](b);
    case "less":
    case "lessEqual":
    case "equal":
      return a[e.operation](b).where(ONE_BITS).asF32x4();
  }
}

/** A condition as a mask; avoids the conversion to 1 and 0 if nothing else uses the comparison. */
function maskOf(
  e: Expression,
  valueOf: Values<Vector>,
  isFree: (e: Expression) => boolean,
): Mask {
  if (e.kind === "binary" && isFree(e)) {
    const { operation } = e;
    if (operation === "less" || operation === "lessEqual" || operation === "equal") {
      return valueOf(e.a)[operation](valueOf(e.b));
    }
  }
  return valueOf(e).notEqual(0);
}

/** Computes a node in integers, which wrap around. */
function computeIntegers(
  k: VectorBuilder,
  e: Expression,
  valueOf: Values<IntVector>,
): IntVector {
  switch (e.kind) {
    case "constant":
      return k.intVector(e.value);
    case "unary":
      return k.intVector(0).subtract(valueOf(e.a));
    case "binary":
      return integerBinary(e, valueOf(e.a), valueOf(e.b));
    case "select":
      return valueOf(e.condition).equal(0).select(valueOf(e.b), valueOf(e.a));
    case "broadcast":
    case "detach":
      return valueOf(e.a);
    default:
      throw new Error(`Cannot print a formula: ${e.kind} is not known here`);
  }
}

function integerBinary({ operation }: Binary, a: IntVector, b: IntVector): IntVector {
  switch (operation) {
    case "add":
    case "subtract":
    case "multiply":
    case "max":
    case "min":
      return a[operation](b);
    case "less":
    case "equal":
      return a[operation](b).where(1);
    case "lessEqual":
      return b.less(a).where(-1).add(1);
    case "divide":
      throw new Error("Cannot print a formula: integers are not divided");
  }
}
