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

/**
 * The type of the elements of a typed array.
 *
 * @throws {TypeError} If no tensor has such elements.
 */
export function dtypeOf(values: TypedArray): DType {
  // `Float16Array` is not mentioned by its name: a browser may have none.
  const kind = values[Symbol.toStringTag];
  switch (kind) {
    case "Float32Array":
      return "float32";
    case "Float16Array":
      return "float16";
    case "Int32Array":
      return "int32";
    default:
      throw new TypeError(
        `Cannot use values: wanted a Float32Array, Float16Array or Int32Array, got ${kind}`,
      );
  }
}

/**
 * Checks a dtype that somebody asked for: not every program is type-checked.
 *
 * @param operation What it is for, as in "fill a tensor".
 * @throws {TypeError} If there is no such dtype; the message lists those that there are.
 */
export function checkDType(operation: string, dtype: DType): void {
  if (dtype === "float32" || dtype === "float16" || dtype === "int32") return;
  throw new TypeError(
    `Cannot ${operation}: wanted the dtype float32, float16 or int32, got ${JSON.stringify(dtype)}`,
  );
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
