import { named } from "../apply.ts";
import * as ex from "../formula/expression.ts";
import type { Expression } from "../formula/expression.ts";
import { defineProgram } from "../formula/program.ts";
import { isFloat } from "../layout.ts";
import { checkTensor, type Tensor, type TensorOrNumber } from "../tensor.ts";
import { sqrt, square, type Unary, unary } from "./elementwise.ts";
import { runProgram } from "./program.ts";

/** aᵇ as e^(b·log|a|), with the sign of the base, which may be a negative zero. */
function powerOf(a: Expression, b: Expression): Expression {
  const size = ex.abs(a);
  // 1 to any power, also ∞ and NaN, is 1; by the logarithm it would be NaN.
  const magnitude = ex.select(ex.equal(size, 1), 1, ex.exp(ex.multiply(b, ex.log(size))));
  const isInteger = ex.equal(b, ex.floor(b));
  const half = ex.multiply(b, 0.5);
  const isOdd = ex.multiply(isInteger, ex.subtract(1, ex.equal(half, ex.floor(half))));
  const isNegative = ex.less(ex.select(ex.equal(a, 0), ex.divide(1, a), a), 0);
  const signed = ex.select(ex.multiply(isOdd, isNegative), ex.negate(magnitude), magnitude);
  const isFinite = ex.multiply(ex.less(-Infinity, a), ex.less(a, 0));
  const isUndefined = ex.multiply(isFinite, ex.subtract(1, isInteger));
  return ex.select(ex.equal(b, 0), 1, ex.select(isUndefined, NaN, signed));
}

/** b · aᵇ⁻¹, and 0 for b = 0. */
const slopeByBase = (a: Expression, b: Expression): Expression =>
  ex.select(ex.equal(b, 0), 0, ex.multiply(b, powerOf(a, ex.subtract(b, 1))));

/** aᵇ · log a, and 0 for a = 0 unless aᵇ is infinite. */
const slopeByExponent = (a: Expression, b: Expression): Expression =>
  ex.select(
    ex.multiply(ex.equal(a, 0), ex.lessEqual(0, b)),
    0,
    ex.multiply(powerOf(a, b), ex.log(a)),
  );

const tensors = defineProgram(
  { name: "pow", inputs: ["a", "b"] },
  ({ a, b }) => [powerOf(a, b)],
  ({ a, b }) => ({ a: slopeByBase(a, b), b: slopeByExponent(a, b) }),
);
const number = defineProgram(
  { name: "pow", inputs: ["a"], scalars: ["b"] },
  ({ a, b }) => [powerOf(a, b)],
  ({ a, b }) => ({ a: slopeByBase(a, b) }),
);

const cube = (x: Expression): Expression => ex.multiply(x, ex.square(x));
/** Small integer powers are multiplied out, which is exact where the logarithm is not. */
const exactPowers = new Map<number, Unary>([
  [0.5, sqrt],
  [1, unary("pow 1", (x) => ex.multiply(x, 1))],
  [2, square],
  [3, unary("pow 3", cube)],
  [4, unary("pow 4", (x) => ex.square(ex.square(x)))],
  [-1, unary("pow -1", (x) => ex.divide(1, x))],
  [
    -2,
    unary("pow -2", (x) => ex.divide(1, ex.square(x)), { slope: (x) => ex.divide(-2, cube(x)) }),
  ],
]);

/**
 * aᵇ; NaN for a finite negative base and a fractional exponent. Unlike in PyTorch, (−0)^−0.5 is ∞ and
 * (−∞)^−0.5 is 0, as IEEE 754 defines them. Unlike `Math.pow`, and like both, 1 to any power is 1,
 * even to ∞ and NaN.
 */
export function power(a: Tensor, b: TensorOrNumber): Tensor {
  if (typeof b !== "number") {
    checkTensor("compute pow", b, "a tensor or a number");
    return runProgram(tensors, [a, b]);
  }
  // The general program says what is wrong with integers.
  const exactly = isFloat(a.dtype) ? exactPowers.get(b) : undefined;
  return exactly === undefined ? runProgram(number, [a], [b]) : named("pow", exactly(a));
}
