/** Rounding single numbers to `bfloat16`, for references. @module */

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** The nearest `bfloat16`, ties to even; NaN stays NaN. */
export function roundBfloat16(x: number): number {
  single[0] = x;
  if (Number.isNaN(x)) return x;
  bits[0] = (bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000;
  return single[0]!;
}
