/**
 * Elementwise operations, each one formula, from which its kernels and its gradient are derived.
 *
 * Tensors are broadcast against each other. A number in place of a tensor is a kernel argument, so
 * changing it compiles nothing.
 *
 * @module
 */

import { type Gradient, named, noteRounded } from "../apply.ts";
import type { Device, View } from "../device.ts";
import { checkIsNumber, checkThat } from "../checks.ts";
import { checkDType, checkShape, type DType, isFloat, promote } from "../layout.ts";
import { wrongState, wrongType, wrongValue } from "../errors.ts";
import * as ex from "../formula/expression.ts";
import type { Expression, Operand } from "../formula/expression.ts";
import { copyProgram, defineProgram, makeProgram, type Program } from "../formula/program.ts";
import { isGradEnabled, noGrad } from "../grad_mode.ts";
import { allocate, checkTensor, type Tensor, type TensorOrNumber } from "../tensor.ts";
import { runProgram, runProgramInto, runProgramOn } from "./program.ts";

/** An operation of one tensor. */
export type Unary = (x: Tensor) => Tensor;
/** The formula of one. */
export type UnaryFormula = (x: Expression) => Expression;
type Binary = (a: Tensor, b: TensorOrNumber) => Tensor;
type Formula = (a: Expression, b: Expression) => Expression;

/**
 * Defines an operation of one tensor, of floats or, with `overIntegers`, of integers as well.
 *
 * @param options.slope The derivative, where that of the formula is not a number at the edges.
 */
export function unary(
  name: string,
  formula: UnaryFormula,
  { slope, overIntegers = false }: { slope?: UnaryFormula; overIntegers?: boolean } = {},
): Unary {
  const program = defineProgram(
    { name, inputs: ["x"], overIntegers },
    ({ x }) => [formula(x)],
    slope && (({ x }) => ({ x: slope(x) })),
  );
  return (x) =>
    runProgram(program, [x], [], overIntegers && x.dtype === "int32" ? "int32" : undefined);
}

function pairProgram(name: string, formula: Formula, overIntegers: boolean): Program {
  return defineProgram({ name, inputs: ["a", "b"], overIntegers }, ({ a, b }) => [formula(a, b)]);
}

/**
 * Defines an operation of a tensor and a tensor or number. `name` is that of the tensor's method;
 * `ofIntegers` the result dtype for two `int32` operands, or `null` if they are not allowed.
 */
function binary(
  name: string,
  formula: Formula,
  ofIntegers: "int32" | "float32" | null,
  program = pairProgram(name, formula, ofIntegers !== null),
): Binary {
  const what = `compute ${name}`;
  const overIntegers = ofIntegers !== null;
  const number = defineProgram(
    { name, inputs: ["a"], scalars: ["b"], overIntegers },
    ({ a, b }) => [formula(a, b)],
  );
  return (a, b) => {
    const isInteger = overIntegers && a.dtype === "int32";
    // Comparisons of small floats, too, or their sums would be rounded.
    const dtype = isInteger || ofIntegers === "float32" ? ofIntegers! : undefined;
    if (typeof b !== "number") {
      checkTensor(what, b, "a tensor or a number");
      return runProgram(program, [a, b], [], dtype);
    }
    if (isInteger) checkInteger(what, b);
    return runProgram(number, [a], [b], dtype);
  };
}

/** Checks a number for an operation on `int32`. */
export function checkInteger(what: string, value: number): void {
  if ((value | 0) === value) return;
  throw wrongValue(what, "a 32-bit integer for int32", value);
}

export const multiplyProgram: Program = pairProgram("mul", ex.multiply, true);

export const add: Binary = binary("add", ex.add, "int32");
export const subtract: Binary = binary("sub", ex.subtract, "int32");
export const multiply: Binary = binary("mul", ex.multiply, "int32", multiplyProgram);
export const divide: Binary = binary("div", ex.divide, null);
/** The maximum of a and b; ties share the gradient equally. */
export const maximum: Binary = binary("maximum", ex.max, "int32");
export const minimum: Binary = binary("minimum", ex.min, "int32");
/** 1 where a < b, else 0. */
export const less: Binary = binary("lt", ex.less, "float32");
export const lessEqual: Binary = binary("le", ex.lessEqual, "float32");
export const greater: Binary = binary("gt", (a, b) => ex.less(b, a), "float32");
export const greaterEqual: Binary = binary("ge", (a, b) => ex.lessEqual(b, a), "float32");
/** 1 where a = b, else 0. */
export const equal: Binary = binary("eq", ex.equal, "float32");
/** 1 where a ≠ b, else 0: NaN differs from everything. */
export const notEqual: Binary = binary("ne", (a, b) => ex.subtract(1, ex.equal(a, b)), "float32");

export const negate: Unary = unary("neg", ex.negate, { overIntegers: true });
/** eˣ */
export const exp: Unary = unary("exp", ex.exp);
export const log: Unary = unary("log", ex.log);
export const sqrt: Unary = unary("sqrt", ex.sqrt);
export const square: Unary = unary("square", ex.square);
export const tanh: Unary = unary("tanh", ex.tanh);

/** 1 / (1 + e⁻ˣ) */
export const sigmoid: Unary = unary("sigmoid", ex.sigmoid);
/** ReLU: x where positive, else 0. Testing for "not positive" keeps NaN. */
export function reluOf(x: Expression): Expression {
  return ex.select(ex.lessEqual(x, 0), 0, x);
}

/** ReLU: x where positive, else 0; the gradient at 0 is 0. */
export const relu: Unary = unary("relu", reluOf);

const reluSquaredProgram = defineProgram(
  { name: "reluSquared", inputs: ["x"] },
  ({ x }) => [ex.square(reluOf(x))],
);
const reluSquaredGradient = defineProgram(
  { name: "reluSquared gradient", inputs: ["y", "upstream"] },
  ({ y, upstream }) => [
    ex.select(ex.lessEqual(y, 0), 0, ex.multiply(ex.multiply(2, ex.sqrt(y)), upstream)),
  ],
);
/** The derivative of y = relu(x)² is 2 relu(x) = 2 √y: backward keeps y, and not x beside it. */
const reluSquaredFromOutput: Gradient<readonly number[]> = {
  savesOutputs: [0],
  apply: (upstream, saved) => [runProgram(reluSquaredGradient, [saved.output(0), upstream])],
};

/**
 * ReLU². Its gradient is computed from its output, so that the input need not be kept: it is 0 or
 * infinite where the output is, from 1.8e19 on. In float16, which rounds outputs below 6e-8 to 0, the
 * input is kept. Source: So et al., "Primer" (2021).
 */
export function reluSquared(x: Tensor): Tensor {
  const gradient = x.dtype === "float16" ? undefined : reluSquaredFromOutput;
  return runProgram(reluSquaredProgram, [x], [], undefined, gradient);
}
/** SiLU: x · sigmoid(x). Source: Elfwing et al. (2017). */
export const silu: Unary = unary("silu", (x) => ex.multiply(x, ex.sigmoid(x)));

/** Soft-capping as a formula, for programs that contain it. */
export const softcapOf = (x: Expression, cap: Operand): Expression =>
  ex.multiply(cap, ex.tanh(ex.divide(x, cap)));
const softcapProgram = defineProgram(
  { name: "softcap", inputs: ["x"], scalars: ["cap"] },
  ({ x, cap }) => [softcapOf(x, cap)],
);

/** Soft-capping: cap · tanh(x / cap), smoothly between −cap and cap. Source: Gemma 2 (2024). */
export function softcap(x: Tensor, cap: number): Tensor {
  checkThat(cap > 0, "compute softcap", "a cap above 0", cap);
  return runProgram(softcapProgram, [x], [cap]);
}

const whereProgram = defineProgram(
  { name: "where", inputs: ["condition", "a", "b"], overIntegers: true },
  ({ condition, a, b }) => [ex.select(condition, a, b)],
);

/**
 * `a` where the condition, of any dtype, is not 0, else `b`. No gradient flows to the value not
 * selected.
 *
 * @throws {TypeError} If one of `a` and `b` is `int32` and the other a tensor of floats.
 * @throws {RangeError} If one of them is `int32` and the other a number that is no 32-bit integer.
 */
export function where(condition: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor {
  checkTensor("compute where", condition);
  for (const x of [a, b]) {
    if (typeof x !== "number") checkTensor("compute where", x, "a tensor or a number");
  }
  const dtypes = [a, b].flatMap((x) => typeof x === "number" ? [] : [x.dtype]);
  const isInteger = dtypes.includes("int32");
  if (isInteger && dtypes.some(isFloat)) {
    throw wrongType("compute where", "two values of one dtype", dtypes.join(" and "));
  }
  const dtype = isInteger ? "int32" : promote(dtypes);
  const lift = (x: TensorOrNumber) => {
    if (typeof x !== "number") return x;
    if (isInteger) checkInteger("compute where", x);
    return fill(condition.device, [], x, dtype);
  };
  let test = condition;
  // Plain conversion would make 0.5 false.
  if (isInteger) test = cast(isFloat(test.dtype) ? notEqual(test, 0) : test, "int32");
  else if (!isFloat(test.dtype)) test = cast(test, "float32");
  return runProgram(whereProgram, [test, lift(a), lift(b)], [], dtype);
}

/** Like {@linkcode copyInto}, for operations: takes raw views. */
export function copyView(device: Device, source: View, target: View): void {
  runProgramOn(device, copyProgram, [source], [target]);
}

/**
 * Copies elements, casting between dtypes. Source and target may overlap. Nothing is recorded.
 *
 * @throws {TypeError} If one is no tensor.
 * @throws {RangeError} If the source does not broadcast to the target's shape.
 * @throws {Error} If a gradient would be lost: the source needs one, and gradients are on.
 */
export function copyInto(source: Tensor, target: Tensor): void {
  checkTensor("copy", source);
  checkTensor("copy", target);
  if (source.requiresGrad && isGradEnabled()) {
    throw wrongState("copy", "a source that needs no gradient", "one that does: detach() it");
  }
  if (source.storage !== target.storage) return runProgramInto(copyProgram, [source], [target]);
  // Elements might be overwritten before they are read.
  using _copy = target.device.scopes.openSync();
  runProgramInto(copyProgram, [noGrad(() => copy(source))], [target]);
}

const castProgram = makeProgram({ ...copyProgram, name: "to" });

/** A contiguous copy, maybe in another dtype. */
function copyAs(x: Tensor, dtype: DType): Tensor {
  return runProgram(castProgram, [x], [], dtype);
}

/** A contiguous copy. */
export function copy(x: Tensor): Tensor {
  return named("copy", copyAs(x, x.dtype));
}

/** Casts to another dtype; returns the same tensor if it has that dtype. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  checkDType("convert a tensor", dtype);
  const result = copyAs(x, dtype);
  noteRounded(result, x);
  return result;
}

const fillProgram = defineProgram(
  { name: "fill", inputs: [], scalars: ["value"], overIntegers: true },
  ({ value }) => [value],
);

/** Fills a view with one number, for operations. */
export function fillView(device: Device, target: View, value: number): void {
  runProgramOn(device, fillProgram, [], [target], [value]);
}

/**
 * A tensor filled with one number.
 *
 * @throws {TypeError} If there is no such dtype.
 * @throws {RangeError} If the dtype is `int32` and the number is not a 32-bit integer.
 */
export function fill(
  device: Device,
  shape: readonly number[],
  value: number,
  dtype: DType = "float32",
): Tensor {
  checkShape(shape, "fill a tensor");
  checkDType("fill a tensor", dtype);
  checkIsNumber("fill a tensor", "a number", value);
  if (dtype === "int32") checkInteger("fill a tensor", value);
  const tensor = allocate(device, { shape: [...shape], dtype }, "fill");
  fillView(device, tensor, value);
  return tensor;
}

export const addProgram: Program = defineProgram(
  { name: "accumulate", inputs: ["a", "b"] },
  ({ a, b }) => [ex.add(a, b)],
);

/** Adds `b` to `a` in place. Not recorded. */
export function addInPlace(a: Tensor, b: Tensor): void {
  runProgramInto(addProgram, [a, b], [a]);
}
