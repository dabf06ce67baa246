/** Flattens nested arrays of numbers into typed arrays. @module */

import { describeValue } from "./checks.ts";
import { type RangeError, wrongType, wrongValue } from "./errors.ts";
import {
  ARRAY_NAMES,
  checkDType,
  type DType,
  formatShape,
  type StoredArray,
  storedArray,
  widenBfloat16,
} from "./layout.ts";
import type { SafetensorsArrays, SafetensorsDtype } from "./safetensors.ts";

/** A typed array of any kind. */
export type NumberArray = SafetensorsArrays[SafetensorsDtype] | Uint8ClampedArray;

/** A number, or arrays of them nested to any depth, of equal length at each depth. */
export type NestedArray = number | NumberArray | readonly NestedArray[];

export interface FlatArray {
  readonly data: StoredArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/**
 * Flattens values for a device.
 *
 * @param dtype By default `float16` for a `Float16Array`, `int32` for typed arrays of integers, and
 * `float32` for everything else. For `bfloat16`, a `Uint16Array` has the bits.
 * @throws {RangeError} If arrays of one depth differ in length, or a value is not a 32-bit integer
 * for `int32`.
 * @throws {TypeError} If there is something other than numbers, or the dtype is unknown.
 */
export function flatten(values: NestedArray, dtype?: DType): FlatArray {
  if (dtype !== undefined) checkDType("make a tensor", dtype);
  if (ArrayBuffer.isView(values)) {
    const own = dtypeFor(values);
    const wanted = dtype ?? own;
    return { data: convert(values, wanted), shape: [values.length], dtype: wanted };
  }
  const shape = shapeOf(values);
  const flat: number[] = [];
  const dtypes = new Set<DType>();
  const collect = (values: NestedArray, depth: number): void => {
    if (typeof values === "number") {
      if (depth < shape.length) throw ragged(shape, "a number", depth);
      flat.push(values);
      dtypes.add("float32");
    } else if (!Array.isArray(values) && !ArrayBuffer.isView(values)) {
      throw wrongType("make a tensor", "numbers", describeValue(values));
    } else if (values.length !== shape[depth]) {
      throw ragged(shape, `an array of ${values.length}`, depth);
    } else if (!ArrayBuffer.isView(values)) {
      for (const each of values) collect(each, depth + 1);
    } else {
      if (depth + 1 < shape.length) throw ragged(shape, "numbers", depth + 1);
      dtypes.add(dtypeFor(values));
      const isBits = dtype === "bfloat16" && values instanceof Uint16Array;
      for (const each of isBits ? widenBfloat16(values) : values) flat.push(Number(each));
    }
  };
  collect(values, 0);
  const wanted = dtype ?? (dtypes.size === 1 ? [...dtypes][0]! : "float32");
  return { data: convert(flat, wanted), shape, dtype: wanted };
}

function dtypeFor(values: NumberArray): DType {
  // A `DataView` is an array buffer view as well, and so will be future kinds of typed arrays.
  const kind = values[Symbol.toStringTag];
  if (kind === "Float16Array") return "float16";
  if (kind === "Float32Array" || kind === "Float64Array") return "float32";
  if (/^(Big)?(Int|Uint)\d+(Clamped)?Array$/.test(kind)) return "int32";
  throw wrongType("make a tensor", "a typed array of numbers", `a ${kind}`);
}

function shapeOf(values: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray | undefined = values;
  while (Array.isArray(level)) {
    shape.push(level.length);
    level = level[0];
  }
  return level !== undefined && ArrayBuffer.isView(level) ? [...shape, level.length] : shape;
}

function ragged(shape: readonly number[], got: string, depth: number): RangeError {
  const wanted = `the shape ${formatShape(shape)} of the first elements`;
  return wrongValue("make a tensor of ragged arrays", wanted, `${got} at depth ${depth}`);
}

/** Converts the elements to a new typed array, unless a device can copy from `values` directly. */
function convert(values: ArrayLike<number | bigint>, dtype: DType): StoredArray {
  if (isPlain(values, dtype)) return values;
  const numbers = typeof values[0] === "bigint"
    ? Array.from(values, Number)
    : values as ArrayLike<number>;
  const result = storedArray(dtype, numbers);
  for (let i = 0; dtype === "int32" && i < result.length; i++) {
    if (result[i] !== numbers[i]) {
      throw wrongValue("make an int32 tensor", "32-bit integers", `${values[i]} at element ${i}`);
    }
  }
  return result;
}

/** Whether values have a device's element format, in memory that is not shared. */
function isPlain(values: ArrayLike<number | bigint>, dtype: DType): values is StoredArray {
  return ArrayBuffer.isView(values) && values.buffer instanceof ArrayBuffer &&
    (values as NumberArray)[Symbol.toStringTag] === ARRAY_NAMES[dtype];
}
