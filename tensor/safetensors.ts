/**
 * The safetensors file format: named arrays in one file, as an 8-byte header length, the header as
 * JSON, and the arrays' contiguous data, all little-endian.
 *
 * The header states each array's dtype, shape and position, so a malicious file can lie about all
 * three. Everything is therefore validated against the file's size before an array is created, and
 * a bad file costs no more memory than its own size.
 *
 * Source: https://huggingface.co/docs/safetensors.
 *
 * @module
 */

import { wrongType, wrongValue } from "./errors.ts";
import { roundToBfloat16, widenBfloat16 } from "./layout.ts";
import {
  checkLayout,
  describe,
  type Entry,
  isSizes,
  malformed,
  parseHeader,
  prefixBytes,
} from "./safetensors_header.ts";

/** The typed array of each dtype. */
export interface SafetensorsArrays {
  /** One byte per value: 0 or 1. */
  bool: Uint8Array;
  /** Unsigned 8-bit integers. */
  uint8: Uint8Array;
  /** Signed 8-bit integers. */
  int8: Int8Array;
  /** Unsigned 16-bit integers. */
  uint16: Uint16Array;
  /** Signed 16-bit integers. */
  int16: Int16Array;
  /** Unsigned 32-bit integers. */
  uint32: Uint32Array;
  /** Signed 32-bit integers. */
  int32: Int32Array;
  /** Unsigned 64-bit integers. */
  uint64: BigUint64Array;
  /** Signed 64-bit integers. */
  int64: BigInt64Array;
  /** Half precision, for writing: it is read as single precision. */
  float16: Float16Array;
  /** The bits, for writing; or single precision, which is rounded. It is read as the latter. */
  bfloat16: Uint16Array | Float32Array;
  /** Single precision; half precision is also read as this. */
  float32: Float32Array;
  /** Double precision. */
  float64: Float64Array;
}

/** Dtypes that a file can be read as or written from. */
export type SafetensorsDtype = keyof SafetensorsArrays;

/** One array of a file: its `dtype` determines the class of its `data`. */
export type SafetensorsTensor = {
  [Dtype in SafetensorsDtype]: {
    dtype: Dtype;
    /** Length of each axis; empty for a scalar. */
    shape: number[];
    data: SafetensorsArrays[Dtype];
  };
}[SafetensorsDtype];

/** An array to write with {@linkcode writeSafetensors}. */
export interface SafetensorsInput {
  /** `"float32"` and so on, or the format's own spelling, `"F32"` and so on. */
  readonly dtype: string;
  /** Length of each axis; empty for a scalar. */
  readonly shape: readonly number[];
  /** The elements, row-major, in the array class of `dtype`. */
  readonly data: SafetensorsArrays[SafetensorsDtype];
}

interface Encoding {
  readonly code: string;
  readonly dtype: SafetensorsDtype;
  readonly Class: {
    new (buffer: ArrayBufferLike, offset: number, length: number): SafetensorsTensor["data"];
    readonly BYTES_PER_ELEMENT: number;
  };
}

const encodings: readonly Encoding[] = [
  { code: "BOOL", dtype: "bool", Class: Uint8Array },
  { code: "U8", dtype: "uint8", Class: Uint8Array },
  { code: "I8", dtype: "int8", Class: Int8Array },
  { code: "U16", dtype: "uint16", Class: Uint16Array },
  { code: "I16", dtype: "int16", Class: Int16Array },
  { code: "U32", dtype: "uint32", Class: Uint32Array },
  { code: "I32", dtype: "int32", Class: Int32Array },
  { code: "U64", dtype: "uint64", Class: BigUint64Array },
  { code: "I64", dtype: "int64", Class: BigInt64Array },
  // Some browsers lack this class: there it is the bits.
  { code: "F16", dtype: "float16", Class: globalThis.Float16Array ?? Uint16Array },
  { code: "BF16", dtype: "bfloat16", Class: Uint16Array },
  { code: "F32", dtype: "float32", Class: Float32Array },
  { code: "F64", dtype: "float64", Class: Float64Array },
];
const encodingOfCode = new Map(encodings.map((encoding) => [encoding.code, encoding]));
const encodingOfDtype = new Map(encodings.map((encoding) => [String(encoding.dtype), encoding]));

/** Half-precision dtypes, which are widened when read. */
const widened = new Map<string, (bits: Uint16Array<ArrayBuffer>) => Float32Array>([
  ["F16", (bits) => new Float32Array(new Float16Array(bits.buffer))],
  ["BF16", (bits) => widenBfloat16(bits)],
]);

const elementBytes = new Map(
  encodings.map(({ code, Class }) => [code, Class.BYTES_PER_ELEMENT] as const),
);

/** The largest element size: data at a multiple of it is aligned for every dtype. */
const alignment = 8;

/**
 * Reads every array of a safetensors file.
 *
 * Half precision (F16, BF16) is widened to `"float32"`, losslessly. Where alignment allows, an
 * array is a view of `bytes` instead of a copy: do not change `bytes` while the arrays are in use.
 *
 * @param bytes The whole file; it may start anywhere in its buffer.
 * @returns The arrays by name, in file order.
 * @throws {SyntaxError} If the file is truncated, the header is malformed, a dtype is unknown, a
 * boolean is neither 0 nor 1, or the arrays overlap, leave gaps or do not fill the file exactly.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "./safetensors.ts";
 *
 * const file = writeSafetensors(
 *   new Map([["bias", { dtype: "float32", shape: [3], data: new Float32Array([1, 2, 3]) }]]),
 * );
 * const bias = readSafetensors(file).get("bias");
 * if (bias?.dtype !== "float32" || bias.data[2] !== 3) throw new Error("expected 1, 2, 3");
 * ```
 */
export function readSafetensors(bytes: Uint8Array): Map<string, SafetensorsTensor> {
  const { entries, dataStart } = parseHeader(bytes, elementBytes);
  const data = bytes.subarray(dataStart);
  return new Map(
    checkLayout(entries, data.length).map((
      entry,
    ) => [entry.name, readArray(entry, data.subarray(entry.begin, entry.end))]),
  );
}

/**
 * Reads the metadata (`__metadata__`) of a safetensors file, or of its beginning up to the end of
 * the header; `{}` if it has none.
 *
 * @throws {SyntaxError} If the header is truncated or malformed.
 *
 * @example
 * ```ts
 * import { readSafetensorsMetadata, writeSafetensors } from "./safetensors.ts";
 *
 * const file = writeSafetensors(new Map(), { step: "20" });
 * if (readSafetensorsMetadata(file).step !== "20") throw new Error("expected step 20");
 * ```
 */
export function readSafetensorsMetadata(bytes: Uint8Array): Record<string, string> {
  return parseHeader(bytes, null).metadata;
}

/**
 * Serializes arrays as a safetensors file.
 *
 * Equal arrays give equal bytes, whatever their order in the map: they are sorted by descending
 * element size and then by name, so each array is aligned.
 *
 * @throws {TypeError} If a dtype is unknown, the data is of another array class, or a metadata
 * value is not a string.
 * @throws {RangeError} If a shape does not match the number of values, a boolean is neither 0 nor 1,
 * or a name is `__metadata__`.
 *
 * @example
 * ```ts
 * import { writeSafetensors } from "./safetensors.ts";
 *
 * const one = { dtype: "int32", shape: [], data: new Int32Array([1]) };
 * const file = writeSafetensors(new Map([["one", one]]), { source: "example" });
 * if (file.length % 4 !== 0) throw new Error("expected aligned data");
 * ```
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsInput>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const ordered = [...tensors]
    .map(([name, given]) => ({ name, tensor: rounded(given) }))
    .map(({ name, tensor }) => ({ name, tensor, encoding: checkInput(name, tensor) }))
    .sort((a, b) =>
      b.encoding.Class.BYTES_PER_ELEMENT - a.encoding.Class.BYTES_PER_ELEMENT ||
      (a.name < b.name ? -1 : 1)
    );

  const header: [string, unknown][] = [];
  if (Object.values(metadata).some((text) => typeof text !== "string")) {
    throw wrongType("write safetensors", "metadata of strings", "a value that is not");
  }
  if (Object.keys(metadata).length > 0) header.push(["__metadata__", metadata]);
  let end = 0;
  for (const { name, tensor, encoding } of ordered) {
    const begin = end;
    end += tensor.data.byteLength;
    header.push([
      name,
      { dtype: encoding.code, shape: tensor.shape, data_offsets: [begin, end] },
    ]);
  }

  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / alignment) * alignment;
  const file = new Uint8Array(prefixBytes + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, prefixBytes);
  file.fill(" ".charCodeAt(0), prefixBytes + json.length, prefixBytes + headerBytes);
  let offset = prefixBytes + headerBytes;
  for (const { tensor: { data } } of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

function readArray({ name, code, shape }: Entry, bytes: Uint8Array): SafetensorsTensor {
  const widen = widened.get(code);
  if (widen !== undefined) {
    return { dtype: "float32", shape, data: widen(new Uint16Array(bytes.slice().buffer)) };
  }
  const { dtype, Class } = encodingOfCode.get(code)!;
  const problem = dtype === "bool" ? findNotBoolean(bytes) : null;
  if (problem !== null) {
    throw malformed(`0 or 1 for each value of ${describe(name)}`, problem);
  }
  const aligned = bytes.byteOffset % Class.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice();
  const length = bytes.length / Class.BYTES_PER_ELEMENT;
  const data = new Class(aligned.buffer, aligned.byteOffset, length);
  return { dtype, shape, data } as SafetensorsTensor; // the table of encodings pairs the two
}

/** The first byte that is neither 0 nor 1: two readers must not see different values in one. */
function findNotBoolean(bytes: Uint8Array): string | null {
  const at = bytes.findIndex((byte) => byte > 1);
  return at < 0 ? null : `${bytes[at]} at ${at}`;
}

/** Numbers for BF16 are their bits from here on; `Tensor.data` reads them as single precision. */
function rounded(tensor: SafetensorsInput): SafetensorsInput {
  const { dtype, data } = tensor;
  const isSingle = (dtype === "bfloat16" || dtype === "BF16") && data instanceof Float32Array;
  return isSingle ? { ...tensor, data: roundToBfloat16(data) } : tensor;
}

function checkInput(name: string, { dtype, shape, data }: SafetensorsInput): Encoding {
  const [what, array] = ["write safetensors", describe(name)];
  const encoding = encodingOfDtype.get(dtype) ?? encodingOfCode.get(dtype);
  if (encoding === undefined) {
    const known = [...encodingOfDtype.keys()].join(", ");
    throw wrongType(what, `the dtype of ${array} to be one of ${known}`, describe(dtype));
  }
  if (!(data instanceof encoding.Class)) {
    const got = Object.prototype.toString.call(data).slice(8, -1);
    throw wrongType(what, `the data of ${array} as ${encoding.Class.name} for ${dtype}`, got);
  }
  const problem = encoding.dtype === "bool" ? findNotBoolean(data as Uint8Array) : null;
  if (problem !== null) throw wrongValue(what, `0 or 1 for each value of ${array}`, problem);
  if (name === "__metadata__") throw wrongValue(what, "any other name for an array", array);
  const count = shape.reduce((product, size) => product * size, 1);
  if (!isSizes(shape) || count !== data.length) {
    const wanted = `the shape of ${array} to hold its ${data.length} values`;
    throw wrongValue(what, wanted, describe(shape));
  }
  return encoding;
}
