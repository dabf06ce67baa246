/**
 * Vectors of four numbers in the WebAssembly emitter. {@linkcode F32x4} and {@linkcode I32x4} are
 * one type in WebAssembly (`v128`); the distinction is for readers. Comparisons give masks: all
 * bits set in the lanes where they hold.
 *
 * @module
 */

import {
  checkLane,
  constantInteger,
  constantVector,
  floatBits,
  type Lanes,
  shuffleBytes,
  Value,
  vector,
  withCode,
} from "./code.ts";
import type { F32, I32 } from "./scalars.ts";

/** Four floats. Numbers as operands are splatted once, at the function's start. */
export class F32x4 extends Value {
  get typeCode(): number {
    return 0x7b;
  }
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
  #with(opcode: number, other: F32x4 | number): F32x4 {
    return new F32x4(vector(opcode, [this, F32x4.#lift(other)]));
  }
  #compare(opcode: number, other: F32x4 | number): I32x4 {
    return new I32x4(vector(opcode, [this, F32x4.#lift(other)]));
  }
  #unary(opcode: number): F32x4 {
    return new F32x4(vector(opcode, [this]));
  }
  add(other: F32x4 | number): F32x4 {
    return this.#with(228, other);
  }
  subtract(other: F32x4 | number): F32x4 {
    return this.#with(229, other);
  }
  multiply(other: F32x4 | number): F32x4 {
    return this.#with(230, other);
  }
  divide(other: F32x4 | number): F32x4 {
    return this.#with(231, other);
  }
  /** The minimum; NaN if either is NaN. Slower than {@linkcode pseudoMin}. */
  min(other: F32x4 | number): F32x4 {
    return this.#with(232, other);
  }
  /** The maximum; NaN if either is NaN. Slower than {@linkcode pseudoMax}. */
  max(other: F32x4 | number): F32x4 {
    return this.#with(233, other);
  }
  /** `other < this ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMin(other: F32x4 | number): F32x4 {
    return this.#with(234, other);
  }
  /** `this < other ? other : this`, so `this` if either is NaN. One instruction. */
  pseudoMax(other: F32x4 | number): F32x4 {
    return this.#with(235, other);
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
  abs(): F32x4 {
    return this.#unary(224);
  }
  negate(): F32x4 {
    return this.#unary(225);
  }
  sqrt(): F32x4 {
    return this.#unary(227);
  }
  floor(): F32x4 {
    return this.#unary(104);
  }
  /** Rounds to the nearest integer, half to even. */
  nearest(): F32x4 {
    return this.#unary(106);
  }
  equal(other: F32x4 | number): I32x4 {
    return this.#compare(65, other);
  }
  notEqual(other: F32x4 | number): I32x4 {
    return this.#compare(66, other);
  }
  less(other: F32x4 | number): I32x4 {
    return this.#compare(67, other);
  }
  greater(other: F32x4 | number): I32x4 {
    return this.#compare(68, other);
  }
  lessEqual(other: F32x4 | number): I32x4 {
    return this.#compare(69, other);
  }
  greaterEqual(other: F32x4 | number): I32x4 {
    return this.#compare(70, other);
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

export class I32x4 extends Value {
  get typeCode(): number {
    return 0x7b;
  }
  static of(value: number): I32x4 {
    const bits = value | 0;
    return new I32x4(constantVector([bits, bits, bits, bits]));
  }
  static lanes(a: number, b: number, c: number, d: number): I32x4 {
    return new I32x4(constantVector([a | 0, b | 0, c | 0, d | 0]));
  }
  static #lift(value: I32x4 | number): I32x4 {
    return typeof value === "number" ? I32x4.of(value) : value;
  }
  #with(opcode: number, other: I32x4 | number): I32x4 {
    return new I32x4(vector(opcode, [this, I32x4.#lift(other)]));
  }
  #shift(opcode: number, bits: I32 | number): I32x4 {
    const operand = typeof bits === "number" ? { code: constantInteger(bits) } : bits;
    return new I32x4(vector(opcode, [this, operand]));
  }
  add(other: I32x4 | number): I32x4 {
    return this.#with(174, other);
  }
  subtract(other: I32x4 | number): I32x4 {
    return this.#with(177, other);
  }
  multiply(other: I32x4 | number): I32x4 {
    return this.#with(181, other);
  }
  min(other: I32x4 | number): I32x4 {
    return this.#with(182, other);
  }
  max(other: I32x4 | number): I32x4 {
    return this.#with(184, other);
  }
  not(): I32x4 {
    return new I32x4(vector(77, [this]));
  }
  and(other: I32x4 | number): I32x4 {
    return this.#with(78, other);
  }
  /** The bits of this that are not set in `other`. */
  andNot(other: I32x4 | number): I32x4 {
    return this.#with(79, other);
  }
  or(other: I32x4 | number): I32x4 {
    return this.#with(80, other);
  }
  xor(other: I32x4 | number): I32x4 {
    return this.#with(81, other);
  }
  shiftLeft(bits: I32 | number): I32x4 {
    return this.#shift(171, bits);
  }
  /** Arithmetic shift: copies the signs in from the left. */
  shiftRight(bits: I32 | number): I32x4 {
    return this.#shift(172, bits);
  }
  shiftRightUnsigned(bits: I32 | number): I32x4 {
    return this.#shift(173, bits);
  }
  equal(other: I32x4 | number): I32x4 {
    return this.#with(55, other);
  }
  less(other: I32x4 | number): I32x4 {
    return this.#with(57, other);
  }
  greater(other: I32x4 | number): I32x4 {
    return this.#with(59, other);
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
  withLane(lane: number, value: I32): I32x4 {
    return new I32x4(vector(28, [this, value], [checkLane(lane)]));
  }
  shuffle(other: I32x4, lanes: Lanes): I32x4 {
    return new I32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}
