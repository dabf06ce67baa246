/**
 * Elements of 16 bits, in the kernel language: single precision with fewer significant bits (`bf16`)
 * and IEEE half precision (`f16`).
 *
 * Memory holds the 16 bits, and kernels compute in single precision: a load widens, exactly, and a
 * store rounds to the nearest, ties to even. NaN stays NaN, what is too large becomes infinite, and
 * subnormals are kept.
 *
 * @module
 */

import type { IntVector, Vector, VectorBuilder } from "./language.ts";

/** A type of elements of 16 bits. */
export type Half = "bf16" | "f16";

/** How elements become single-precision floats, and back. */
export interface HalfFormat {
  /** The floats of elements in the low halves of integers. What the high halves have is ignored. */
  readonly widen: (k: VectorBuilder, bits: IntVector) => Vector;
  /** Likewise of elements in the high halves. */
  readonly widenHigh: (k: VectorBuilder, bits: IntVector) => Vector;
  /**
   * The nearest elements, in the high halves of integers. What the low halves have is undefined.
   *
   * @param isShort See {@linkcode VectorOptions.isShort}.
   */
  readonly round: (k: VectorBuilder, x: Vector, isShort: boolean) => IntVector;
}

// Exponents of single precision, in place.
const INFINITY = 0x7f800000;
const exponent = (power: number): number => (power + 127) << 23;

/** The least significant bits that remain, as integers: adding them makes ties go to even. */
const oddness = (bits: IntVector, dropped: number): IntVector => bits.shiftRight(dropped).and(1);

/** A `bf16` is the first half of a float. */
const bf16: HalfFormat = {
  widen: (_, bits) => bits.shiftLeft(16).asF32x4(),
  widenHigh: (_, bits) => bits.and(-0x10000).asF32x4(),
  round: (k, given, isShort) => {
    const x = k.let(given);
    const bits = k.let(x.bits());
    const rounded = bits.add(0x7fff).add(oddness(bits, 16));
    // Rounding could carry a NaN to infinity or to 0. All bits set are one.
    return isShort ? rounded : rounded.or(x.isNaN().where(-1));
  },
};

/** The largest number below infinity. */
const MAX_F16 = 65504;
/** From here to single precision, exponents grow by this much. */
const BIAS = exponent(112 - 127);

/** Source of the idea: Giesen, "Half to float done quick" and its reverse (2012, 2013). */
const f16: HalfFormat = {
  widen: (k, bits) => {
    // As a float that is 2¹¹² too small, subnormals included: multiplying normalizes them.
    const small = bits.and(0x7fff).shiftLeft(13).asF32x4();
    const size = k.let(small.multiply(2 ** 112));
    // Infinity and NaN have the largest exponent on both sides.
    const special = size.greater(MAX_F16).where(INFINITY - exponent(16));
    return size.bits().add(special).add(bits.and(0x8000).shiftLeft(16)).asF32x4();
  },
  widenHigh: (k, bits) => f16.widen(k, bits.shiftRight(16)),
  round: (k, given) => {
    const x = k.let(given);
    const bits = k.let(x.bits());
    // From 2¹⁶ on, all is infinite.
    const size = k.let(bits.and(0x7fffffff).min(exponent(16)));
    const normal = size.add(0xfff - BIAS).add(oddness(size, 13)).shiftRight(13);
    // Adding a number whose last bit is worth 2⁻²⁴ rounds a subnormal.
    const subnormal = size.asF32x4().add(0.5).bits().subtract(exponent(-1));
    const rounded = size.less(exponent(-14)).select(subnormal, normal);
    return rounded.shiftLeft(16).add(bits.and(-0x80000000)).or(x.isNaN().where(-1));
  },
};

export const HALVES: Readonly<Record<Half, HalfFormat>> = { bf16, f16 };
