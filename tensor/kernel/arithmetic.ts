/** What the nodes of formulas compute, in floats and in 32-bit integers. @module */

import { Error } from "../errors.ts";
import type { Expression } from "../expression/expression.ts";
import type { IntVector, Mask, Vector, VectorBuilder } from "./language.ts";
import { cos, erf, log, sin, tanh } from "./math.ts";

type Unary = Expression & { kind: "unary" };
type Binary = Expression & { kind: "binary" };
type Values<V> = (e: Expression) => V;

const ONE_BITS = 0x3f800000;

/**
 * Computes a node in floats. A product that is only added to something becomes a multiply-add, fused
 * if supported.
 *
 * @param isFree Whether nothing else uses an operand.
 */
export function computeFloats(
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
      return a.negate();
    case "sqrt":
      return a.sqrt();
    case "abs":
      return a.abs();
    case "floor":
      return a.floor();
    case "sign":
      return sign(k, a);
    case "exp":
      return isNonPositive(operand) ? k.expOfNonPositive(a) : k.exp(a);
    case "log":
      return log(k, a);
    case "tanh":
      return tanh(k, a);
    case "sin":
      return sin(k, a);
    case "cos":
      return cos(k, a);
    case "erf":
      return erf(k, a);
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
      return compare(e, valueOf).where(ONE_BITS).asF32x4();
  }
}

function compare({ operation, a, b }: Binary, valueOf: Values<Vector>): Mask {
  const [left, right] = [valueOf(a), valueOf(b)];
  if (operation === "less") return left.less(right);
  return operation === "equal" ? left.equal(right) : left.lessEqual(right);
}

/** A condition as a mask; avoids the conversion to 1 and 0 if nothing else uses the comparison. */
function maskOf(
  e: Expression,
  valueOf: Values<Vector>,
  isFree: (e: Expression) => boolean,
): Mask {
  const isComparison = e.kind === "binary" &&
    (e.operation === "less" || e.operation === "lessEqual" || e.operation === "equal");
  return isComparison && isFree(e) ? compare(e, valueOf) : valueOf(e).notEqual(0);
}

/** Computes a node in integers, which wrap around. */
export function computeIntegers(
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
      return a.add(b);
    case "subtract":
      return a.subtract(b);
    case "multiply":
      return a.multiply(b);
    case "max":
      return a.max(b);
    case "min":
      return a.min(b);
    case "less":
      return a.less(b).where(1);
    case "lessEqual":
      return b.less(a).where(-1).add(1);
    case "equal":
      return a.equal(b).where(1);
    case "divide":
      throw new Error("Cannot print a formula: integers are not divided");
  }
}
