/**
 * Builds formulas, elementwise or along rows: the nodes are in `program.ts`. What has a neutral operand, or
 * constants alone, becomes simpler at once.
 *
 * @module
 */

import { describeValue } from "../checks.ts";
import { wrongType } from "../errors.ts";
import {
  type BinaryOperation,
  type Expression,
  intern,
  type ReduceOperation,
  type UnaryOperation,
} from "./program.ts";

export {
  type BinaryOperation,
  type Expression,
  type ExpressionKind,
  input,
  type ReduceOperation,
  scalar,
  type UnaryOperation,
} from "./program.ts";

/** A compile-time constant. */
export function constant(value: number): Expression {
  const key = Object.is(value, -0) ? "-0" : String(value);
  return intern(`constant ${key}`, { kind: "constant", value }, false);
}

/** Index within the row, from 0. */
export const columnIndex: Expression = intern("columnIndex", { kind: "columnIndex" }, true);

/** An operand: a formula, or a number for {@linkcode constant}. */
export type Operand = Expression | number;

function lift(operand: Operand): Expression {
  if (typeof operand === "number") return constant(operand);
  if (typeof operand?.id === "number") return operand;
  throw wrongType("build a formula", "a formula or a number", describeValue(operand));
}

const isConstant = (e: Expression, value: number): boolean =>
  e.kind === "constant" && Object.is(e.value, value);

/** Binary operations in double precision. */
export const binaryFunctions: Readonly<Record<BinaryOperation, (a: number, b: number) => number>> =
  {
    add: (a, b) => a + b,
    subtract: (a, b) => a - b,
    multiply: (a, b) => a * b,
    divide: (a, b) => a / b,
    max: Math.max,
    min: Math.min,
    less: (a, b) => Number(a < b),
    lessEqual: (a, b) => Number(a <= b),
    equal: (a, b) => Number(a === b),
  };

/** Applies a unary operation by name. */
export function unary(operation: UnaryOperation, operand: Operand): Expression {
  const a = lift(operand);
  if (operation === "negate") {
    if (a.kind === "constant") return constant(-a.value);
    if (a.kind === "unary" && a.operation === "negate") return a.a;
  }
  return intern(`${operation} ${a.id}`, { kind: "unary", operation, a }, a.varies);
}

/** Applies a binary operation by name. */
export function binary(operation: BinaryOperation, first: Operand, second: Operand): Expression {
  const a = lift(first);
  const b = lift(second);
  const simpler = simplify(operation, a, b);
  if (simpler !== null) return simpler;
  if (a.kind === "constant" && b.kind === "constant") {
    return constant(binaryFunctions[operation](a.value, b.value));
  }
  return intern(
    `${operation} ${a.id} ${b.id}`,
    { kind: "binary", operation, a, b },
    a.varies || b.varies,
  );
}

/** The result of an operation that need not be computed: with a neutral constant, or the factor 0. */
function simplify(operation: BinaryOperation, a: Expression, b: Expression): Expression | null {
  switch (operation) {
    case "add":
      return isConstant(a, 0) ? b : isConstant(b, 0) ? a : null;
    case "subtract":
      return isConstant(b, 0) ? a : isConstant(a, 0) ? negate(b) : null;
    case "multiply":
      if (isConstant(a, 0) || isConstant(b, 0)) return constant(0);
      if (isConstant(a, 1)) return b;
      if (isConstant(b, 1)) return a;
      if (isConstant(a, -1)) return negate(b);
      return isConstant(b, -1) ? negate(a) : null;
    case "divide":
      return isConstant(b, 1) ? a : null;
    default:
      return null;
  }
}

/** a + b */
export const add = (a: Operand, b: Operand): Expression => binary("add", a, b);
/** a − b */
export const subtract = (a: Operand, b: Operand): Expression => binary("subtract", a, b);
/** a · b. The constant 0 makes the result 0 even if the other factor is NaN. */
export const multiply = (a: Operand, b: Operand): Expression => binary("multiply", a, b);
/** a / b */
export const divide = (a: Operand, b: Operand): Expression => binary("divide", a, b);
/** The maximum of a and b; NaN if either is NaN. */
export const max = (a: Operand, b: Operand): Expression => binary("max", a, b);
/** The minimum of a and b; NaN if either is NaN. */
export const min = (a: Operand, b: Operand): Expression => binary("min", a, b);
/** 1 where a < b, else 0. */
export const less = (a: Operand, b: Operand): Expression => binary("less", a, b);
/** 1 where a ≤ b, else 0. */
export const lessEqual = (a: Operand, b: Operand): Expression => binary("lessEqual", a, b);
/** 1 where a = b, else 0. */
export const equal = (a: Operand, b: Operand): Expression => binary("equal", a, b);
/** −a */
export const negate = (a: Operand): Expression => unary("negate", a);
/** eᵃ */
export const exp = (a: Operand): Expression => unary("exp", a);
/** The natural logarithm. */
export const log = (a: Operand): Expression => unary("log", a);
/** The hyperbolic tangent. */
export const tanh = (a: Operand): Expression => unary("tanh", a);
/** The square root. */
export const sqrt = (a: Operand): Expression => unary("sqrt", a);
/** The absolute value. */
export const abs = (a: Operand): Expression => unary("abs", a);
/** −1, 0 or 1. Unlike in PyTorch, NaN at NaN. */
export const sign = (a: Operand): Expression => unary("sign", a);
/** The largest integer not above a. */
export const floor = (a: Operand): Expression => unary("floor", a);
/** The sine, in radians. For huge arguments, any number from −1 to 1. */
export const sin = (a: Operand): Expression => unary("sin", a);
/** The cosine, in radians. For huge arguments, any number from −1 to 1. */
export const cos = (a: Operand): Expression => unary("cos", a);
/** The error function. */
export const erf = (a: Operand): Expression => unary("erf", a);
/** a² */
export const square = (a: Operand): Expression => multiply(a, a);

/**
 * `first` where the condition is not 0, else `second`. The value not selected may be NaN or
 * infinite.
 */
export function select(condition: Operand, first: Operand, second: Operand): Expression {
  const test = lift(condition);
  const a = lift(first);
  const b = lift(second);
  if (a === b) return a;
  if (test.kind === "constant") return test.value !== 0 ? a : b;
  return intern(
    `select ${test.id} ${a.id} ${b.id}`,
    { kind: "select", condition: test, a, b },
    test.varies || a.varies || b.varies,
  );
}

/**
 * The logistic function 1 / (1 + e⁻ᵃ), computed from e^−|a|, which cannot overflow. The gradient of
 * the plain formula is 0 · ∞ where e⁻ᵃ overflows.
 */
export function sigmoid(operand: Operand): Expression {
  const a = lift(operand);
  const isNegative = less(a, 0);
  const power = exp(select(isNegative, a, negate(a)));
  return divide(select(isNegative, power, 1), add(1, power));
}

/** Applies a row reduction by name. */
export function reduce(operation: ReduceOperation, operand: Operand): Expression {
  const a = broadcast(operand);
  return intern(`reduce ${operation} ${a.id}`, { kind: "reduce", operation, a }, false);
}

/** The sum over the row; 0 for an empty row. */
export const rowSum = (a: Operand): Expression =>
  isConstant(lift(a), 0) ? constant(0) : reduce("sum", a);
/** The maximum of the row; −∞ for an empty row, NaN if any element is NaN. */
export const rowMax = (a: Operand): Expression => reduce("max", a);
/** The minimum of the row; ∞ for an empty row, NaN if any element is NaN. */
export const rowMin = (a: Operand): Expression => reduce("min", a);
/** The number of elements in the row. */
export const rowLength: Expression = intern("rowLength", { kind: "rowLength" }, false);
/** The mean over the row. */
export const rowMean = (a: Operand): Expression => divide(rowSum(a), rowLength);

/** A per-row value, broadcast to every element of the row. */
export function broadcast(operand: Operand): Expression {
  const a = lift(operand);
  return a.varies ? a : intern(`broadcast ${a.id}`, { kind: "broadcast", a }, true);
}

/** The same value, treated as a constant by differentiation (stop-gradient). */
export function detach(operand: Operand): Expression {
  const a = lift(operand);
  return intern(`detach ${a.id}`, { kind: "detach", a }, a.varies);
}
