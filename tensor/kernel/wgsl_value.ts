/** The values of kernels in WGSL. @module */

import type { Condition, Float, Int, IntVector, Mask, Value, Vector } from "./language.ts";

/** Numbers of a vector. */
export type Width = 1 | 4;

export type NumberType = "f32" | "i32";
export type ScalarType = NumberType | "f16" | "bool";
export type WgslType = ScalarType | `vec4<${ScalarType}>`;

export function wgslTypeOf(scalar: ScalarType, width: Width): WgslType {
  return width === 1 ? scalar : `vec4<${scalar}>`;
}

/** A value of any type: the interfaces of the language say which methods it has. */
export class WgslValue implements Int, Float, Vector, IntVector, Mask, Condition {
  readonly code: string;
  readonly type: WgslType;
  readonly add = this.#operator("+");
  readonly subtract = this.#operator("-");
  readonly multiply = this.#operator("*");
  readonly divide = this.#operator("/");
  readonly remainder = this.#operator("%");
  readonly negate = this.#function("-");
  readonly abs = this.#function("abs");
  readonly sqrt = this.#function("sqrt");
  readonly floor = this.#function("floor");
  readonly nearest = this.#function("round");
  readonly less = this.#comparison("<");
  readonly lessEqual = this.#comparison("<=");
  readonly greater = this.#comparison(">");
  readonly equal = this.#comparison("==");
  readonly xor = this.#operator("^");
  readonly and = this.#logical("&");
  readonly or = this.#logical("|");
  readonly both = this.#logical("&");
  readonly either = this.#logical("|");
  readonly shiftLeft = this.#shift("<<");
  readonly shiftRight = this.#shift(">>");
  readonly min = this.#extreme("min", "smaller");
  readonly max = this.#extreme("max", "larger");
  readonly pseudoMin = this.#function("min");
  readonly pseudoMax = this.#function("max");
  readonly asF32 = this.#bitcast("f32");
  readonly asF32x4 = this.#bitcast("f32");
  readonly asI32 = this.#bitcast("i32");
  readonly bits = this.#bitcast("i32");

  constructor(code: string, type: WgslType) {
    this.code = code;
    this.type = type;
  }
  get width(): Width {
    return this.type.startsWith("vec4") ? 4 : 1;
  }
  get #scalar(): ScalarType {
    return this.type.includes("f32") ? "f32" : this.type.includes("i32") ? "i32" : "bool";
  }
  #as(scalar: ScalarType): WgslType {
    return wgslTypeOf(scalar, this.width);
  }
  #with(operator: string, other: Value | number, type = this.type): WgslValue {
    return new WgslValue(`(${this.code} ${operator} ${operandCode(other, this.type)})`, type);
  }
  #operator(operator: string): (other: Value | number) => WgslValue {
    return (other) => this.#with(operator, other);
  }
  #comparison(operator: string): (other: Value | number) => WgslValue {
    return (other) => this.#with(operator, other, this.#as("bool"));
  }
  #logical(operator: "&" | "|"): (other: Value | number) => WgslValue {
    return (other) => this.#with(this.type === "bool" ? operator.repeat(2) : operator, other);
  }
  #shift(operator: string): (bits: number) => WgslValue {
    return (bits) => {
      const type = this.type.replace("i32", "u32");
      return new WgslValue(`(${this.code} ${operator} ${type}(${bits}))`, this.type);
    };
  }
  #function(name: string): (other?: Value | number) => WgslValue {
    return (other) => this.#apply(name, other);
  }
  /** The minimum or maximum, of floats by a function that keeps NaN. */
  #extreme(name: string, ofFloats: string): (other: Value | number) => WgslValue {
    return (other) =>
      this.#apply(this.#scalar === "f32" ? `${ofFloats}${this.width}` : name, other);
  }
  #bitcast(scalar: NumberType): () => WgslValue {
    return () => this.#convert(`bitcast<${this.#as(scalar)}>`, scalar);
  }
  /** The result of a function of this, and maybe of another operand. */
  #apply(name: string, other?: Value | number): WgslValue {
    const second = other === undefined ? "" : `, ${operandCode(other, this.type)}`;
    return new WgslValue(`${name}(${this.code}${second})`, this.type);
  }
  #convert(conversion: string, scalar: ScalarType): WgslValue {
    return new WgslValue(`${conversion}(${this.code})`, this.#as(scalar));
  }

  multiplyAdd(factor: Value | number, summand: Value | number): WgslValue {
    return this.multiply(factor).add(summand);
  }
  negativeMultiplyAdd(factor: Value | number, minuend: Value | number): WgslValue {
    const product = this.multiply(factor).code;
    return new WgslValue(`(${operandCode(minuend, this.type)} - ${product})`, this.type);
  }
  clamp(low: number, high: number): WgslValue {
    return this.max(low).min(high);
  }
  lessUnsigned(other: Value | number): WgslValue {
    return new WgslValue(`(u32(${this.code}) < u32(${operandCode(other, "i32")}))`, "bool");
  }
  isNaN(): WgslValue {
    return new WgslValue(`isNan${this.width}(${this.code})`, this.#as("bool"));
  }
  /** `!=` may be false for NaN. */
  notEqual(other: Value | number): WgslValue {
    return new WgslValue(`!${this.equal(other).code}`, this.#as("bool"));
  }
  select(a: Value, b: Value): WgslValue {
    const { code, type } = printed(a);
    return new WgslValue(`select(${codeOf(b)}, ${code}, ${this.code})`, type);
  }
  where(value: number): WgslValue {
    const type = this.#as("i32");
    return new WgslValue(`select(${type}(0), ${operandCode(value, type)}, ${this.code})`, type);
  }
  dotBytes(other: IntVector, sum: IntVector): WgslValue {
    return new WgslValue(`dotBytes(${this.code}, ${codeOf(other)}, ${codeOf(sum)})`, this.type);
  }
  toF32x4(): WgslValue {
    return this.#convert(this.#as("f32"), "f32");
  }
  toI32x4(): WgslValue {
    return this.#convert(`truncated${this.width}`, "i32");
  }
  /** One of the numbers of a vector of four. */
  lane(number: number): WgslValue {
    return new WgslValue(`${this.code}[${number}]`, this.#scalar);
  }
  /** A scalar as a vector. */
  splat(width: Width): WgslValue {
    const type = wgslTypeOf(this.#scalar, width);
    return type === this.type ? this : new WgslValue(`${type}(${this.code})`, type);
  }
}

/** A value of the language, as this printer makes all of them. */
export function printed(value: Value): WgslValue {
  return value as WgslValue;
}

export function codeOf(value: Value): string {
  return printed(value).code;
}

/** The code of an operand; a number is one of the other operand's type. */
export function operandCode(value: Value | number, type: WgslType): string {
  if (typeof value !== "number") return codeOf(value);
  return `${type}(${type.includes("f32") ? floatCode(value) : value})`;
}

const SMALLEST_NORMAL = 2 ** -126;

/** A number as a WGSL expression of type `f32`: `0.5f`, or `fromBits(0x7f800000u)` for infinity. */
function floatCode(value: number): string {
  const single = Math.fround(value);
  const isPlain = Number.isFinite(single) && !Object.is(single, -0) &&
    (single === 0 || Math.abs(single) >= SMALLEST_NORMAL);
  if (isPlain) return `${single}f`;
  const bits = new Uint32Array(Float32Array.of(single).buffer)[0]!;
  return `fromBits(0x${bits.toString(16)}u)`;
}
