/** The types of number that a tensor can hold. @module */

/**
 * The type of a tensor's elements: 32-bit floats, 16-bit floats where the device has them (they save
 * memory; kernels compute in 32 bits all the same), or 32-bit integers for token ids and indices.
 */
export type DType = "float32" | "float16" | "int32";

/** The typed array that carries elements of a {@linkcode DType} between JavaScript and a device. */
export type TypedArray =
  | Float32Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>;

/** The types that gradients can flow through. */
export type FloatType = Exclude<DType, "int32">;

/**
 * Bytes that one element takes.
 *
 * @example
 * ```ts
 * import { bytesPerElement } from "./dtype.ts";
 *
 * if (bytesPerElement("float16") !== 2) throw new Error("expected half of float32");
 * ```
 */
export function bytesPerElement(dtype: DType): 2 | 4 {
  return dtype === "float16" ? 2 : 4;
}

/** Whether gradients can flow through elements of this type. */
export function isFloat(dtype: DType): dtype is FloatType {
  return dtype !== "int32";
}

/**
 * The type that comes of computing with these: `float16` if all that are floats are `float16`, else
 * `float32`. Integers have no say; from them alone comes `float32`. (PyTorch's rule of promotion,
 * but that a tensor of no axis counts like any other.)
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

/** The type of the elements of a typed array. */
export function dtypeOf(values: TypedArray): DType {
  // `Float16Array` is named only where there is one: a browser may have none.
  if (values instanceof Float32Array) return "float32";
  return values instanceof Int32Array ? "int32" : "float16";
}

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
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float16":
      return new Float16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
  }
}
