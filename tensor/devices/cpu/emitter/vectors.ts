/**
 * Vectors of four numbers in the WebAssembly emitter. {@linkcode F32x4} and {@linkcode I32x4} are
 * one type in WebAssembly (`v128`); the distinction is for readers. Comparisons give masks: all
 * bits set in the lanes where they hold.
 *
 * @module
 */

import {
  addInstructions,
  type Binary,
  checkLane,
  constantInteger,
  constantVector,
  floatBits,
  type Lanes,
  shuffleBytes,
  type Unary,
  Value,
  vector,
  withCode,
} from "./code.ts";
import type { F32, I32 } from "./scalars.ts";

const FLOATS = {
  add: 228,
  subtract: 229,
  multiply: 230,
  divide: 231,
  /** The minimum; NaN if either is NaN. Slower than {@linkcode F32x4.pseudoMin}. */
  min: 232,
  /** The maximum; NaN if either is NaN. Slower than {@linkcode F32x4.pseudoMax}. */
  max: 233,
  /** `other < this ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMin: 234,
  /** `this < other ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMax: 235,
} as const;
const OF_FLOATS = {
  abs: 224,
  negate: 225,
  sqrt: 227,
  floor: 104,
  /** Rounds to the nearest integer, half to even. */
  nearest: 106,
} as const;
const COMPARISONS = {
  equal: 65,
  notEqual: 66,
  less: 67,
  greater: 68,
  lessEqual: 69,
  greaterEqual: 70,
} as const;
const INTEGERS = {
  add: 174,
  subtract: 177,
  multiply: 181,
  min: 182,
  max: 184,
  and: 78,
  /** The bits of this that are not set in `other`. */
  andNot: 79,
  or: 80,
  xor: 81,
  equal: 55,
  less: 57,
  greater: 59,
} as const;
const SHIFTS = {
  shiftLeft: 171,
  /** Arithmetic shift: copies the signs in from the left. */
  shiftRight: 172,
  shiftRightUnsigned: 173,
} as const;

export interface F32x4
  extends
    Binary<typeof FLOATS, F32x4, F32x4>,
    Unary<typeof OF_FLOATS, F32x4>,
    Binary<typeof COMPARISONS, F32x4, I32x4> {}

/** Four floats. Numbers as operands are splatted once, at the function's start. */
export class F32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): F32x4 {
    const bits = floatBits(value);
    return new F32x4(constantVector([bits, bits, bits, bits]));
  }
  static lanes(a: number, b: number, c: number, d: number): F32x4 {
    return new F32x4(constantVector([floatBits(a), floatBits(b), floatBits(c), floatBits(d)]));
  }
  static #lift(value: F32x4 | number): F32x4 {
    return typeof value === "number" ? F32x4.of(value) : value;
  }
  clamp(low: number, high: number): F32x4 {
    return this.pseudoMax(low).pseudoMin(high);
  }
  /** this · `factor` + `summand`; rounded once with relaxed SIMD, otherwise twice. */
  multiplyAdd(factor: F32x4 | number, summand: F32x4 | number): F32x4 {
    const fused = vector(0x105, [this, F32x4.#lift(factor), F32x4.#lift(summand)]);
    const separate = this.multiply(factor).add(summand).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** `minuend` − this · `factor`; rounded once with relaxed SIMD, otherwise twice. */
  negativeMultiplyAdd(factor: F32x4 | number, minuend: F32x4 | number): F32x4 {
    const from = F32x4.#lift(minuend);
    const fused = vector(0x106, [this, F32x4.#lift(factor), from]);
    const separate = from.subtract(this.multiply(factor)).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** Truncates; saturates out of range, 0 for NaN. */
  toI32x4(): I32x4 {
    return new I32x4(vector(248, [this]));
  }
  bits(): I32x4 {
    return new I32x4(this.code);
  }
  withLane(lane: number, value: F32): F32x4 {
    return new F32x4(vector(32, [this, value], [checkLane(lane)]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: F32x4, lanes: Lanes): F32x4 {
    return new F32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}

export interface I32x4
  extends Binary<typeof INTEGERS, I32x4, I32x4>, Binary<typeof SHIFTS, I32, I32x4> {}

export class I32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): I32x4 {
    const bits = value | 0;
    return new I32x4(constantVector([bits, bits, bits, bits]));
  }
  static lanes(a: number, b: number, c: number, d: number): I32x4 {
    return new I32x4(constantVector([a | 0, b | 0, c | 0, d | 0]));
  }
  /** Bitwise: `a` where a bit of this is set, else `b`. The value not selected may be NaN. */
  select(a: F32x4, b: F32x4): F32x4;
  select(a: I32x4, b: I32x4): I32x4;
  select<T extends F32x4 | I32x4>(a: T, b: T): T {
    return withCode(a, vector(82, [a, b, this]));
  }
  /** Of masks: where both hold. */
  both(other: I32x4): I32x4 {
    return this.and(other);
  }
  /** Of a mask: an integer in the lanes where it holds, else 0. */
  where(value: number): I32x4 {
    return this.and(value);
  }
  toF32x4(): F32x4 {
    return new F32x4(vector(250, [this]));
  }
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
  shuffle(other: I32x4, lanes: Lanes): I32x4 {
    return new I32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}

addInstructions(F32x4, FLOATS, vector, F32x4, F32x4.of);
addInstructions(F32x4, OF_FLOATS, vector, F32x4, F32x4.of);
addInstructions(F32x4, COMPARISONS, vector, I32x4, F32x4.of);
addInstructions(I32x4, INTEGERS, vector, I32x4, I32x4.of);
addInstructions(I32x4, SHIFTS, vector, I32x4, (bits) => ({ code: constantInteger(bits) }));
