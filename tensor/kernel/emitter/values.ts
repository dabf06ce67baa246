/**
 * Values in the WebAssembly emitter: typed handles with a method per instruction.
 *
 * A value is *code*, not a result: it is emitted where it is used, and using it twice computes it
 * twice. `FunctionBuilder.local` computes a value once and names it.
 *
 * {@linkcode F32x4} and {@linkcode I32x4} are one type in WebAssembly (`v128`); the distinction is for
 * readers. Comparisons of scalars give 1 or 0, those of vectors masks: all bits set in the lanes where
 * they hold.
 *
 * @module
 */

import {
  addInstructions,
  type Binary,
  checkLane,
  constantVector,
  floatBits,
  fourBytes,
  type Lanes,
  lift,
  memoryAccess,
  plain,
  shuffleBytes,
  signed,
  type Unary,
  Value,
  vector,
  withCode,
} from "./code.ts";

const BINARY_I32 = {
  subtract: 0x6b,
  /** Signed division, truncated; traps if `other` is 0. */
  divide: 0x6d,
  divideUnsigned: 0x6e,
  /** The remainder, with the sign of `this`; traps if `other` is 0. */
  remainder: 0x6f,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shiftLeft: 0x74,
  /** Arithmetic shift: copies the sign in from the left. */
  shiftRight: 0x75,
  equal: 0x46,
  notEqual: 0x47,
  less: 0x48,
  /** Unsigned comparison, for addresses above 2 GiB. */
  lessUnsigned: 0x49,
  greater: 0x4a,
  lessEqual: 0x4c,
  greaterEqual: 0x4e,
} as const;
const BINARY_F32 = {
  add: 0x92,
  subtract: 0x93,
  multiply: 0x94,
  divide: 0x95,
} as const;
const COMPARE_F32 = {
  equal: 0x5b,
  less: 0x5d,
  greater: 0x5e,
  lessEqual: 0x5f,
} as const;

const BINARY_F32X4 = {
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
const UNARY_F32X4 = {
  abs: 224,
  negate: 225,
  sqrt: 227,
  floor: 104,
  /** Rounds to the nearest integer, half to even. */
  nearest: 106,
} as const;
const COMPARE_F32X4 = {
  equal: 65,
  notEqual: 66,
  less: 67,
  greater: 68,
  lessEqual: 69,
} as const;
const BINARY_I32X4 = {
  add: 174,
  subtract: 177,
  multiply: 181,
  min: 182,
  max: 184,
  and: 78,
  or: 80,
  xor: 81,
  equal: 55,
  notEqual: 56,
  less: 57,
  greater: 59,
  lessEqual: 61,
} as const;
const UNARY_I32X4 = { negate: 161 } as const;
const SHIFT_I32X4 = {
  shiftLeft: 171,
  /** Arithmetic shift: copies the signs in from the left. */
  shiftRight: 172,
} as const;

export interface I32 extends Binary<typeof BINARY_I32, I32, I32> {}

/** A 32-bit integer: a number, a byte address, or a condition (0 is false). */
export class I32 extends Value {
  readonly typeCode = 0x7f;
  static of(value: number): I32 {
    return new I32(plain(0x41, [], signed(value)));
  }
  add(other: I32 | number): I32 {
    return other === 0 ? this : new I32(plain(0x6a, [this, lift(other, I32.of)]));
  }
  multiply(other: I32 | number): I32 {
    return other === 1 ? this : new I32(plain(0x6c, [this, lift(other, I32.of)]));
  }
  isZero(): I32 {
    return new I32(plain(0x45, [this]));
  }
  /** `a` if this is not 0, else `b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return withCode(a, plain(0x1b, [a, b, this]));
  }
  /** The minimum. Evaluates both operands twice: name them first. */
  min(other: I32 | number): I32 {
    return this.less(other).select<I32>(this, lift(other, I32.of));
  }
  max(other: I32 | number): I32 {
    return this.greater(other).select<I32>(this, lift(other, I32.of));
  }
  asF32(): F32 {
    return new F32(plain(0xbe, [this]));
  }
  splat(): I32x4 {
    return new I32x4(vector(17, [this]));
  }

  /** The integer at this address plus a constant offset in bytes, like all loads below. */
  loadI32(offset = 0): I32 {
    return new I32(memoryAccess(0x28, false, [this], offset));
  }
  loadF32(offset = 0): F32 {
    return new F32(memoryAccess(0x2a, false, [this], offset));
  }
  /** Four contiguous floats, at any alignment. */
  loadF32x4(offset = 0): F32x4 {
    return new F32x4(memoryAccess(0, true, [this], offset));
  }
  /** Four contiguous integers, at any alignment. */
  loadI32x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(0, true, [this], offset));
  }
  /** The float at this address in all four lanes. */
  loadSplat(offset = 0): F32x4 {
    return new F32x4(memoryAccess(9, true, [this], offset));
  }
  /** `onto` with one lane replaced by the float at this address. */
  loadLane(onto: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], offset, checkLane(lane)));
  }
  /** Four contiguous integers of 16 bits, widened with their signs. */
  loadI16x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(3, true, [this], offset));
  }
  /** The 16 bits at this address in both halves of all lanes. */
  loadSplat16(offset = 0): I32x4 {
    return new I32x4(memoryAccess(8, true, [this], offset, undefined, 1));
  }
  /** `onto` with the low half of one lane replaced by the 16 bits at this address. */
  loadLane16(onto: I32x4, lane: number): I32x4 {
    return new I32x4(memoryAccess(85, true, [this, onto], 0, 2 * checkLane(lane), 1));
  }
}

export interface F32
  extends Binary<typeof BINARY_F32, F32, F32>, Binary<typeof COMPARE_F32, F32, I32> {}

export class F32 extends Value {
  readonly typeCode = 0x7d;
  static of(value: number): F32 {
    return new F32(plain(0x43, [], fourBytes(floatBits(value))));
  }
  static lane(of: F32x4, lane: number): F32 {
    return new F32(vector(31, [of], [checkLane(lane)]));
  }
  asI32(): I32 {
    return new I32(plain(0xbc, [this]));
  }
  splat(): F32x4 {
    return new F32x4(vector(19, [this]));
  }
}

export interface F32x4
  extends
    Binary<typeof BINARY_F32X4, F32x4, F32x4>,
    Unary<typeof UNARY_F32X4, F32x4>,
    Binary<typeof COMPARE_F32X4, F32x4, I32x4> {}

/** Four floats. Numbers as operands are splatted once, at the function's start. */
export class F32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): F32x4 {
    return F32x4.lanes(value, value, value, value);
  }
  static lanes(a: number, b: number, c: number, d: number): F32x4 {
    return new F32x4(constantVector([floatBits(a), floatBits(b), floatBits(c), floatBits(d)]));
  }
  clamp(low: number, high: number): F32x4 {
    return this.pseudoMax(low).pseudoMin(high);
  }
  /** this · `factor` + `summand`; rounded once with relaxed SIMD, otherwise twice. */
  multiplyAdd(factor: F32x4 | number, summand: F32x4 | number): F32x4 {
    const fused = vector(0x105, [this, lift(factor, F32x4.of), lift(summand, F32x4.of)]);
    const separate = this.multiply(factor).add(summand).code;
    return new F32x4((f) => (f.relaxedSimd ? fused : separate)(f));
  }
  /** `minuend` − this · `factor`; rounded once with relaxed SIMD, otherwise twice. */
  negativeMultiplyAdd(factor: F32x4 | number, minuend: F32x4 | number): F32x4 {
    const from = lift(minuend, F32x4.of);
    const fused = vector(0x106, [this, lift(factor, F32x4.of), from]);
    const separate = from.subtract(this.multiply(factor)).code;
    return new F32x4((f) => (f.relaxedSimd ? fused : separate)(f));
  }
  /** Truncates; saturates out of range, 0 for NaN. */
  toI32x4(): I32x4 {
    return new I32x4(vector(248, [this]));
  }
  bits(): I32x4 {
    return new I32x4(this.code);
  }
  /** A mask of the lanes that are NaN. Evaluates this twice: name it first. */
  isNaN(): I32x4 {
    return this.notEqual(this);
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
  extends
    Binary<typeof BINARY_I32X4, I32x4, I32x4>,
    Unary<typeof UNARY_I32X4, I32x4>,
    Binary<typeof SHIFT_I32X4, I32, I32x4> {}

export class I32x4 extends Value {
  readonly typeCode = 0x7b;
  static of(value: number): I32x4 {
    return I32x4.lanes(value, value, value, value);
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
  /** The mask of lanes where both masks hold. */
  both(other: I32x4): I32x4 {
    return this.and(other);
  }
  /** The mask of lanes where one of the masks holds. */
  either(other: I32x4): I32x4 {
    return this.or(other);
  }
  /** An integer in the lanes where this mask holds, else 0. */
  where(value: number): I32x4 {
    return value === -1 ? this : this.and(value);
  }
  /** `sum` and the products of signed bytes, widened to 16 bits. Evaluates both twice. */
  dotBytes(other: I32x4, sum: I32x4): I32x4 {
    const [low, high] = [135, 136].map((widen) =>
      new I32x4(vector(186, [this, other].map((four) => new I32x4(vector(widen, [four])))))
    );
    return low!.add(high!).add(sum);
  }
  /** The high halves of the lanes, twice. */
  highHalves(): I32x4 {
    const four = [0, 1, 2, 3].flatMap((lane) => [4 * lane + 2, 4 * lane + 3]);
    return new I32x4(vector(13, [this, this], [...four, ...four]));
  }
  /** The low halves of the lanes beside the high halves of others: one instruction, unlike a select. */
  withHighHalves(other: I32x4): I32x4 {
    const four = [0, 1, 2, 3].flatMap((i) => [4 * i, 4 * i + 1, 16 + 4 * i + 2, 16 + 4 * i + 3]);
    return new I32x4(vector(13, [this, other], four));
  }
  toF32x4(): F32x4 {
    return new F32x4(vector(250, [this]));
  }
  asF32x4(): F32x4 {
    return new F32x4(this.code);
  }
}

addInstructions(I32, BINARY_I32, plain, I32, I32.of);
addInstructions(F32, BINARY_F32, plain, F32, F32.of);
addInstructions(F32, COMPARE_F32, plain, I32, F32.of);
addInstructions(F32x4, BINARY_F32X4, vector, F32x4, F32x4.of);
addInstructions(F32x4, UNARY_F32X4, vector, F32x4, F32x4.of);
addInstructions(F32x4, COMPARE_F32X4, vector, I32x4, F32x4.of);
addInstructions(I32x4, BINARY_I32X4, vector, I32x4, I32x4.of);
addInstructions(I32x4, UNARY_I32X4, vector, I32x4, I32x4.of);
addInstructions(I32x4, SHIFT_I32X4, vector, I32x4, I32.of);
