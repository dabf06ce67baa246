/**
 * Scalars in the WebAssembly emitter: typed handles with a method per instruction.
 *
 * A value is *code*, not a result: it is emitted where it is used, and using it twice computes it
 * twice. `FunctionBuilder.local` computes a value once and names it.
 *
 * Comparisons give 1 or 0. Vectors are in `vectors.ts`.
 *
 * @module
 */

import {
  checkLane,
  constantInteger,
  floatBits,
  memoryAccess,
  MISCELLANEOUS,
  plain,
  prefixed,
  Value,
  vector,
  withCode,
} from "./code.ts";
import { F32x4, I32x4 } from "./vectors.ts";

/** A 32-bit integer: a number, a byte address, or a condition (0 is false). */
export class I32 extends Value {
  get typeCode(): number {
    return 0x7f;
  }
  static of(value: number): I32 {
    return new I32(constantInteger(value));
  }
  static lane(of: I32x4, lane: number): I32 {
    return new I32(vector(27, [of], [checkLane(lane)]));
  }
  static any(mask: I32x4): I32 {
    return new I32(vector(83, [mask]));
  }
  static all(mask: I32x4): I32 {
    return new I32(vector(163, [mask]));
  }
  static #lift(value: I32 | number): I32 {
    return typeof value === "number" ? I32.of(value) : value;
  }
  #with(opcode: number, other: I32 | number): I32 {
    return new I32(plain(opcode, [this, I32.#lift(other)]));
  }

  add(other: I32 | number): I32 {
    return other === 0 ? this : this.#with(0x6a, other);
  }
  subtract(other: I32 | number): I32 {
    return this.#with(0x6b, other);
  }
  multiply(other: I32 | number): I32 {
    return other === 1 ? this : this.#with(0x6c, other);
  }
  /** Signed division, truncated; traps if `other` is 0. */
  divide(other: I32 | number): I32 {
    return this.#with(0x6d, other);
  }
  divideUnsigned(other: I32 | number): I32 {
    return this.#with(0x6e, other);
  }
  /** The remainder, with the sign of `this`; traps if `other` is 0. */
  remainder(other: I32 | number): I32 {
    return this.#with(0x6f, other);
  }
  remainderUnsigned(other: I32 | number): I32 {
    return this.#with(0x70, other);
  }
  and(other: I32 | number): I32 {
    return this.#with(0x71, other);
  }
  or(other: I32 | number): I32 {
    return this.#with(0x72, other);
  }
  xor(other: I32 | number): I32 {
    return this.#with(0x73, other);
  }
  shiftLeft(bits: I32 | number): I32 {
    return this.#with(0x74, bits);
  }
  /** Arithmetic shift: copies the sign in from the left. */
  shiftRight(bits: I32 | number): I32 {
    return this.#with(0x75, bits);
  }
  shiftRightUnsigned(bits: I32 | number): I32 {
    return this.#with(0x76, bits);
  }
  rotateLeft(bits: I32 | number): I32 {
    return this.#with(0x77, bits);
  }
  isZero(): I32 {
    return new I32(plain(0x45, [this]));
  }
  equal(other: I32 | number): I32 {
    return this.#with(0x46, other);
  }
  notEqual(other: I32 | number): I32 {
    return this.#with(0x47, other);
  }
  less(other: I32 | number): I32 {
    return this.#with(0x48, other);
  }
  /** Unsigned comparison, for addresses above 2 GiB. */
  lessUnsigned(other: I32 | number): I32 {
    return this.#with(0x49, other);
  }
  greater(other: I32 | number): I32 {
    return this.#with(0x4a, other);
  }
  lessEqual(other: I32 | number): I32 {
    return this.#with(0x4c, other);
  }
  greaterEqual(other: I32 | number): I32 {
    return this.#with(0x4e, other);
  }
  /** `a` if this is not 0, else `b`; both are computed. */
  select<T extends Value>(a: T, b: T): T {
    return withCode(a, plain(0x1b, [a, b, this]));
  }
  /** The minimum. Evaluates both operands twice: name them first. */
  min(other: I32 | number): I32 {
    return this.less(other).select<I32>(this, I32.#lift(other));
  }
  max(other: I32 | number): I32 {
    return this.greater(other).select<I32>(this, I32.#lift(other));
  }
  toF32(): F32 {
    return new F32(plain(0xb2, [this]));
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
  /** The byte at this address, 0 to 255. */
  loadByte(offset = 0): I32 {
    return new I32(memoryAccess(0x2d, false, [this], offset));
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
  /** The float at this address in lane 0, zeros in the others. */
  loadLane0(offset = 0): F32x4 {
    return new F32x4(memoryAccess(92, true, [this], offset));
  }
  /** Two contiguous floats in lanes 0 and 1, zeros in the others. */
  loadLanes01(offset = 0): F32x4 {
    return new F32x4(memoryAccess(93, true, [this], offset));
  }
  /** `onto` with one lane replaced by the float at this address. */
  loadLane(onto: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], offset, checkLane(lane)));
  }
}

export class F32 extends Value {
  get typeCode(): number {
    return 0x7d;
  }
  static of(value: number): F32 {
    const bits = floatBits(value);
    return new F32((sink) =>
      sink.bytes.push(0x43, bits & 255, (bits >> 8) & 255, (bits >> 16) & 255, bits >>> 24)
    );
  }
  static lane(of: F32x4, lane: number): F32 {
    return new F32(vector(31, [of], [checkLane(lane)]));
  }
  #with(opcode: number, other: F32 | number): F32 {
    return new F32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  #compare(opcode: number, other: F32 | number): I32 {
    return new I32(plain(opcode, [this, typeof other === "number" ? F32.of(other) : other]));
  }
  add(other: F32 | number): F32 {
    return this.#with(0x92, other);
  }
  subtract(other: F32 | number): F32 {
    return this.#with(0x93, other);
  }
  multiply(other: F32 | number): F32 {
    return this.#with(0x94, other);
  }
  divide(other: F32 | number): F32 {
    return this.#with(0x95, other);
  }
  /** NaN if either is NaN, as is the maximum. */
  min(other: F32 | number): F32 {
    return this.#with(0x96, other);
  }
  max(other: F32 | number): F32 {
    return this.#with(0x97, other);
  }
  abs(): F32 {
    return new F32(plain(0x8b, [this]));
  }
  negate(): F32 {
    return new F32(plain(0x8c, [this]));
  }
  floor(): F32 {
    return new F32(plain(0x8e, [this]));
  }
  sqrt(): F32 {
    return new F32(plain(0x91, [this]));
  }
  equal(other: F32 | number): I32 {
    return this.#compare(0x5b, other);
  }
  less(other: F32 | number): I32 {
    return this.#compare(0x5d, other);
  }
  lessEqual(other: F32 | number): I32 {
    return this.#compare(0x5f, other);
  }
  greater(other: F32 | number): I32 {
    return this.#compare(0x5e, other);
  }
  greaterEqual(other: F32 | number): I32 {
    return this.#compare(0x60, other);
  }
  /** Truncates; saturates out of range, 0 for NaN. */
  toI32(): I32 {
    return new I32(prefixed(MISCELLANEOUS, 0, [this]));
  }
  asI32(): I32 {
    return new I32(plain(0xbc, [this]));
  }
  splat(): F32x4 {
    return new F32x4(vector(19, [this]));
  }
}
