/** The types of number that a tensor can hold. @module */

/** The type of a tensor's elements: 32-bit floats, or 32-bit integers for token ids and indices. */
export type DType = "float32" | "int32";

/** The typed array that carries elements of a {@linkcode DType} between JavaScript and a device. */
export type TypedArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Bytes that one element takes, the same for every {@linkcode DType}. */
export const BYTES_PER_ELEMENT = 4;

/**
 * Makes a typed array for elements of `dtype` over `buffer`, without a copy.
 *
 * @example
 * ```ts
 * import { typedArray } from "./dtype.ts";
 *
 * const ids = typedArray("int32", new ArrayBuffer(8));
 * if (ids.length !== 2) throw new Error("expected two elements");
 * ```
 */
export function typedArray(dtype: DType, buffer: ArrayBuffer): TypedArray {
  return dtype === "float32" ? new Float32Array(buffer) : new Int32Array(buffer);
}
