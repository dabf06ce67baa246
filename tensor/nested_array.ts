/** Nested arrays of numbers, flattened into typed arrays. @module */

import { type DType, dtypeOf, type TypedArray } from "./dtype.ts";
import { formatShape } from "./shape.ts";

/** A number, or arrays of them nested to any depth, all of one length at each depth. */
export type NestedArray = number | readonly NestedArray[];

/** The values of a nested array in row-major order. */
export interface FlatArray {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Flattens values for a device.
 *
 * @param dtype The wanted type; by default that of a typed array, and `float32` for numbers.
 * @throws {RangeError} If arrays of one depth differ in length, or a value is no 32-bit integer
 * where `int32` is wanted.
 * @throws {TypeError} If there is something else than a number.
 *
 * @example
 * ```ts
 * import { flatten } from "./nested_array.ts";
 *
 * const { data, shape } = flatten([[1, 2, 3], [4, 5, 6]]);
 * if (shape.join() !== "2,3" || data.length !== 6) throw new Error("expected 2 rows of 3");
 * ```
 */
export function flatten(values: NestedArray | TypedArray, dtype?: DType): FlatArray {
  if (isTypedArray(values)) {
    const own = dtypeOf(values);
    const data = dtype === undefined || dtype === own ? values : convert(values, dtype);
    return { data, shape: [values.length], dtype: dtype ?? own };
  }
  const shape = shapeOf(values);
  const flat: number[] = [];
  collect(values, shape, 0, flat);
  return { data: convert(flat, dtype ?? "float32"), shape, dtype: dtype ?? "float32" };
}

function isTypedArray(values: NestedArray | TypedArray): values is TypedArray {
  return ArrayBuffer.isView(values);
}

function shapeOf(values: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray | undefined = values;
  while (Array.isArray(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return shape;
}

function collect(
  values: NestedArray,
  shape: readonly number[],
  depth: number,
  flat: number[],
): void {
  if (typeof values === "number") {
    if (depth === shape.length) {
      flat.push(values);
      return;
    }
  } else if (!Array.isArray(values)) {
    throw new TypeError(`Cannot make a tensor: wanted numbers, got ${typeof values}`);
  }
  if (!Array.isArray(values) || values.length !== shape[depth]) {
    const got = Array.isArray(values) ? `an array of ${values.length}` : "a number";
    throw new RangeError(
      `Cannot make a tensor of ragged arrays: wanted the shape ${
        formatShape(shape)
      } of the first ` +
        `elements, got ${got} at depth ${depth}`,
    );
  }
  for (const each of values) collect(each, shape, depth + 1, flat);
}

function convert(values: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === "float32") return Float32Array.from(values);
  if (dtype === "float16") return Float16Array.from(values);
  const result = Int32Array.from(values);
  for (let i = 0; i < result.length; i++) {
    if (result[i] !== values[i]) {
      throw new RangeError(
        `Cannot make an int32 tensor: wanted 32-bit integers, got ${values[i]} at element ${i}`,
      );
    }
  }
  return result;
}
