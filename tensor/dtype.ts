/** Element dtypes of tensors. @module */

import { describeValue } from "./checks.ts";
import { wrongType } from "./errors.ts";

/**
 * Element dtype: 32-bit floats; 16-bit floats, which save memory, while kernels compute in 32 bits
 * and round what they store; or 32-bit integers for token ids and indices.
 *
 * `bfloat16` is the first half of a `float32`: the same range, with 8 significant bits instead of 24.
 * `float16` has 11, and no number above 65,504; a GPU needs the feature `shader-f16` for it. Floats of
 * different dtypes mix elementwise and in concat, with a `float32` result; matmul and attention want one.
 *
 * Integers can be added, subtracted, multiplied, negated, compared, selected, summed and reduced to
 * their extremes, exactly. What overflows wraps around, as in PyTorch, sums included (PyTorch widens
 * those to 64 bits). Comparisons give `float32`, as those of floats do. Integers and floats do not
 * mix in one operation: convert with `to`.
 */
export type DType = "float32" | "bfloat16" | "float16" | "int32";

/**
 * The typed array that holds elements of a {@linkcode DType} on the host: a `Float32Array` for
 * `bfloat16` as well, since JavaScript has no array of those. TypeScript cannot call `reduce` of a union
 * of arrays unless all of them have a signature in common.
 */
export type TypedArray =
  & (Float32Array<ArrayBuffer> | Float16Array<ArrayBuffer> | Int32Array<ArrayBuffer>)
  & {
    reduce(combine: (result: number, value: number, i: number) => number): number;
    reduce<Sum>(combine: (result: Sum, value: number, i: number) => Sum, initial: Sum): Sum;
  };

/** Elements as memory holds them: those of `bfloat16` as their bits. */
export type StoredArray = TypedArray | Uint16Array<ArrayBuffer>;

/** Dtypes that gradients flow through. */
export type FloatType = Exclude<DType, "int32">;

/** The {@linkcode FloatType}s, for messages. */
export const FLOAT_TYPES = "float32, bfloat16 or float16";

/** Bytes per element. */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === "float16" || dtype === "bfloat16" ? 2 : 4;
}

export function isFloat(dtype: DType): dtype is FloatType {
  return dtype !== "int32";
}

/**
 * The result dtype of an operation: that of the float operands if they have the same one, otherwise
 * `float32`. Integers do not count; integers alone give `float32`. (PyTorch's type promotion, except
 * that tensors without axes count like others.)
 *
 * @example
 * ```ts
 * import { promote } from "./dtype.ts";
 *
 * if (promote(["float16", "float32"]) !== "float32") throw new Error("expected the wider one");
 * if (promote(["float16", "int32"]) !== "float16") throw new Error("expected the float");
 * if (promote(["float16", "bfloat16"]) !== "float32") throw new Error("expected what holds both");
 * ```
 */
export function promote(dtypes: readonly DType[]): FloatType {
  const [first = "float32", ...others] = dtypes.filter(isFloat);
  return others.every((dtype) => dtype === first) ? first : "float32";
}

/** The name of each dtype's stored array. By name, because browsers may lack `Float16Array`. */
export const ARRAY_NAMES = {
  float32: "Float32Array",
  bfloat16: "Uint16Array",
  float16: "Float16Array",
  int32: "Int32Array",
} as const;

const DTYPES = ["float32", "bfloat16", "float16", "int32"] as const;

/** The dtype whose elements an array stores; throws a `TypeError` if there is none. */
export function dtypeOf(values: StoredArray): DType {
  const kind = values?.[Symbol.toStringTag];
  for (const dtype of DTYPES) if (kind === ARRAY_NAMES[dtype]) return dtype;
  const got = kind ?? describeValue(values);
  throw wrongType("use values", "a Float32Array, Float16Array or Int32Array", got);
}

/**
 * Throws a `TypeError` that lists the dtypes if this is none; `operation` reads "fill a tensor".
 */
export function checkDType(operation: string, dtype: DType): void {
  if (DTYPES.includes(dtype)) return;
  throw wrongType(operation, "the dtype float32, bfloat16, float16 or int32", describeValue(dtype));
}

/** The numbers that a buffer stores: over it, without copying, except for `bfloat16`. */
export function numbersIn(dtype: DType, buffer: ArrayBuffer): TypedArray {
  if (dtype === "bfloat16") return widenBfloat16(new Uint16Array(buffer));
  return new globalThis[ARRAY_NAMES[dtype]](buffer);
}

/** Numbers as memory holds them: copied, and rounded where the dtype needs it. */
export function storedArray(dtype: DType, numbers: ArrayLike<number>): StoredArray {
  if (dtype === "bfloat16") return roundToBfloat16(numbers);
  return new globalThis[ARRAY_NAMES[dtype]](numbers);
}

/**
 * The bits of numbers as `bfloat16`, each rounded to the nearest, ties to even; NaN stays NaN.
 *
 * @example
 * ```ts
 * import { roundToBfloat16, widenBfloat16 } from "./dtype.ts";
 *
 * const bits = roundToBfloat16([1, 1 / 3]);
 * if (bits[0] !== 0x3f80) throw new Error("expected the first half of a float32");
 * if (widenBfloat16(bits)[1] !== 0.333984375) throw new Error("expected 8 significant bits");
 * ```
 */
export function roundToBfloat16(numbers: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const singles = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  const bits = new Uint32Array(singles.buffer, singles.byteOffset, singles.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    halves[i] = Number.isNaN(singles[i]) ? 0x7fc0 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/** The numbers of which an array has the bits as `bfloat16`. */
export function widenBfloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
  return new Float32Array(wide.buffer);
}
