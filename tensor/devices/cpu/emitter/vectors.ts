/**
 * Vectors of four numbers in the WebAssembly emitter. {@linkcode F32x4} and {@linkcode I32x4} are one
 * type to WebAssembly (`v128`), but not to the reader.
 *
 * @module
 */

import {
  checkLane,
  constantVector,
  floatBits,
  type Lanes,
  shuffleBytes,
  Value,
  vector,
  withCode,
} from "./code.ts";
import { F32, I32 } from "./scalars.ts";

/** Four floats. A number as an operand means four copies, kept in a local from the function's start. */
export class F32x4 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7b;
  }
  /** Four copies of a constant. */
  static of(value: number): F32x4 {
    const bits = floatBits(value);
    return new F32x4(constantVector([bits, bits, bits, bits]));
  }
  /** Four constants. */
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
  /** this + `other`. */
  add(other: F32x4 | number): F32x4 {
    return this.#with(228, other);
  }
  /** this − `other`. */
  subtract(other: F32x4 | number): F32x4 {
    return this.#with(229, other);
  }
  /** this · `other`. */
  multiply(other: F32x4 | number): F32x4 {
    return this.#with(230, other);
  }
  /** this / `other`. */
  divide(other: F32x4 | number): F32x4 {
    return this.#with(231, other);
  }
  /** NaN where one of the two is; slower than {@linkcode pseudoMin}. */
  min(other: F32x4 | number): F32x4 {
    return this.#with(232, other);
  }
  /** NaN where one of the two is; slower than {@linkcode pseudoMax}. */
  max(other: F32x4 | number): F32x4 {
    return this.#with(233, other);
  }
  /** `other < this ? other : this`: this where one of the two is NaN. One instruction. */
  pseudoMin(other: F32x4 | number): F32x4 {
    return this.#with(234, other);
  }
  /** `this < other ? other : this`: this where one of the two is NaN. One instruction. */
  pseudoMax(other: F32x4 | number): F32x4 {
    return this.#with(235, other);
  }
  /** this · `factor` + `summand`; rounded once where fused instructions may be used, else twice. */
  multiplyAdd(factor: F32x4 | number, summand: F32x4 | number): F32x4 {
    const fused = vector(0x105, [this, F32x4.#lift(factor), F32x4.#lift(summand)]);
    const separate = this.multiply(factor).add(summand).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** `minuend` − this · `factor`; rounded once where fused instructions may be used, else twice. */
  negativeMultiplyAdd(factor: F32x4 | number, minuend: F32x4 | number): F32x4 {
    const from = F32x4.#lift(minuend);
    const fused = vector(0x106, [this, F32x4.#lift(factor), from]);
    const separate = from.subtract(this.multiply(factor)).code;
    return new F32x4((sink) => (sink.relaxedSimd ? fused : separate)(sink));
  }
  /** The absolute value. */
  abs(): F32x4 {
    return this.#unary(224);
  }
  /** −this. */
  negate(): F32x4 {
    return this.#unary(225);
  }
  /** The square root. */
  sqrt(): F32x4 {
    return this.#unary(227);
  }
  /** The largest integer not above. */
  floor(): F32x4 {
    return this.#unary(104);
  }
  /** Rounded to the nearest integer, halves to the even one. */
  nearest(): F32x4 {
    return this.#unary(106);
  }
  /** All bits set in the lanes where this = `other`. */
  equal(other: F32x4 | number): I32x4 {
    return this.#compare(65, other);
  }
  /** All bits set in the lanes where this ≠ `other`. */
  notEqual(other: F32x4 | number): I32x4 {
    return this.#compare(66, other);
  }
  /** All bits set in the lanes where this < `other`. */
  less(other: F32x4 | number): I32x4 {
    return this.#compare(67, other);
  }
  /** All bits set in the lanes where this > `other`. */
  greater(other: F32x4 | number): I32x4 {
    return this.#compare(68, other);
  }
  /** All bits set in the lanes where this ≤ `other`. */
  lessEqual(other: F32x4 | number): I32x4 {
    return this.#compare(69, other);
  }
  /** All bits set in the lanes where this ≥ `other`. */
  greaterEqual(other: F32x4 | number): I32x4 {
    return this.#compare(70, other);
  }
  /** Without their fractions; the nearest integer where out of range, 0 for NaN. */
  toI32x4(): I32x4 {
    return new I32x4(vector(248, [this]));
  }
  /** The same bits as integers. No instruction. */
  bits(): I32x4 {
    return new I32x4(this.code);
  }
  /** One of the four. */
  lane(lane: number): F32 {
    return new F32(vector(31, [this], [checkLane(lane)]));
  }
  /** This with one lane replaced. */
  withLane(lane: number, value: F32): F32x4 {
    return new F32x4(vector(32, [this, value], [checkLane(lane)]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: F32x4, lanes: Lanes): F32x4 {
    return new F32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}

/** Four integers; or four masks, all bits set where a comparison holds. */
export class I32x4 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7b;
  }
  /** Four copies of a constant. */
  static of(value: number): I32x4 {
    const bits = value | 0;
    return new I32x4(constantVector([bits, bits, bits, bits]));
  }
  /** Four constants. */
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
    return new I32x4(vector(opcode, [this, typeof bits === "number" ? I32.of(bits) : bits]));
  }
  /** this + `other`. */
  add(other: I32x4 | number): I32x4 {
    return this.#with(174, other);
  }
  /** this − `other`. */
  subtract(other: I32x4 | number): I32x4 {
    return this.#with(177, other);
  }
  /** this · `other`. */
  multiply(other: I32x4 | number): I32x4 {
    return this.#with(181, other);
  }
  /** The smaller of the two. */
  min(other: I32x4 | number): I32x4 {
    return this.#with(182, other);
  }
  /** The larger of the two. */
  max(other: I32x4 | number): I32x4 {
    return this.#with(184, other);
  }
  /** All bits inverted. */
  not(): I32x4 {
    return new I32x4(vector(77, [this]));
  }
  /** The bits that are set in both. */
  and(other: I32x4 | number): I32x4 {
    return this.#with(78, other);
  }
  /** The bits of this that are not set in `other`. */
  andNot(other: I32x4 | number): I32x4 {
    return this.#with(79, other);
  }
  /** The bits that are set in one of the two, or both. */
  or(other: I32x4 | number): I32x4 {
    return this.#with(80, other);
  }
  /** The bits that are set in one of the two only. */
  xor(other: I32x4 | number): I32x4 {
    return this.#with(81, other);
  }
  /** Shifts zeros in from the right. */
  shiftLeft(bits: I32 | number): I32x4 {
    return this.#shift(171, bits);
  }
  /** Shifts copies of the signs in from the left. */
  shiftRight(bits: I32 | number): I32x4 {
    return this.#shift(172, bits);
  }
  /** Shifts zeros in from the left. */
  shiftRightUnsigned(bits: I32 | number): I32x4 {
    return this.#shift(173, bits);
  }
  /** All bits set in the lanes where this = `other`. */
  equal(other: I32x4 | number): I32x4 {
    return this.#with(55, other);
  }
  /** All bits set in the lanes where this < `other`. */
  less(other: I32x4 | number): I32x4 {
    return this.#with(57, other);
  }
  /** All bits set in the lanes where this > `other`. */
  greater(other: I32x4 | number): I32x4 {
    return this.#with(59, other);
  }
  /** Bit by bit: `a` where a bit of this is set, else `b`. The other one may be NaN. */
  select<T extends F32x4 | I32x4>(a: T, b: T): T {
    return withCode(a, vector(82, [a, b, this]));
  }
  /** 1 if any bit is set, else 0. */
  anyTrue(): I32 {
    return new I32(vector(83, [this]));
  }
  /** 1 if no lane is 0, else 0. */
  allTrue(): I32 {
    return new I32(vector(163, [this]));
  }
  /** As floats, rounded to the nearest. */
  toF32x4(): F32x4 {
    return new F32x4(vector(250, [this]));
  }
  /** The same bits as floats. No instruction. */
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
  /** One of the four. */
  lane(lane: number): I32 {
    return new I32(vector(27, [this], [checkLane(lane)]));
  }
  /** This with one lane replaced. */
  withLane(lane: number, value: I32): I32x4 {
    return new I32x4(vector(28, [this, value], [checkLane(lane)]));
  }
  /** Four of the eight lanes of this (0 to 3) and `other` (4 to 7), in any order. */
  shuffle(other: I32x4, lanes: Lanes): I32x4 {
    return new I32x4(vector(13, [this, other], shuffleBytes(lanes)));
  }
}
