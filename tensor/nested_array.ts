/** Flattens nested arrays of numbers into typed arrays. @module */

import { checkDType, type DType, type TypedArray } from "./dtype.ts";
import { RangeError, TypeError } from "./errors.ts";
import { formatShape } from "./shape.ts";

/** A typed array of any kind. */
export type NumberArray =
  | Float32Array
  | Float16Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array
  | Uint8ClampedArray
  | BigInt64Array
  | BigUint64Array;

/** A number, or arrays of them nested to any depth, of equal length at each depth. */
export type NestedArray = number | NumberArray | readonly NestedArray[];

const DTYPES: Readonly<Record<string, DType>> = {
  Float32Array: "float32",
  Float16Array: "float16",
  Float64Array: "float32",
  Int32Array: "int32",
  Int16Array: "int32",
  Int8Array: "int32",
  Uint32Array: "int32",
  Uint16Array: "int32",
  Uint8Array: "int32",
  Uint8ClampedArray: "int32",
  BigInt64Array: "int32",
  BigUint64Array: "int32",
};

export interface FlatArray {
  readonly data: TypedArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Flattens values for a device.
 *
 * @param dtype By default `float16` for a `Float16Array`, `int32` for typed arrays of integers, and
 * `float32` for everything else.
 * @throws {RangeError} If arrays of one depth differ in length, or a value is not a 32-bit integer
 * for `int32`.
 * @throws {TypeError} If there is something other than numbers, or the dtype is unknown.
 */
export function flatten(values: NestedArray, dtype?: DType): FlatArray {
  if (dtype !== undefined) checkDType("make a tensor", dtype);
  if (isTypedArray(values)) {
    const own = dtypeFor(values);
    const wanted = dtype ?? own;
    return { data: convert(values, wanted), shape: [values.length], dtype: wanted };
  }
  const shape = shapeOf(values);
  const flat: number[] = [];
  const dtypes = new Set<DType>();
  collect(values, shape, 0, flat, dtypes);
  const wanted = dtype ?? (dtypes.size === 1 ? [...dtypes][0]! : "float32");
  return { data: convert(flat, wanted), shape, dtype: wanted };
}

function isTypedArray(values: NestedArray): values is NumberArray {
  return ArrayBuffer.isView(values);
}

function dtypeFor(values: NumberArray): DType {
  // A `DataView` is an array buffer view as well, and so will be future kinds of typed arrays.
  const kind = values[Symbol.toStringTag];
  const dtype = DTYPES[kind];
  if (dtype === undefined) {
    throw new TypeError(`Cannot make a tensor: wanted a typed array of numbers, got a ${kind}`);
  }
  return dtype;
}

function shapeOf(values: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray | undefined = values;
  while (Array.isArray(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return level !== undefined && isTypedArray(level) ? [...shape, level.length] : shape;
}

function collect(
  values: NestedArray,
  shape: readonly number[],
  depth: number,
  flat: number[],
  dtypes: Set<DType>,
): void {
  if (typeof values === "number") {
    if (depth === shape.length) {
      flat.push(values);
      dtypes.add("float32");
      return;
    }
  } else if (!Array.isArray(values) && !ArrayBuffer.isView(values)) {
    throw new TypeError(`Cannot make a tensor: wanted numbers, got ${typeof values}`);
  }
  if (typeof values === "number" || values.length !== shape[depth]) {
    const got = typeof values === "number" ? "a number" : `an array of ${values.length}`;
    throw new RangeError(
      `Cannot make a tensor of ragged arrays: wanted the shape ${
        formatShape(shape)
      } of the first elements, got ${got} at depth ${depth}`,
    );
  }
  if (!isTypedArray(values)) {
    for (const each of values) collect(each, shape, depth + 1, flat, dtypes);
    return;
  }
  if (depth + 1 < shape.length) {
    throw new RangeError(
      `Cannot make a tensor of ragged arrays: wanted the shape ${
        formatShape(shape)
      } of the first elements, got numbers at depth ${depth + 1}`,
    );
  }
  dtypes.add(dtypeFor(values));
  for (const each of values) flat.push(Number(each));
}

/** Converts the elements to a new typed array, unless a device can copy from `values` directly. */
function convert(values: ArrayLike<number | bigint>, dtype: DType): TypedArray {
  if (isPlain(values) && DTYPES[values[Symbol.toStringTag]] === dtype) return values;
  const numbers = typeof values[0] === "bigint"
    ? Array.from(values, Number)
    : values as ArrayLike<number>;
  if (dtype === "float32") return new Float32Array(numbers);
  if (dtype === "float16") return new Float16Array(numbers);
  const result = new Int32Array(numbers);
  for (let i = 0; i < result.length; i++) {
    if (result[i] !== numbers[i]) {
      throw new RangeError(
        `Cannot make an int32 tensor: wanted 32-bit integers, got ${values[i]} at element ${i}`,
      );
    }
  }
  return result;
}

/** Whether values have a device's element format, in memory that is not shared. */
function isPlain(values: ArrayLike<number | bigint>): values is TypedArray {
  return ArrayBuffer.isView(values) && values.buffer instanceof ArrayBuffer &&
    ["Float32Array", "Float16Array", "Int32Array"].includes(
      (values as NumberArray)[Symbol.toStringTag],
    );
}
