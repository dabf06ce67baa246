/**
 * Expression operations in WGSL, scalar and vec4.
 *
 * WGSL's built-ins are not accurate enough: `max` drops NaN, `exp` may turn it into infinity,
 * `tanh` may be NaN from 89 on, `log` and `tanh` are allowed an absolute error (no correct digits
 * near their zeros), and `sin` and `cos` are only accurate between −π and π. Compilers may assume
 * the absence of NaN, and reject non-finite constants: hence the bit manipulation.
 *
 * @module
 */

import type { DType } from "../../dtype.ts";
import type { BinaryOperation, UnaryOperation } from "../../expression/expression.ts";

export type Width = 1 | 4;

export function wgslType(dtype: DType): "f32" | "f16" | "i32" {
  return ({ float32: "f32", float16: "f16", int32: "i32" } as const)[dtype];
}

/** The type in which formulas are computed. */
export type NumberType = "f32" | "i32";

export const valueType = (number: NumberType, width: Width): string =>
  width === 1 ? number : `vec4<${number}>`;

/** A number, clamped to 32-bit integers, as a WGSL expression of type `i32`. */
export function integerLiteral(value: number): string {
  const integer = Math.min(Math.max(Math.trunc(value), -(2 ** 31)), 2 ** 31 - 1);
  // WGSL reads -2147483648i as the negation of a literal that is out of range.
  return integer === -(2 ** 31) ? "(-2147483647i - 1i)" : `(${integer}i)`;
}

/** A number as a WGSL expression of type `f32`: `0.5f`, or `fromBits(0x7f800000u)` for infinity. */
export function literal(value: number): string {
  const single = Math.fround(value);
  const isPlain = Number.isFinite(single) && !Object.is(single, -0) &&
    (single === 0 || Math.abs(single) >= SMALLEST_NORMAL);
  if (isPlain) return single < 0 ? `(${single}f)` : `${single}f`;
  const bits = new Uint32Array(Float32Array.of(single).buffer)[0]!;
  return `fromBits(0x${bits.toString(16)}u)`;
}

const SMALLEST_NORMAL = 2 ** -126;

export const unaryNames: Readonly<Record<UnaryOperation, string>> = {
  negate: "-",
  exp: "exponential",
  log: "naturalLog",
  tanh: "hyperbolicTangent",
  sqrt: "sqrt",
  abs: "abs",
  sign: "signOf",
  floor: "floor",
  sin: "sine",
  cos: "cosine",
  erf: "errorFunction",
};

const isBuiltIn = new Set(["-", "sqrt", "abs", "floor"]);

export function unaryCode(operation: UnaryOperation, a: string, width: Width): string {
  const name = unaryNames[operation];
  return isBuiltIn.has(name) ? `${name}(${a})` : `${name}${width}(${a})`;
}

/** A binary operation as a WGSL expression. Comparisons with NaN are false. */
export function binaryCode(
  operation: BinaryOperation,
  a: string,
  b: string,
  width: Width,
  number: NumberType = "f32",
): string {
  const symbols = { add: "+", subtract: "-", multiply: "*", divide: "/" };
  const comparisons = { less: "<", lessEqual: "<=", equal: "==" };
  switch (operation) {
    case "max":
      return number === "i32" ? `max(${a}, ${b})` : `larger${width}(${a}, ${b})`;
    case "min":
      return number === "i32" ? `min(${a}, ${b})` : `smaller${width}(${a}, ${b})`;
    case "less":
    case "lessEqual":
    case "equal": {
      const type = valueType(number, width);
      return `select(${type}(0), ${type}(1), ${a} ${comparisons[operation]} ${b})`;
    }
    default:
      return `${a} ${symbols[operation]} ${b}`;
  }
}

/** Definitions of all functions that `code` uses, including those that they use. */
export function functionsFor(code: string): string {
  const texts: string[] = [];
  const needed = new Set<string>();
  const search = (text: string): void => {
    for (const [name, definition] of definitions) {
      if (needed.has(name) || !text.includes(`${name}(`)) continue;
      needed.add(name);
      texts.push(definition);
      search(definition);
    }
  };
  search(code);
  return texts.join("");
}

/** The polynomial with these coefficients, constant first, at `z`, by Horner's rule. */
function polynomial(z: string, coefficients: readonly number[]): string {
  const terms = coefficients.map(literal);
  return terms.reduceRight((sum, term) => `(${term} + ${z} * ${sum})`);
}

/** The Maclaurin coefficients of erf(x)/x in x²: 2/√π · (−1)ⁿ / (n! (2n + 1)). */
function errorFunctionCoefficients(): number[] {
  const coefficients: number[] = [];
  let factor = 2 / Math.sqrt(Math.PI);
  for (let n = 0; n <= 10; n++) {
    coefficients.push(factor / (2 * n + 1));
    factor /= -(n + 1);
  }
  return coefficients;
}

/** The functions for one vector width, which is the suffix of each name. */
function functionsOfWidth(n: Width): Record<string, string> {
  const F = valueType("f32", n);
  const I = n === 1 ? "i32" : "vec4<i32>";
  const U = n === 1 ? "u32" : "vec4<u32>";
  const B = n === 1 ? "bool" : "vec4<bool>";
  const nan = `${F}(fromBits(0x7fc00000u))`;
  const infinity = `${F}(fromBits(0x7f800000u))`;
  return {
    isNan: `
fn isNan${n}(x: ${F}) -> ${B} {
  return (bitcast<${U}>(x) & ${U}(0x7fffffffu)) > ${U}(0x7f800000u);
}
`,
    // WGSL leaves NaN to the device, and need not reach the largest integer.
    truncated: `
fn truncated${n}(x: ${F}) -> ${I} {
  let inside = select(${I}(x), ${I}(2147483647), x >= ${F}(2147483648.0));
  return select(inside, ${I}(0), isNan${n}(x));
}
`,
    larger: `
fn larger${n}(a: ${F}, b: ${F}) -> ${F} {
  return select(select(max(a, b), b, isNan${n}(b)), a, isNan${n}(a));
}
`,
    smaller: `
fn smaller${n}(a: ${F}, b: ${F}) -> ${F} {
  return select(select(min(a, b), b, isNan${n}(b)), a, isNan${n}(a));
}
`,
    signOf: `
fn signOf${n}(x: ${F}) -> ${F} {
  return select(sign(x), x, isNan${n}(x));
}
`,
    exponential: `
fn exponential${n}(x: ${F}) -> ${F} {
  return select(exp(x), x, isNan${n}(x));
}
`,
    // x = 2ᵉ·m with m between √½ and √2; log m = 2 artanh s with s = (m − 1)/(m + 1), |s| < 0.172,
    // by its series. Special values are handled at the end.
    naturalLog: `
fn naturalLog${n}(x: ${F}) -> ${F} {
  let isTiny = x < ${F}(${literal(SMALLEST_NORMAL)});
  let bits = bitcast<${I}>(select(x, x * 8388608.0, isTiny));
  let exponent = (bits - ${I}(0x3f3504f3)) >> ${U}(23u);
  let m = bitcast<${F}>(bits - (exponent << ${U}(23u)));
  let s = (m - 1.0) / (m + 1.0);
  let z = s * s;
  let e = ${F}(exponent) - select(${F}(0), ${F}(23), isTiny);
  let small = s * ${polynomial("z", [2, 2 / 3, 2 / 5, 2 / 7, 2 / 9])};
  var result = e * 0.693359375 + (small - e * ${literal(0.693359375 - Math.LN2)});
  result = select(x, result, x < ${infinity});
  result = select(result, ${nan}, x < ${F}(0));
  return select(result, -${infinity}, x == ${F}(0));
}
`,
    // Near 0, Lambert's continued fraction x/(1 + x²/(3 + x²/(5 + x²/(7 + x²/9)))), expanded.
    hyperbolicTangent: `
fn hyperbolicTangent${n}(x: ${F}) -> ${F} {
  let a = abs(x);
  let z = x * x;
  let near = x * ((z + 105.0) * z + 945.0) / ((15.0 * z + 420.0) * z + 945.0);
  let far = sign(x) * (1.0 - 2.0 / (exp(2.0 * min(a, ${F}(10))) + 1.0));
  return select(select(far, near, a < ${F}(1)), x, isNan${n}(x));
}
`,
    // Near 0 the Maclaurin series; elsewhere 7.1.26 of Abramowitz and Stegun, "Handbook of
    // Mathematical Functions" (1964), accurate to 1.5e-7.
    errorFunction: `
fn errorFunction${n}(x: ${F}) -> ${F} {
  let a = abs(x);
  let z = x * x;
  let near = x * ${polynomial("z", errorFunctionCoefficients())};
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * ${
      polynomial("t", [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429])
    };
  let far = sign(x) * (1.0 - p * exp(-z));
  return select(select(far, near, a < ${F}(1)), x, isNan${n}(x));
}
`,
    // x = k·π/2 + r with |r| ≤ π/4, π/2 in three parts of which the first two are short enough for
    // exact products (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
    quarterTurns: `
fn quarterTurns${n}(x: ${F}) -> ${F} {
  return floor(x * ${literal(2 / Math.PI)} + 0.5);
}
`,
    waves: `
fn waves${n}(x: ${F}, k: ${F}, quadrant: ${I}) -> ${F} {
  let rest = ((x - k * 1.5703125) - k * ${literal(HALF_PI_MIDDLE)}) - k * ${literal(HALF_PI_LOW)};
  let r = select(clamp(rest, ${F}(-0.8), ${F}(0.8)), rest, isNan${n}(rest));
  let z = r * r;
  let sine = r * ${polynomial("z", [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880])};
  let cosine = ${polynomial("z", [1, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800])};
  let value = select(cosine, sine, (quadrant & ${I}(1)) == ${I}(0));
  return select(-value, value, (quadrant & ${I}(2)) == ${I}(0));
}
`,
    sine: `
fn sine${n}(x: ${F}) -> ${F} {
  let k = quarterTurns${n}(x);
  return waves${n}(x, k, ${I}(k));
}
`,
    cosine: `
fn cosine${n}(x: ${F}) -> ${F} {
  let k = quarterTurns${n}(x);
  return waves${n}(x, k, ${I}(k) + ${I}(1));
}
`,
  };
}

const HALF_PI_MIDDLE = Math.round((Math.PI / 2 - 1.5703125) * 2 ** 23) / 2 ** 23;
const HALF_PI_LOW = Math.PI / 2 - 1.5703125 - HALF_PI_MIDDLE;

const definitions: ReadonlyMap<string, string> = new Map([
  // A function's result is not a constant expression, so it may be infinite or NaN.
  ["fromBits", "\nfn fromBits(bits: u32) -> f32 {\n  return bitcast<f32>(bits);\n}\n"],
  ...([1, 4] as const).flatMap((width) =>
    Object.entries(functionsOfWidth(width)).map(([name, text]) =>
      [`${name}${width}`, text] as const
    )
  ),
]);
