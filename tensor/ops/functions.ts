/**
 * Elementwise functions that no step of a GPT needs, each one formula; see `elementwise.ts`.
 *
 * Where a formula's own derivative is not a number at the edges, the slope is given beside it.
 *
 * @module
 */

import { checkIsNumber, describeValue } from "../checks.ts";
import { wrongType, wrongValue } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import type { Expression, Operand } from "../formula/expression.ts";
import { defineProgram, type Program } from "../formula/program.ts";
import { checkTensor, type Tensor, type TensorOrNumber } from "../tensor.ts";
import { checkInteger, fill, type Unary, unary, type UnaryFormula } from "./elementwise.ts";
import { divideIntegers } from "./integers.ts";
import { runProgram } from "./program.ts";

export const sin: Unary = unary("sin", ex.sin);
export const cos: Unary = unary("cos", ex.cos);
export const erf: Unary = unary("erf", ex.erf);
export const floor: Unary = unary("floor", ex.floor);
export const sign: Unary = unary("sign", ex.sign);
const ceilOf: UnaryFormula = (x) => ex.negate(ex.floor(ex.negate(x)));
export const ceil: Unary = unary("ceil", ceilOf);

/** To the nearest integer, and to the even one of two that are equally near. */
export const round: Unary = unary("round", (x) => {
  const below = ex.floor(x);
  const rest = ex.subtract(x, below);
  const half = ex.multiply(below, 0.5);
  const isOdd = ex.subtract(1, ex.equal(half, ex.floor(half)));
  const isUp = ex.select(ex.equal(rest, 0.5), isOdd, ex.less(0.5, rest));
  return ex.select(isUp, ceilOf(x), below);
});

/** log(1 + x): near 0 by the series of 2 artanh(x / (2 + x)), because 1 + x rounds. */
function log1pOf(x: Expression): Expression {
  const s = ex.divide(x, ex.add(2, x));
  const squared = ex.square(s);
  const series = [1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1].reduce(
    (sum: Operand, coefficient) => ex.add(ex.multiply(sum, squared), coefficient),
    0,
  );
  const isSmall = ex.less(ex.abs(x), 0.4);
  return ex.select(isSmall, ex.multiply(ex.multiply(2, s), series), ex.log(ex.add(1, x)));
}
export const log1p: Unary = unary("log1p", log1pOf, {
  slope: (x) => ex.divide(1, ex.add(1, x)),
});

/** eˣ − 1 = tanh(x / 2) · (eˣ + 1), which loses nothing near 0. */
const expm1Of: UnaryFormula = (x) =>
  ex.multiply(ex.tanh(ex.multiply(0.5, x)), ex.add(ex.exp(x), 1));
export const expm1: Unary = unary("expm1", expm1Of, { slope: ex.exp });

export const rsqrt: Unary = unary("rsqrt", (x) => ex.divide(1, ex.sqrt(x)));
export const reciprocal: Unary = unary("reciprocal", (x) => ex.divide(1, x));

/** Defines a test of floats: 0 or 1 in float32, whatever their dtype, so that many can be added up. */
function test(name: string, formula: UnaryFormula): Unary {
  const program = defineProgram({ name, inputs: ["x"] }, ({ x }) => [formula(x)]);
  return (x) => runProgram(program, [x], [], "float32");
}
export const isNaN: Unary = test("isNaN", (x) => ex.subtract(1, ex.equal(x, x)));
export const isFinite: Unary = test("isFinite", (x) => ex.less(ex.abs(x), Infinity));

/** log(1 + e^−|x|) */
const tail: UnaryFormula = (x) => log1pOf(ex.exp(ex.negate(ex.abs(x))));
/** log(1 + eˣ) */
export const softplus: Unary = unary("softplus", (x) => ex.add(ex.max(x, 0), tail(x)), {
  slope: ex.sigmoid,
});
/** log(1 / (1 + e⁻ˣ)) */
export const logSigmoid: Unary = unary(
  "logSigmoid",
  (x) => ex.subtract(ex.min(x, 0), tail(x)),
  { slope: (x) => ex.sigmoid(ex.negate(x)) },
);

/** x · min(max(x + 3, 0), 6) / 6. Source: Howard et al., "Searching for MobileNetV3" (2019). */
export const hardswish: Unary = unary(
  "hardswish",
  (x) => {
    const inside = ex.multiply(x, ex.divide(ex.add(x, 3), 6));
    return ex.select(ex.lessEqual(x, -3), 0, ex.select(ex.lessEqual(3, x), x, inside));
  },
  {
    slope: (x) => {
      const inside = ex.add(ex.divide(x, 3), 0.5);
      return ex.select(ex.less(x, -3), 0, ex.select(ex.less(3, x), 1, inside));
    },
  },
);

/** The square root with the gradient 0 at 0, as standard deviations have it. */
export const rootOfVariance: Unary = unary(
  "std",
  ex.sqrt,
  { slope: (x) => ex.select(ex.equal(x, 0), 0, ex.divide(0.5, ex.sqrt(x))) },
);

const eluProgram = defineProgram(
  { name: "elu", inputs: ["x"], scalars: ["alpha"] },
  ({ x, alpha }) => [ex.select(ex.less(0, x), x, ex.multiply(alpha, expm1Of(x)))],
  ({ x, alpha }) => ({ x: ex.select(ex.less(0, x), 1, ex.multiply(alpha, ex.exp(x))) }),
);

/** x where positive, else α · (eˣ − 1). Source: Clevert et al. (2015). */
export function elu(x: Tensor, alpha = 1): Tensor {
  checkIsNumber("compute elu", "a number for alpha", alpha);
  return runProgram(eluProgram, [x], [alpha]);
}

const leakyReluProgram = defineProgram(
  { name: "leakyRelu", inputs: ["x"], scalars: ["slope"] },
  ({ x, slope }) => [ex.select(ex.less(0, x), x, ex.multiply(slope, x))],
  ({ x, slope }) => ({ x: ex.select(ex.less(0, x), 1, slope) }),
);

/** x where positive, else slope · x. Source: Maas et al. (2013). */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  checkIsNumber("compute leakyRelu", "a number for the slope", slope);
  return runProgram(leakyReluProgram, [x], [slope]);
}

const geluTanh = unary("gelu", (x) => {
  const inner = ex.multiply(
    Math.sqrt(2 / Math.PI),
    ex.add(x, ex.multiply(0.044715, ex.multiply(x, ex.square(x)))),
  );
  return ex.multiply(ex.multiply(0.5, x), ex.add(1, ex.tanh(inner)));
});
const geluErf = unary(
  "gelu (erf)",
  (x) => ex.multiply(ex.multiply(0.5, x), ex.add(1, ex.erf(ex.multiply(Math.SQRT1_2, x)))),
);

/**
 * The Gaussian error linear unit, x · Φ(x). Unlike in PyTorch, `"erf"` of ∞ is ∞, not NaN. Source:
 * Hendrycks and Gimpel (2016).
 */
export function gelu(x: Tensor, approximation: "tanh" | "erf" = "tanh"): Tensor {
  if (approximation === "tanh") return geluTanh(x);
  if (approximation === "erf") return geluErf(x);
  throw wrongType("compute gelu", '"tanh" or "erf"', describeValue(approximation));
}

const absOfFloats = unary("abs", ex.abs);
/** Integers have fewer operations. */
const absOfIntegers = unary("abs", (x) => ex.select(ex.less(x, 0), ex.negate(x), x), {
  overIntegers: true,
});

/** The absolute value, with the gradient 0 at 0. Unlike in PyTorch, the gradient at NaN is NaN. */
export function abs(x: Tensor): Tensor {
  return x.dtype === "int32" ? absOfIntegers(x) : absOfFloats(x);
}

const clampProgram = defineProgram(
  { name: "clamp", inputs: ["x"], scalars: ["low", "high"], overIntegers: true },
  ({ x, low, high }) => [ex.select(ex.less(x, low), low, ex.select(ex.less(high, x), high, x))],
);

/**
 * Clamps x between `low` and `high`, outside of which the gradient is 0; `null` is no bound. Unlike
 * in PyTorch, the gradient at NaN is 1.
 *
 * @throws {RangeError} If `low` is above `high`.
 */
export function clamp(x: Tensor, low: number | null, high: number | null = null): Tensor {
  const what = "compute clamp";
  checkTensor(what, x);
  for (const bound of [low, high]) {
    if (bound !== null) checkIsNumber(what, "one or two numbers, as in clamp(0, 1)", bound);
    if (bound !== null && x.dtype === "int32") checkInteger(what, bound);
  }
  if (low === null && high === null) throw wrongType(what, "at least one bound", "none");
  if (low !== null && high !== null && low > high) {
    throw wrongValue(what, "the lower bound first", `${low} and ${high}`);
  }
  if (x.dtype === "int32") {
    return runProgram(clampProgram, [x], [low ?? -(2 ** 31), high ?? 2 ** 31 - 1], "int32");
  }
  return runProgram(clampProgram, [x], [low ?? -Infinity, high ?? Infinity]);
}

/** ⌊a / b⌋ and the rest, from 0 to below b: what the rounded quotient gets wrong by 1 is repaired. */
function divided(a: Expression, b: Expression): readonly [quotient: Expression, rest: Expression] {
  const quotient = ex.floor(ex.divide(a, b));
  // 0 · ∞ is not 0.
  const whole = ex.select(ex.equal(quotient, 0), 0, ex.multiply(quotient, b));
  const rest = ex.subtract(a, whole);
  const size = ex.multiply(rest, ex.sign(b));
  const correct = (value: Expression, less: Operand, more: Operand) =>
    ex.select(
      ex.less(size, 0),
      ex.add(value, less),
      ex.select(ex.lessEqual(ex.abs(b), size), ex.add(value, more), value),
    );
  return [correct(quotient, -1, 1), correct(rest, b, ex.negate(b))];
}

const floorDivideProgram = defineProgram(
  { name: "floorDivide", inputs: ["a", "b"] },
  ({ a, b }) => [divided(a, b)[0]],
);
const remainderProgram = defineProgram(
  { name: "remainder", inputs: ["a", "b"] },
  ({ a, b }) => [divided(a, b)[1]],
  ({ a, b }) => ({ a: ex.constant(1), b: ex.negate(ex.floor(ex.divide(a, b))) }),
);

/** For floats by a program; `b` may be a number. */
function ofFloats(program: Program, a: Tensor, b: TensorOrNumber): Tensor {
  const what = `compute ${program.name}`;
  if (typeof b !== "number") checkTensor(what, b, "a tensor or a number");
  return runProgram(program, [a, typeof b === "number" ? constantLike(a, b) : b]);
}

/** A number as a tensor of the dtype of another. */
function constantLike({ device, dtype }: Tensor, value: number): Tensor {
  return fill(device, [], value, dtype);
}

/** ⌊a / b⌋; of integers exactly, and −1 for b = 0. Its gradient is 0. */
export function floorDivide(a: Tensor, b: TensorOrNumber): Tensor {
  checkTensor("compute floorDivide", a);
  if (a.dtype === "int32") return divideIntegers("floorDivide", a, b);
  return ofFloats(floorDivideProgram, a, b);
}

/**
 * a − b · ⌊a / b⌋, with the sign of b, as in Python. Of floats that are many times larger than b it is
 * inexact; of integers exact, and a for b = 0.
 */
export function remainder(a: Tensor, b: TensorOrNumber): Tensor {
  checkTensor("compute remainder", a);
  if (a.dtype !== "int32") return ofFloats(remainderProgram, a, b);
  const quotient = divideIntegers("remainder", a, b);
  return a.sub(quotient.mul(b));
}
