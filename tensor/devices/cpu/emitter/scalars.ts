/**
 * Numbers in the WebAssembly emitter: typed handles with an instruction for each method.
 *
 * A value is *code*, not a result: it is emitted where it is used, and using it twice computes it
 * twice. `FunctionBuilder.local` gives a value a name, so that it is computed once, and there.
 *
 * The vectors of four of them are in `vectors.ts`.
 *
 * @module
 */

import {
  checkLane,
  floatBits,
  memoryAccess,
  MISCELLANEOUS,
  plain,
  prefixed,
  Value,
  vector,
  withCode,
  writeSigned,
} from "./code.ts";
import { F32x4, I32x4 } from "./vectors.ts";

/** A 32-bit integer: a number, an address in bytes, or a condition (0 is false). */
export class I32 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7f;
  }
  /** A constant. */
  static of(value: number): I32 {
    return new I32((sink) => {
      sink.bytes.push(0x41);
      writeSigned(sink.bytes, value);
    });
  }
  static #lift(value: I32 | number): I32 {
    return typeof value === "number" ? I32.of(value) : value;
  }
  #with(opcode: number, other: I32 | number): I32 {
    return new I32(plain(opcode, [this, I32.#lift(other)]));
  }

  /** this + `other`. */
  add(other: I32 | number): I32 {
    return other === 0 ? this : this.#with(0x6a, other);
  }
  /** this − `other`. */
  subtract(other: I32 | number): I32 {
    return this.#with(0x6b, other);
  }
  /** this · `other`. */
  multiply(other: I32 | number): I32 {
    return other === 1 ? this : this.#with(0x6c, other);
  }
  /** The quotient without its fraction; traps if `other` is 0. */
  divide(other: I32 | number): I32 {
    return this.#with(0x6d, other);
  }
  /** The quotient of two unsigned integers. */
  divideUnsigned(other: I32 | number): I32 {
    return this.#with(0x6e, other);
  }
  /** The remainder, with the sign of this; traps if `other` is 0. */
  remainder(other: I32 | number): I32 {
    return this.#with(0x6f, other);
  }
  /** The remainder of two unsigned integers. */
  remainderUnsigned(other: I32 | number): I32 {
    return this.#with(0x70, other);
  }
  /** The bits that are set in both. */
  and(other: I32 | number): I32 {
    return this.#with(0x71, other);
  }
  /** The bits that are set in one of the two, or both. */
  or(other: I32 | number): I32 {
    return this.#with(0x72, other);
  }
  /** The bits that are set in one of the two only. */
  xor(other: I32 | number): I32 {
    return this.#with(0x73, other);
  }
  /** Shifts zeros in from the right. */
  shiftLeft(bits: I32 | number): I32 {
    return this.#with(0x74, bits);
  }
  /** Shifts copies of the sign in from the left. */
  shiftRight(bits: I32 | number): I32 {
    return this.#with(0x75, bits);
  }
  /** Shifts zeros in from the left. */
  shiftRightUnsigned(bits: I32 | number): I32 {
    return this.#with(0x76, bits);
  }
  /** Shifts to the left; what falls out comes back from the right. */
  rotateLeft(bits: I32 | number): I32 {
    return this.#with(0x77, bits);
  }
  /** 1 if this is 0, else 0. */
  isZero(): I32 {
    return new I32(plain(0x45, [this]));
  }
  /** 1 if this = `other`, else 0. */
  equal(other: I32 | number): I32 {
    return this.#with(0x46, other);
  }
  /** 1 if this ≠ `other`, else 0. */
  notEqual(other: I32 | number): I32 {
    return this.#with(0x47, other);
  }
  /** 1 if this < `other`, else 0. */
  less(other: I32 | number): I32 {
    return this.#with(0x48, other);
  }
  /** Less, of unsigned integers: addresses above 2 GiB are such. */
  lessUnsigned(other: I32 | number): I32 {
    return this.#with(0x49, other);
  }
  /** 1 if this > `other`, else 0. */
  greater(other: I32 | number): I32 {
    return this.#with(0x4a, other);
  }
  /** 1 if this ≤ `other`, else 0. */
  lessEqual(other: I32 | number): I32 {
    return this.#with(0x4c, other);
  }
  /** 1 if this ≥ `other`, else 0. */
  greaterEqual(other: I32 | number): I32 {
    return this.#with(0x4e, other);
  }
  /** `a` if this is not 0, else `b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return withCode(a, plain(0x1b, [a, b, this]));
  }
  /** The smaller of two. Both are computed twice: name them first. */
  min(other: I32 | number): I32 {
    return this.less(other).select<I32>(this, I32.#lift(other));
  }
  /** The larger of two. Both are computed twice: name them first. */
  max(other: I32 | number): I32 {
    return this.greater(other).select<I32>(this, I32.#lift(other));
  }
  /** As a float, rounded to the nearest. */
  toF32(): F32 {
    return new F32(plain(0xb2, [this]));
  }
  /** The float with these bits. */
  asF32(): F32 {
    return new F32(plain(0xbe, [this]));
  }
  /** Four copies. */
  splat(): I32x4 {
    return new I32x4(vector(17, [this]));
  }

  /** The integer at this address, plus a constant number of bytes. */
  loadI32(offset = 0): I32 {
    return new I32(memoryAccess(0x28, false, [this], offset));
  }
  /** The byte at this address, 0 to 255. */
  loadByte(offset = 0): I32 {
    return new I32(memoryAccess(0x2d, false, [this], offset));
  }
  /** The float at this address. */
  loadF32(offset = 0): F32 {
    return new F32(memoryAccess(0x2a, false, [this], offset));
  }
  /** Four neighbouring floats, at any alignment. */
  loadF32x4(offset = 0): F32x4 {
    return new F32x4(memoryAccess(0, true, [this], offset));
  }
  /** Four neighbouring integers, at any alignment. */
  loadI32x4(offset = 0): I32x4 {
    return new I32x4(memoryAccess(0, true, [this], offset));
  }
  /** The float at this address, four times. */
  loadSplat(offset = 0): F32x4 {
    return new F32x4(memoryAccess(9, true, [this], offset));
  }
  /** The float at this address in lane 0, zeros in the others. */
  loadLane0(offset = 0): F32x4 {
    return new F32x4(memoryAccess(92, true, [this], offset));
  }
  /** Two neighbouring floats in lanes 0 and 1, zeros in the others. */
  loadLanes01(offset = 0): F32x4 {
    return new F32x4(memoryAccess(93, true, [this], offset));
  }
  /** `onto` with the float at this address in place of one lane. */
  loadLane(onto: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], offset, checkLane(lane)));
  }
}

/** A 32-bit float. */
export class F32 extends Value {
  /** The type in the binary format. */
  get typeCode(): number {
    return 0x7d;
  }
  /** A constant. */
  static of(value: number): F32 {
    const bits = floatBits(value);
    return new F32((sink) =>
      sink.bytes.push(0x43, bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24)
    );
  }
  #with(opcode: number, other: F32 | number): F32 {
    return new F32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  #compare(opcode: number, other: F32 | number): I32 {
    return new I32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  /** this + `other`. */
  add(other: F32 | number): F32 {
    return this.#with(0x92, other);
  }
  /** this − `other`. */
  subtract(other: F32 | number): F32 {
    return this.#with(0x93, other);
  }
  /** this · `other`. */
  multiply(other: F32 | number): F32 {
    return this.#with(0x94, other);
  }
  /** this / `other`. */
  divide(other: F32 | number): F32 {
    return this.#with(0x95, other);
  }
  /** NaN if one of the two is. */
  min(other: F32 | number): F32 {
    return this.#with(0x96, other);
  }
  /** NaN if one of the two is. */
  max(other: F32 | number): F32 {
    return this.#with(0x97, other);
  }
  /** The absolute value. */
  abs(): F32 {
    return new F32(plain(0x8b, [this]));
  }
  /** −this. */
  negate(): F32 {
    return new F32(plain(0x8c, [this]));
  }
  /** The largest integer not above. */
  floor(): F32 {
    return new F32(plain(0x8e, [this]));
  }
  /** The square root. */
  sqrt(): F32 {
    return new F32(plain(0x91, [this]));
  }
  /** 1 if this = `other`, else 0. */
  equal(other: F32 | number): I32 {
    return this.#compare(0x5b, other);
  }
  /** 1 if this < `other`, else 0. */
  less(other: F32 | number): I32 {
    return this.#compare(0x5d, other);
  }
  /** 1 if this ≤ `other`, else 0. */
  lessEqual(other: F32 | number): I32 {
    return this.#compare(0x5f, other);
  }
  /** 1 if this > `other`, else 0. */
  greater(other: F32 | number): I32 {
    return this.#compare(0x5e, other);
  }
  /** 1 if this ≥ `other`, else 0. */
  greaterEqual(other: F32 | number): I32 {
    return this.#compare(0x60, other);
  }
  /** Without its fraction; the nearest integer where out of range, 0 for NaN. */
  toI32(): I32 {
    return new I32(prefixed(MISCELLANEOUS, 0, [this]));
  }
  /** The bits. */
  asI32(): I32 {
    return new I32(plain(0xbc, [this]));
  }
  /** Four copies. */
  splat(): F32x4 {
    return new F32x4(vector(19, [this]));
  }
}
