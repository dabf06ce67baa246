/**
 * Functions on four floats at a time that GPUs have in hardware. Each emits its instructions inline.
 * For the others, the meaning of errors and the source of the coefficients see
 * `tensor/kernel/math.ts`.
 *
 * @module
 */

import type { FunctionBuilder } from "./function.ts";
import { F32x4, type I32x4 } from "./values.ts";

/**
 * 1.5 · 2²³: adding it to a small float leaves the nearest integer in the low bits. The bits above
 * the integer are zeros, even after halving, so that a left shift leaves nothing else.
 */
const ROUND = 12582912;
const ONE_BITS = 0x3f800000;
/** log 2 in two parts, the first with so few bits that small multiples are exact. */
const LN2 = [0.693145751953125, 1.428606765330187e-6] as const;

/** A polynomial, by the coefficients from that of 1 on. */
export function polynomial(x: F32x4, coefficients: readonly number[]): F32x4 {
  return coefficients.slice(0, -1).reduceRight(
    (sum: F32x4, coefficient) => sum.multiplyAdd(x, coefficient),
    F32x4.of(coefficients.at(-1)!),
  );
}

/** 2ⁿ, for n from −126 to 127 in the low 9 bits. */
function powerOfTwo(n: I32x4): F32x4 {
  return n.shiftLeft(23).add(ONE_BITS).asF32x4();
}

/**
 * eˣ, within 1.1 ulp: x = n·ln 2 + r with |r| ≤ ½ ln 2, and eˣ = 2ⁿ·eʳ. 2ⁿ is applied in two
 * halves, so that results may be subnormal or overflow to infinity.
 */
export function exp(f: FunctionBuilder, argument: F32x4): F32x4 {
  const x = f.local(argument.clamp(-104, 89));
  const rounded = f.local(x.multiplyAdd(Math.LOG2E, ROUND));
  const n = f.local(rounded.subtract(ROUND));
  const r = f.local(n.negativeMultiplyAdd(LN2[1], n.negativeMultiplyAdd(LN2[0], x)));
  const tail = polynomial(r, [0.49999994, 0.1666652, 0.041668396, 0.008368817, 0.0013814392]);
  const power = tail.multiplyAdd(r.multiply(r), r).add(1);
  const half = f.local(rounded.bits().shiftRight(1));
  return power.multiply(powerOfTwo(half)).multiply(powerOfTwo(rounded.bits().subtract(half)));
}

/** 1.5 · 2²³ + 127: like {@linkcode ROUND}, with the low bits being a float's biased exponent. */
const ROUND_TO_EXPONENT = ROUND + 127;
const MIN_NORMAL_ARGUMENT = -87.33654;

/**
 * eˣ for x ≤ 0, within 2.3 ulp, in two thirds of the time of {@linkcode exp}: nothing overflows,
 * subnormals flush to 0, and a polynomial of degree 5 is exact enough for softmax weights.
 */
export function expOfNonPositive(f: FunctionBuilder, argument: F32x4): F32x4 {
  const x = f.local(argument);
  const rounded = f.local(x.multiplyAdd(Math.LOG2E, ROUND_TO_EXPONENT));
  const n = f.local(rounded.subtract(ROUND_TO_EXPONENT));
  const r = f.local(n.negativeMultiplyAdd(LN2[1], n.negativeMultiplyAdd(LN2[0], x)));
  const power = polynomial(r, [
    ...[1, 0.9999997, 0.49999148, 0.16667639, 0.04189816, 0.008290272],
  ]);
  const result = power.multiply(rounded.bits().shiftLeft(23).asF32x4());
  // Comparisons with NaN are false, so NaN passes.
  return result.bits().andNot(x.lessEqual(MIN_NORMAL_ARGUMENT)).asF32x4();
}
