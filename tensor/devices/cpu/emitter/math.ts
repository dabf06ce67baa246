/**
 * Elementary functions on four floats at a time. Each emits its instructions inline.
 *
 * All handle NaN, infinities and subnormals. The stated errors are the largest that `math_test.ts`
 * finds against double-precision `Math`, with and without fused multiply-add; a ulp is the distance
 * between adjacent floats. The coefficients are our own minimax fits (Lawson's iteration, Lawson
 * 1961) on the reduced intervals.
 *
 * @module
 */

import type { FunctionBuilder } from "./function.ts";
import { F32x4, type I32x4 } from "./vectors.ts";

/**
 * 1.5 · 2²³: adding it to a small float leaves the nearest integer in the low bits. The bits above
 * the integer are zeros, even after halving, so that a left shift leaves nothing else.
 */
const ROUND = 12582912;
const ONE_BITS = 0x3f800000;
/** log 2 in two parts, the first with so few bits that small multiples are exact. */
const LN2 = [0.693145751953125, 1.428606765330187e-6] as const;
const HALF_PI = [1.5703125, 4.8351287841796875e-4, 3.1391647326017846e-7] as const;

function polynomial(x: F32x4, coefficients: readonly number[]): F32x4 {
  return coefficients.slice(0, -1).reduceRight(
    (sum: F32x4, coefficient) => sum.multiplyAdd(x, coefficient),
    F32x4.of(coefficients.at(-1)!),
  );
}

function clamp(x: F32x4, limit: number): F32x4 {
  return x.pseudoMax(-limit).pseudoMin(limit);
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
  const x = f.local(argument.pseudoMax(-104).pseudoMin(89));
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

/**
 * The natural logarithm, within 0.9 ulp: x = 2ᵏ·(1 + t) with 1 + t between √½ and √2, and log(1 +
 * t) is a series in s = t / (2 + t). −∞ at 0, NaN below.
 */
export function log(f: FunctionBuilder, argument: F32x4): F32x4 {
  const x = f.local(argument);
  const isTiny = f.local(x.less(2 ** -126));
  const bits = f.local(isTiny.select(x.multiply(2 ** 23), x).bits());
  const k = f.local(bits.subtract(0x3f3504f3).shiftRight(23));
  const t = f.local(bits.subtract(k.shiftLeft(23)).asF32x4().subtract(1));
  const exponent = f.local(k.subtract(isTiny.and(23)).toF32x4());
  const s = f.local(t.divide(t.add(2)));
  const z = f.local(s.multiply(s));
  const halfSquare = f.local(t.multiply(t).multiply(0.5));
  const series = polynomial(z, [0.6666666, 0.40000334, 0.2853728, 0.23582736]).multiply(z);
  const result = exponent.multiplyAdd(LN2[1], s.multiply(halfSquare.add(series)))
    .subtract(halfSquare)
    .add(t)
    .add(exponent.multiply(LN2[0]));
  const atZero = x.equal(0).select(F32x4.of(-Infinity), x);
  const special = x.less(0).select(F32x4.of(NaN), atZero);
  return x.greater(0).and(x.less(Infinity)).select(result, special);
}

/** An odd rational function, clamped to [−1, 1]. */
function saturating(
  f: FunctionBuilder,
  argument: F32x4,
  limit: number,
  numerator: readonly number[],
  denominator: readonly number[],
): F32x4 {
  const x = f.local(clamp(argument, limit));
  const z = f.local(x.multiply(x));
  return clamp(x.multiply(polynomial(z, numerator)).divide(polynomial(z, denominator)), 1);
}

/** The hyperbolic tangent, within 5.5 ulp, also near 0. */
export function tanh(f: FunctionBuilder, argument: F32x4): F32x4 {
  return saturating(
    f,
    argument,
    9,
    [1, 0.13381025, 0.0034955882, 2.0609084e-5, 1.3354664e-8],
    [1, 0.46714342, 0.025876982, 3.285635e-4, 7.7765594e-7],
  );
}

/** The error function, within 6.5 ulp. */
export function erf(f: FunctionBuilder, argument: F32x4): F32x4 {
  return saturating(
    f,
    argument,
    3.95,
    [1.1283791, 0.19155073, 0.052875496, 0.0038081782, 2.8468794e-4, 2.0259029e-6],
    [1, 0.5030901, 0.11455979, 0.015055124, 0.0011707294, 3.7831756e-5],
  );
}

/** The sine, with an absolute error below 10⁻⁷ for |x| up to 10,000; between −1 and 1 beyond. */
export function sin(f: FunctionBuilder, argument: F32x4): F32x4 {
  return sineOfQuarters(f, argument, 0);
}

export function cos(f: FunctionBuilder, argument: F32x4): F32x4 {
  return sineOfQuarters(f, argument, 1);
}

/** The sine of x + `quarters`·π/2: reduces x to |r| ≤ π/4, and selects by its quadrant. */
function sineOfQuarters(f: FunctionBuilder, argument: F32x4, quarters: number): F32x4 {
  const x = f.local(argument);
  const n = f.local(x.multiply(2 / Math.PI).nearest());
  const reduced = HALF_PI.reduce((rest: F32x4, part) => n.negativeMultiplyAdd(part, rest), x);
  const r = f.local(clamp(reduced, 0.8));
  const z = f.local(r.multiply(r));
  const sine = polynomial(z, [-0.16666655, 0.008332167, -1.951566e-4])
    .multiply(z).multiplyAdd(r, r);
  const cosine = polynomial(z, [1, -0.5, 0.041666646, -0.0013887353, 2.4436613e-5]);
  const quarter = f.local(n.toI32x4().add(quarters));
  const unsigned = quarter.and(1).equal(0).select(sine, cosine);
  return quarter.and(2).shiftLeft(30).xor(unsigned.bits()).asF32x4();
}
