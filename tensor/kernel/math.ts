/**
 * Elementary functions of vectors, of nothing but arithmetic.
 *
 * All handle NaN, infinities and subnormals. The stated errors are the largest that `math_test.ts`
 * finds against double-precision `Math` on the CPU, with and without fused multiply-add; a ulp is
 * the distance between adjacent floats. The built-in functions of WGSL are less accurate: `tanh` may
 * be NaN from 89 on, `log` and `tanh` have an absolute error (no correct digits near their zeros),
 * and `sin` and `cos` are only accurate between −π and π. The coefficients are our own minimax fits
 * (Lawson's iteration, Lawson 1961) on the reduced intervals.
 *
 * @module
 */

import type { IntVector, Vector, VectorBuilder } from "./language.ts";

/** log 2 in two parts, the first with so few bits that small multiples are exact. */
const LN2 = [0.693145751953125, 1.428606765330187e-6] as const;
const HALF_PI = [1.5703125, 4.8351287841796875e-4, 3.1391647326017846e-7] as const;

function polynomial(k: VectorBuilder, x: Vector, coefficients: readonly number[]): Vector {
  return coefficients.slice(0, -1).reduceRight(
    (sum: Vector, coefficient) => sum.multiplyAdd(x, coefficient),
    k.vector(coefficients.at(-1)!),
  );
}

/**
 * 1.5 · 2²³: adding it to a small float leaves the nearest integer in the low bits. The bits above
 * the integer are zeros, even after halving, so that a left shift leaves nothing else.
 */
const ROUND = 12582912;
const ONE_BITS = 0x3f800000;

/** 2ⁿ, for n from −126 to 127 in the low 9 bits. */
function powerOfTwo(n: IntVector): Vector {
  return n.shiftLeft(23).add(ONE_BITS).asF32x4();
}

/**
 * eˣ, within 1.1 ulp, where the hardware has no instruction for it: x = n·ln 2 + r with |r| ≤ ½ ln 2,
 * and eˣ = 2ⁿ·eʳ. 2ⁿ is applied in two halves, so that results may be subnormal or overflow to
 * infinity.
 */
export function exp(k: VectorBuilder, argument: Vector): Vector {
  const x = k.let(argument.clamp(-104, 89));
  const rounded = k.let(x.multiplyAdd(Math.LOG2E, ROUND));
  const n = k.let(rounded.subtract(ROUND));
  const r = k.let(n.negativeMultiplyAdd(LN2[1], n.negativeMultiplyAdd(LN2[0], x)));
  const tail = polynomial(k, r, [0.49999994, 0.1666652, 0.041668396, 0.008368817, 0.0013814392]);
  const power = tail.multiplyAdd(r.multiply(r), r).add(1);
  const half = k.let(rounded.bits().shiftRight(1));
  return power.multiply(powerOfTwo(half)).multiply(powerOfTwo(rounded.bits().subtract(half)));
}

/** 1.5 · 2²³ + 127: like {@linkcode ROUND}, with the low bits being a float's biased exponent. */
const ROUND_TO_EXPONENT = ROUND + 127;
const MIN_NORMAL_ARGUMENT = -87.33654;

/**
 * eˣ for x ≤ 0, within 2.3 ulp, in two thirds of the time of {@linkcode exp}: nothing overflows,
 * subnormals flush to 0, and a polynomial of degree 5 is exact enough for softmax weights.
 */
export function expOfNonPositive(k: VectorBuilder, argument: Vector): Vector {
  const x = k.let(argument);
  const rounded = k.let(x.multiplyAdd(Math.LOG2E, ROUND_TO_EXPONENT));
  const n = k.let(rounded.subtract(ROUND_TO_EXPONENT));
  const r = k.let(n.negativeMultiplyAdd(LN2[1], n.negativeMultiplyAdd(LN2[0], x)));
  const coefficients = [1, 0.9999997, 0.49999148, 0.16667639, 0.04189816, 0.008290272];
  const power = polynomial(k, r, coefficients);
  const result = power.multiply(rounded.bits().shiftLeft(23).asF32x4());
  // Comparisons with NaN are false, so NaN passes.
  return x.lessEqual(MIN_NORMAL_ARGUMENT).select(k.vector(0), result);
}

/**
 * The natural logarithm, within 0.9 ulp: x = 2ᵏ·(1 + t) with 1 + t between √½ and √2, and log(1 +
 * t) is a series in s = t / (2 + t). −∞ at 0, NaN below.
 */
export function log(k: VectorBuilder, argument: Vector): Vector {
  return k.call("log", argument, (k, argument) => {
    const x = k.let(argument);
    const isTiny = k.let(x.less(2 ** -126));
    const bits = k.let(isTiny.select(x.multiply(2 ** 23), x).bits());
    const power = k.let(bits.subtract(0x3f3504f3).shiftRight(23));
    const t = k.let(bits.subtract(power.shiftLeft(23)).asF32x4().subtract(1));
    const exponent = k.let(power.subtract(isTiny.where(23)).toF32x4());
    const s = k.let(t.divide(t.add(2)));
    const z = k.let(s.multiply(s));
    const halfSquare = k.let(t.multiply(t).multiply(0.5));
    const series = polynomial(k, z, [0.6666666, 0.40000334, 0.2853728, 0.23582736]).multiply(z);
    const result = exponent.multiplyAdd(LN2[1], s.multiply(halfSquare.add(series)))
      .subtract(halfSquare)
      .add(t)
      .add(exponent.multiply(LN2[0]));
    const atZero = x.equal(0).select(k.vector(-Infinity), x);
    const special = x.less(0).select(k.vector(NaN), atZero);
    return x.greater(0).both(x.less(Infinity)).select(result, special);
  });
}

/** An odd rational function, clamped to [−1, 1]. */
function saturating(
  k: VectorBuilder,
  argument: Vector,
  limit: number,
  numerator: readonly number[],
  denominator: readonly number[],
): Vector {
  const x = k.let(argument.clamp(-limit, limit));
  const z = k.let(x.multiply(x));
  return x.multiply(polynomial(k, z, numerator)).divide(polynomial(k, z, denominator)).clamp(-1, 1);
}

/** The hyperbolic tangent, within 5.5 ulp, also near 0. */
export function tanh(k: VectorBuilder, x: Vector): Vector {
  const numerator = [1, 0.13381025, 0.0034955882, 2.0609084e-5, 1.3354664e-8];
  const denominator = [1, 0.46714342, 0.025876982, 3.285635e-4, 7.7765594e-7];
  return k.call("tanh", x, (k, x) => saturating(k, x, 9, numerator, denominator));
}

/** The error function, within 6.5 ulp. */
export function erf(k: VectorBuilder, x: Vector): Vector {
  const numerator = [
    1.1283791,
    0.19155073,
    0.052875496,
    0.0038081782,
    2.8468794e-4,
    2.0259029e-6,
  ];
  const denominator = [
    1,
    0.5030901,
    0.11455979,
    0.015055124,
    0.0011707294,
    3.7831756e-5,
  ];
  return k.call("erf", x, (k, x) => saturating(k, x, 3.95, numerator, denominator));
}

/** The sine, with an absolute error below 10⁻⁷ for |x| up to 10,000; between −1 and 1 beyond. */
export function sin(k: VectorBuilder, x: Vector): Vector {
  return k.call("sin", x, (k, x) => sineOfQuarters(k, x, 0));
}

export function cos(k: VectorBuilder, x: Vector): Vector {
  return k.call("cos", x, (k, x) => sineOfQuarters(k, x, 1));
}

/** The sine of x + `quarters`·π/2: reduces x to |r| ≤ π/4, and selects by its quadrant. */
function sineOfQuarters(k: VectorBuilder, argument: Vector, quarters: number): Vector {
  const x = k.let(argument);
  const n = k.let(x.multiply(2 / Math.PI).nearest());
  const reduced = HALF_PI.reduce((rest: Vector, part) => n.negativeMultiplyAdd(part, rest), x);
  const r = k.let(reduced.clamp(-0.8, 0.8));
  const z = k.let(r.multiply(r));
  const sine = polynomial(k, z, [-0.16666655, 0.008332167, -1.951566e-4])
    .multiply(z).multiplyAdd(r, r);
  const cosine = polynomial(k, z, [1, -0.5, 0.041666646, -0.0013887353, 2.4436613e-5]);
  const quarter = k.let(n.toI32x4().add(quarters));
  const unsigned = quarter.and(1).equal(0).select(sine, cosine);
  return quarter.and(2).shiftLeft(30).xor(unsigned.bits()).asF32x4();
}
