/** References in double precision for packed matrices. */

import type { Packing } from "../../../mod.ts";

const BLOCK = 32;
const { fround } = Math;
const roundAway = (value: number) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** A block as integers and a scale, as ggml rounds weights; with `ofX`, as matmuls round x. */
function roundBlock(
  values: ArrayLike<number>,
  packing: Packing,
  ofX: boolean,
): { readonly scale: number; readonly numbers: readonly number[] } {
  const list = Array.from(values);
  if (!list.every(Number.isFinite)) return { scale: NaN, numbers: list.map(() => 0) };
  const extreme = list.reduce((most, each) => Math.abs(each) > Math.abs(most) ? each : most, 0);
  const scale = fround(packing === "q8" ? Math.abs(extreme) / 127 : extreme / -8);
  const inverse = Math.abs(extreme) < 2 ** -119 ? 0 : fround(1 / scale);
  const numbers = list.map((value) => {
    const scaled = fround(value * inverse);
    return packing === "q8"
      ? roundAway(scaled)
      : Math.min(15, Math.trunc(fround(scaled + 8.5))) - 8;
  });
  return { scale: ofX ? scale : toHalf(scale), numbers };
}

/** Rounded to half precision's 11 bits, without its largest number. */
function toHalf(value: number): number {
  return Math.abs(value) < 65_504 ? new Float16Array([value])[0]! : roundTo11Bits(value);
}

function roundTo11Bits(value: number): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
  return Math.round(value / unit) * unit;
}

/** The numbers of packed rows, `[n, k]`. */
export function unpackedReference(
  values: Float32Array,
  packing: Packing,
  ofX = false,
): Float64Array {
  const result = new Float64Array(values.length);
  for (let at = 0; at < values.length; at += BLOCK) {
    const { scale, numbers } = roundBlock(values.subarray(at, at + BLOCK), packing, ofX);
    numbers.forEach((number, i) => result[at + i] = number * scale);
  }
  return result;
}

/** x Wᵀ with x rounded to 8 bits and W packed, `[rows, n]`. */
export function matmulReference(
  x: Float32Array,
  weight: Float32Array,
  [rows, n, k]: readonly [number, number, number],
  packing: Packing,
): Float64Array {
  const left = unpackedReference(x, "q8", true);
  const right = unpackedReference(weight, packing);
  const result = new Float64Array(rows * n);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += left[row * k + i]! * right[column * k + i]!;
      result[row * n + column] = sum;
    }
  }
  return result;
}
