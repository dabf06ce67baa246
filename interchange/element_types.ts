/**
 * Types of the numbers in files, and how they are unpacked to float32. Numbers of one element are
 * packed here; `Q8_0` and `Q4_0` are packed by `quantize` of `tensor`, on a device.
 *
 * A type stores numbers in blocks: one number in four bytes, or 32 numbers in 18. Names are those of
 * safetensors and of ggml.
 *
 * Source of the packed types: `ggml-quants.c` of ggml.
 *
 * @module
 */

/** How a type stores numbers. */
export interface ElementType {
  /** The name: `F32`, `BF16`, `Q8_0`. */
  readonly name: string;
  /** Numbers of a block. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
  /** The type of ggml as a number, if GGUF has it. */
  readonly gguf?: number;
  /** Widens whole blocks. Missing for types that are known by name only. */
  readonly unpack?: (bytes: Uint8Array<ArrayBuffer>) => Float32Array<ArrayBuffer>;
  /** Rounds numbers. Missing for types that are only read, and for those that devices pack. */
  readonly pack?: (values: Float32Array) => Uint8Array<ArrayBuffer>;
}

/** Bytes of `count` numbers of a type, which are whole blocks. */
export function bytesOf({ block, bytes }: ElementType, count: number): number {
  return count / block * bytes;
}

const viewOf = (bytes: Uint8Array<ArrayBuffer>) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** The value of 16 bits as half precision. */
const half = (() => {
  const bits = new Uint16Array(1);
  const value = new Float16Array(bits.buffer);
  return (of: number) => {
    bits[0] = of;
    return value[0]!;
  };
})();

/** A type of one number per block, whose bytes are those of a typed array. */
function plain(
  name: string,
  Class: new (buffer: ArrayBuffer) => ArrayLike<number | bigint>,
  bytes: number,
  gguf?: number,
): ElementType {
  return {
    name,
    block: 1,
    bytes,
    ...(gguf === undefined ? {} : { gguf }),
    unpack: (from) => Float32Array.from(new Class(aligned(from).buffer), Number),
  };
}

/** The same bytes at the beginning of a buffer of their own. */
function aligned(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
}

const bfloat16: ElementType = {
  name: "BF16",
  block: 1,
  bytes: 2,
  gguf: 30,
  unpack(bytes) {
    const bits = new Uint16Array(aligned(bytes).buffer);
    const wide = new Uint32Array(bits.length);
    for (let i = 0; i < bits.length; i++) wide[i] = bits[i]! << 16;
    return new Float32Array(wide.buffer);
  },
  pack(values) {
    const wide = new Uint32Array(Float32Array.from(values).buffer);
    const bits = new Uint16Array(wide.length);
    for (let i = 0; i < wide.length; i++) {
      const value = wide[i]!;
      const isNaN = (value & 0x7fffffff) > 0x7f800000;
      // To nearest even; a NaN stays one.
      bits[i] = isNaN ? value >>> 16 | 0x40 : value + 0x7fff + (value >>> 16 & 1) >>> 16;
    }
    return new Uint8Array(bits.buffer);
  },
};

/** A packed type: reads a block at a time into the values. */
function packed(
  name: string,
  gguf: number,
  block: number,
  bytes: number,
  read: (from: DataView, at: number, to: Float32Array, start: number) => void,
): ElementType {
  return {
    name,
    gguf,
    block,
    bytes,
    unpack(from) {
      const view = viewOf(from);
      const values = new Float32Array(from.length / bytes * block);
      for (let i = 0; i * bytes < from.length; i++) read(view, i * bytes, values, i * block);
      return values;
    },
  };
}

const { fround } = Math;

/** The 6-bit scale and minimum of sub-block `j` in the twelve bytes of a K-type. */
function scaleAndMinimum(view: DataView, at: number, j: number): [scale: number, minimum: number] {
  const byte = (i: number) => view.getUint8(at + i);
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [
    byte(j + 4) & 15 | byte(j - 4) >> 6 << 4,
    byte(j + 4) >> 4 | byte(j) >> 6 << 4,
  ];
}

/** Q4_K, and Q5_K with a fifth bit of each number at `high`. */
function readK(
  view: DataView,
  at: number,
  to: Float32Array,
  start: number,
  quants: number,
  high: number | null,
): void {
  const scale = half(view.getUint16(at, true));
  const minimum = half(view.getUint16(at + 2, true));
  for (let j = 0; j < 8; j++) {
    const [multiplier, offset] = scaleAndMinimum(view, at + 4, j);
    const [by, less] = [fround(scale * multiplier), fround(minimum * offset)];
    for (let i = 0; i < 32; i++) {
      const byte = view.getUint8(quants + (j >> 1) * 32 + i);
      const nibble = j % 2 === 0 ? byte & 15 : byte >> 4;
      const fifth = high === null ? 0 : view.getUint8(high + i) >> j & 1;
      to[start + j * 32 + i] = fround(by * (nibble + 16 * fifth)) - less;
    }
  }
}

const packedTypes: readonly ElementType[] = [
  packed("Q4_0", 2, 32, 18, (view, at, to, start) => {
    const scale = half(view.getUint16(at, true));
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 2 + i);
      to[start + i] = ((byte & 15) - 8) * scale;
      to[start + i + 16] = ((byte >> 4) - 8) * scale;
    }
  }),
  packed("Q4_1", 3, 32, 20, (view, at, to, start) => {
    const scale = half(view.getUint16(at, true));
    const minimum = half(view.getUint16(at + 2, true));
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 4 + i);
      to[start + i] = (byte & 15) * scale + minimum;
      to[start + i + 16] = (byte >> 4) * scale + minimum;
    }
  }),
  packed("Q5_0", 6, 32, 22, (view, at, to, start) => {
    const scale = half(view.getUint16(at, true));
    const high = view.getUint32(at + 2, true);
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 6 + i);
      to[start + i] = ((byte & 15 | (high >>> i & 1) << 4) - 16) * scale;
      to[start + i + 16] = ((byte >> 4 | (high >>> i + 16 & 1) << 4) - 16) * scale;
    }
  }),
  packed("Q5_1", 7, 32, 24, (view, at, to, start) => {
    const scale = half(view.getUint16(at, true));
    const minimum = half(view.getUint16(at + 2, true));
    const high = view.getUint32(at + 4, true);
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 8 + i);
      to[start + i] = (byte & 15 | (high >>> i & 1) << 4) * scale + minimum;
      to[start + i + 16] = (byte >> 4 | (high >>> i + 16 & 1) << 4) * scale + minimum;
    }
  }),
  packed("Q8_0", 8, 32, 34, (view, at, to, start) => {
    const scale = half(view.getUint16(at, true));
    for (let i = 0; i < 32; i++) to[start + i] = view.getInt8(at + 2 + i) * scale;
  }),
  packed("Q4_K", 12, 256, 144, (view, at, to, start) => readK(view, at, to, start, at + 16, null)),
  packed(
    "Q5_K",
    13,
    256,
    176,
    (view, at, to, start) => readK(view, at, to, start, at + 48, at + 16),
  ),
  packed("Q6_K", 14, 256, 210, (view, at, to, start) => {
    const scale = half(view.getUint16(at + 208, true));
    for (let i = 0; i < 256; i++) {
      // Two halves of 128; in each, four runs of 32 take a low and a high nibble of 64 bytes.
      const [part, run, lane] = [i >> 7, i >> 5 & 3, i & 31];
      const low = view.getUint8(at + part * 64 + (run & 1) * 32 + lane) >> (run >> 1) * 4 & 15;
      const high = view.getUint8(at + 128 + part * 32 + lane) >> run * 2 & 3;
      const multiplier = view.getInt8(at + 192 + part * 8 + run * 2 + (lane >> 4));
      to[start + i] = fround(scale * multiplier) * ((low | high << 4) - 32);
    }
  }),
];

/** Types of ggml that are known by name, so that a message can say which. */
const namedOnly: readonly ElementType[] = ([
  ["Q8_1", 9, 32, 36],
  ["Q2_K", 10, 256, 84],
  ["Q3_K", 11, 256, 110],
  ["Q8_K", 15, 256, 292],
  ["IQ2_XXS", 16, 256, 66],
  ["IQ2_XS", 17, 256, 74],
  ["IQ3_XXS", 18, 256, 98],
  ["IQ1_S", 19, 256, 50],
  ["IQ4_NL", 20, 32, 18],
  ["IQ3_S", 21, 256, 110],
  ["IQ2_S", 22, 256, 82],
  ["IQ4_XS", 23, 256, 136],
  ["IQ1_M", 29, 256, 56],
] as const).map(([name, gguf, block, bytes]) => ({ name, gguf, block, bytes }));

/** All types by name. */
export const elementTypes: ReadonlyMap<string, ElementType> = new Map(
  [
    {
      ...plain("F32", Float32Array, 4, 0),
      pack: (values: Float32Array) => new Uint8Array(Float32Array.from(values).buffer),
    },
    {
      ...plain("F16", Float16Array, 2, 1),
      pack: (values: Float32Array) => new Uint8Array(Float16Array.from(values).buffer),
    },
    bfloat16,
    ...packedTypes,
    ...namedOnly,
    plain("F64", Float64Array, 8, 28),
    plain("I64", BigInt64Array, 8, 27),
    plain("I32", Int32Array, 4, 26),
    plain("I16", Int16Array, 2, 25),
    plain("I8", Int8Array, 1, 24),
    plain("U8", Uint8Array, 1),
    plain("BOOL", Uint8Array, 1),
  ].map((type: ElementType) => [type.name, type]),
);

/** The types that GGUF knows, by ggml's number. */
export const ggufTypes: ReadonlyMap<number, ElementType> = new Map(
  [...elementTypes.values()].flatMap((type) => type.gguf === undefined ? [] : [[type.gguf, type]]),
);

/** The names of the types that are unpacked. */
export const readableTypes: readonly string[] = [...elementTypes.values()]
  .filter(({ unpack }) => unpack !== undefined).map(({ name }) => name);
