/** Element dtypes of tensors. @module */

import { describeValue } from "./checks.ts";
import { wrongType } from "./errors.ts";

/**
 * Element dtype: 32-bit floats; 16-bit floats where supported (they save memory, but kernels
 * compute in 32 bits); or 32-bit integers for token ids and indices.
 *
 * Integers can be added, subtracted, multiplied, negated, compared, selected, summed and reduced to
 * their extremes, exactly. What overflows wraps around, as in PyTorch, sums included (PyTorch widens
 * those to 64 bits). Comparisons give `float32`, as those of floats do. Integers and floats do not
 * mix in one operation: convert with `to`.
 */
export type DType = "float32" | "float16" | "int32";

/** The typed array that holds elements of a {@linkcode DType} on the host. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>;

/** Dtypes that gradients flow through. */
export type FloatType = Exclude<DType, "int32">;

/** Bytes per element. */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === "float16" ? 2 : 4;
}

export function isFloat(dtype: DType): dtype is FloatType {
  return dtype !== "int32";
}

/**
 * The result dtype of an operation: `float16` if all float operands are `float16`, otherwise
 * `float32`. Integers do not count; integers alone give `float32`. (PyTorch's type promotion,
 * except that scalars count like other tensors.)
 *
 * @example
 * ```ts
 * import { promote } from "./dtype.ts";
 *
 * if (promote(["float16", "float32"]) !== "float32") throw new Error("expected the wider one");
 * if (promote(["float16", "int32"]) !== "float16") throw new Error("expected the float");
 * ```
 */
export function promote(dtypes: readonly DType[]): FloatType {
  return dtypes.includes("float16") && !dtypes.includes("float32") ? "float16" : "float32";
}

/** The name of each dtype's typed array. By name, because browsers may lack `Float16Array`. */
export const ARRAY_NAMES = {
  float32: "Float32Array",
  float16: "Float16Array",
  int32: "Int32Array",
} as const;

/** The dtype of a typed array; throws a `TypeError` if there is none. */
export function dtypeOf(values: TypedArray): DType {
  const kind = values?.[Symbol.toStringTag];
  for (const dtype of ["float32", "float16", "int32"] as const) {
    if (kind === ARRAY_NAMES[dtype]) return dtype;
  }
  const got = kind ?? describeValue(values);
  throw wrongType("use values", "a Float32Array, Float16Array or Int32Array", got);
}

/**
 * Throws a `TypeError` that lists the dtypes if this is none; `operation` reads "fill a tensor".
 */
export function checkDType(operation: string, dtype: DType): void {
  if (dtype === "float32" || dtype === "float16" || dtype === "int32") return;
  throw wrongType(operation, "the dtype float32, float16 or int32", describeValue(dtype));
}

/** Creates a typed array of `dtype`: over a buffer, without copying, or of numbers. */
export function typedArray(
  dtype: DType,
  source: ArrayBuffer | ArrayLike<number>,
): TypedArray {
  return new globalThis[ARRAY_NAMES[dtype]](source);
}
