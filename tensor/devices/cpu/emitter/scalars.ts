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
  addInstructions,
  type Binary,
  checkLane,
  constantInteger,
  floatBits,
  fourBytes,
  memoryAccess,
  plain,
  type Unary,
  Value,
  vector,
  withCode,
} from "./code.ts";
import { F32x4, I32x4 } from "./vectors.ts";

const INTEGERS = {
  subtract: 0x6b,
  /** Signed division, truncated; traps if `other` is 0. */
  divide: 0x6d,
  divideUnsigned: 0x6e,
  /** The remainder, with the sign of `this`; traps if `other` is 0. */
  remainder: 0x6f,
  remainderUnsigned: 0x70,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shiftLeft: 0x74,
  /** Arithmetic shift: copies the sign in from the left. */
  shiftRight: 0x75,
  shiftRightUnsigned: 0x76,
  equal: 0x46,
  notEqual: 0x47,
  less: 0x48,
  /** Unsigned comparison, for addresses above 2 GiB. */
  lessUnsigned: 0x49,
  greater: 0x4a,
  lessEqual: 0x4c,
  greaterEqual: 0x4e,
} as const;
const FLOATS = {
  add: 0x92,
  subtract: 0x93,
  multiply: 0x94,
  divide: 0x95,
  /** NaN if either is NaN, as is the maximum. */
  min: 0x96,
  max: 0x97,
} as const;
const OF_FLOAT = { abs: 0x8b, negate: 0x8c, floor: 0x8e, sqrt: 0x91 } as const;
const COMPARISONS = {
  equal: 0x5b,
  less: 0x5d,
  greater: 0x5e,
  lessEqual: 0x5f,
  greaterEqual: 0x60,
} as const;

export interface I32 extends Binary<typeof INTEGERS, I32, I32> {}

/** A 32-bit integer: a number, a byte address, or a condition (0 is false). */
export class I32 extends Value {
  readonly typeCode = 0x7f;
  static of(value: number): I32 {
    return new I32(constantInteger(value));
  }
  static lane(of: I32x4, lane: number): I32 {
    return new I32(vector(27, [of], [checkLane(lane)]));
  }
  static all(mask: I32x4): I32 {
    return new I32(vector(163, [mask]));
  }
  static #lift(value: I32 | number): I32 {
    return typeof value === "number" ? I32.of(value) : value;
  }
  add(other: I32 | number): I32 {
    return other === 0 ? this : new I32(plain(0x6a, [this, I32.#lift(other)]));
  }
  multiply(other: I32 | number): I32 {
    return other === 1 ? this : new I32(plain(0x6c, [this, I32.#lift(other)]));
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
  /** `onto` with one lane replaced by the float at this address. */
  loadLane(onto: F32x4, lane: number, offset = 0): F32x4 {
    return new F32x4(memoryAccess(86, true, [this, onto], offset, checkLane(lane)));
  }
}

export interface F32
  extends
    Binary<typeof FLOATS, F32, F32>,
    Unary<typeof OF_FLOAT, F32>,
    Binary<typeof COMPARISONS, F32, I32> {}

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

addInstructions(I32, INTEGERS, plain, I32, I32.of);
addInstructions(F32, FLOATS, plain, F32, F32.of);
addInstructions(F32, OF_FLOAT, plain, F32, F32.of);
addInstructions(F32, COMPARISONS, plain, I32, F32.of);
