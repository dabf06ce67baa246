import { assertEquals, assertThrows } from "@std/assert";
import { goldenTest, readGoldenJson, readGoldenTensors } from "../testing/golden.ts";
import {
  readSafetensors,
  readSafetensorsMetadata,
  type SafetensorsInput,
  writeSafetensors,
} from "./safetensors.ts";

/** A file with the given header text and data, valid or not. */
function fileOf(header: string | Uint8Array, data: ArrayLike<number> = []): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + json.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  file.set(data, 8 + json.length);
  return file;
}

function fileWith(description: string): Uint8Array {
  return fileOf(`{"x":${description}}`, [0, 0, 0, 0]);
}

function assertMalformed(file: Uint8Array, message: string): void {
  const error = assertThrows(() => readSafetensors(file), SyntaxError, message);
  assertEquals(error.message.includes("\n"), false);
}

const everyType: [string, SafetensorsInput][] = [
  ["bool", { dtype: "bool", shape: [3], data: new Uint8Array([1, 0, 1]) }],
  ["uint8", { dtype: "uint8", shape: [1], data: new Uint8Array([255]) }],
  ["int8", { dtype: "int8", shape: [1], data: new Int8Array([-128]) }],
  ["uint16", { dtype: "uint16", shape: [1], data: new Uint16Array([65535]) }],
  ["int16", { dtype: "int16", shape: [1], data: new Int16Array([-2]) }],
  ["uint32", { dtype: "uint32", shape: [1], data: new Uint32Array([2 ** 32 - 1]) }],
  ["int32", { dtype: "int32", shape: [2], data: new Int32Array([-1, 7]) }],
  ["uint64", { dtype: "uint64", shape: [1], data: new BigUint64Array([2n ** 64n - 1n]) }],
  ["int64", { dtype: "int64", shape: [1], data: new BigInt64Array([-(2n ** 63n)]) }],
  ["float32", { dtype: "float32", shape: [2, 2], data: new Float32Array([1, -0, NaN, 1e-45]) }],
  ["float64", { dtype: "float64", shape: [], data: new Float64Array([Math.PI]) }],
  ["empty", { dtype: "float32", shape: [0, 5], data: new Float32Array(0) }],
];

Deno.test("every dtype survives a round trip", () => {
  const read = readSafetensors(writeSafetensors(new Map(everyType)));
  assertEquals(read.size, everyType.length);
  for (const [name, tensor] of everyType) assertEquals<unknown>(read.get(name), tensor);
});

Deno.test("equal arrays give equal bytes in any order, aligned to their element size", () => {
  const file = writeSafetensors(new Map(everyType));
  assertEquals(writeSafetensors(new Map(everyType.toReversed())), file);
  for (const [name, { data }] of readSafetensors(file)) {
    assertEquals(data.byteOffset % data.BYTES_PER_ELEMENT, 0, name);
    assertEquals(data.buffer, file.buffer, `${name} is a view and not a copy`);
  }
});

Deno.test("the format's own spelling of a dtype is accepted", () => {
  const tensor = { shape: [2], data: new Float32Array([1, 2]) };
  assertEquals(
    writeSafetensors(new Map([["x", { dtype: "F32", ...tensor }]])),
    writeSafetensors(new Map([["x", { dtype: "float32", ...tensor }]])),
  );
});

Deno.test("a file at an odd address is read as well", () => {
  const file = writeSafetensors(new Map(everyType));
  const shifted = new Uint8Array(file.length + 1);
  shifted.set(file, 1);
  assertEquals(readSafetensors(shifted.subarray(1)), readSafetensors(file));
});

Deno.test("arrays in shared memory, or in the middle of a buffer, can be written", () => {
  const shared = new Float32Array(new SharedArrayBuffer(16), 4, 2);
  shared.set([3, 4]);
  const file = writeSafetensors(new Map([["x", { dtype: "float32", shape: [2], data: shared }]]));
  assertEquals(readSafetensors(file).get("x")?.data, new Float32Array([3, 4]));
});

Deno.test("half precision is read as single precision, without loss", () => {
  const header = `{"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},` +
    `"b":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}}`;
  const bits = new Uint16Array([0x3c00, 0xc500, 0x0001, 0x7c00, 0x3f80, 0xc2c8, 0x7f80]);
  const read = readSafetensors(fileOf(header, new Uint8Array(bits.buffer)));
  assertEquals(read.get("h"), {
    dtype: "float32",
    shape: [4],
    data: new Float32Array([1, -5, 2 ** -24, Infinity]),
  });
  assertEquals(read.get("b"), {
    dtype: "float32",
    shape: [3],
    data: new Float32Array([1, -100, Infinity]),
  });
});

Deno.test("metadata survives a round trip, also from the beginning of a file alone", () => {
  const tensors = new Map(everyType);
  const file = writeSafetensors(tensors, { step: "20", note: 'a "quoted" line\n☃' });
  assertEquals(readSafetensorsMetadata(file), { step: "20", note: 'a "quoted" line\n☃' });
  assertEquals(readSafetensorsMetadata(file.subarray(0, 1500)).step, "20");
  assertEquals(readSafetensors(file).size, tensors.size);
  assertEquals(readSafetensorsMetadata(writeSafetensors(tensors)), {});
});

Deno.test("names may be any text, including special properties of JavaScript objects", () => {
  const tensor = { dtype: "uint8", shape: [1], data: new Uint8Array([1]) };
  const names = ["", "__proto__", "constructor", "12", 'a"b\\', "snow ☃", "a\u0000b"];
  const file = writeSafetensors(new Map(names.map((name) => [name, tensor])));
  assertEquals([...readSafetensors(file).keys()].sort(), names.sort());
});

Deno.test("a truncated file, or one with a malformed header, is refused", () => {
  assertMalformed(new Uint8Array(0), "wanted at least 8 bytes, got 0");
  assertMalformed(new Uint8Array(7), "wanted at least 8 bytes, got 7");
  assertMalformed(
    new Uint8Array([100, 0, 0, 0, 0, 0, 0, 0, 123, 125]),
    "wanted a header of 100 bytes, as the file announces, got a file that ends 2 bytes after",
  );
  assertMalformed(
    new Uint8Array(8).fill(255),
    "wanted a header of at most 100000000 bytes, got one of 18446744073709551615",
  );
  assertMalformed(fileOf(""), "a header in JSON");
  assertMalformed(fileOf("{\nnot json}"), "a header in JSON");
  assertMalformed(fileOf("\ufeff{}"), "a header in JSON");
  assertMalformed(fileOf("[]"), "a header that is a JSON object, got []");
  assertMalformed(fileOf("null"), "a header that is a JSON object, got null");
  assertMalformed(fileOf("{} {}"), 'a header in JSON, got "{} {}"');
  assertMalformed(fileOf(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), "a header in UTF-8");
  assertMalformed(fileOf(`{"__metadata__":{"step":20}}`), "__metadata__ to map names to strings");
  assertMalformed(fileOf(`{"__metadata__":"x"}`), "__metadata__ to map names to strings");
});

Deno.test("of two arrays with one name the last is read, and the bytes of the first are a gap", () => {
  const array = (begin: number, end: number): string =>
    `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
  assertMalformed(
    fileOf(`{"x":${array(0, 1)},"\\u0078":${array(1, 4)}}`, [1, 2, 3, 4]),
    "got a gap: it begins at 1",
  );
});

Deno.test("a malformed entry is refused", () => {
  const range = `"data_offsets":[0,4]`;
  assertMalformed(fileWith("4"), `the description of "x" to be an object, got 4`);
  assertMalformed(fileWith("{}"), `the dtype of "x" to be one of BOOL, U8,`);
  assertMalformed(fileWith(`{"dtype":"F8_E4M3","shape":[4],${range}}`), `got "F8_E4M3"`);
  assertMalformed(fileWith(`{"dtype":"F32",${range}}`), `the shape of "x" to be a list`);
  for (const shape of ["[-1]", "[1.5]", "[9007199254740993]", '["1"]', "[null]", "1", "{}"]) {
    assertMalformed(
      fileWith(`{"dtype":"F32","shape":${shape},${range}}`),
      `the shape of "x" to be`,
    );
  }
  for (const offsets of ["[0]", "[0,4,4]", "[-4,0]", "[0.5,4.5]", "null", '"04"']) {
    assertMalformed(
      fileWith(`{"dtype":"F32","shape":[1],"data_offsets":${offsets}}`),
      `data_offsets of "x" to be two whole numbers`,
    );
  }
  assertMalformed(
    fileWith(`{"dtype":"F32","shape":[2],${range}}`),
    `the data of "x" to have 8 bytes, as F32 [2] asks for, got offsets 0 to 4`,
  );
  assertMalformed(fileWith("[[1]]"), `the description of "x" to be an object, got a list`);
  assertMalformed(fileWith(`{"dtype":"F32","shape":[1,],${range}}`), "a header in JSON, got");
});

Deno.test("a boolean that is neither 0 nor 1 is refused, in reading and in writing", () => {
  const booleans = (data: Uint8Array) => new Map([["x", { dtype: "bool", shape: [3], data }]]);
  const file = writeSafetensors(booleans(new Uint8Array([1, 0, 1])));
  assertEquals(readSafetensors(file).get("x")?.data, new Uint8Array([1, 0, 1]));
  file[file.length - 1] = 2;
  assertMalformed(file, `wanted 0 or 1 for each value of "x", got 2 at 2`);
  assertThrows(
    () => writeSafetensors(booleans(new Uint8Array([0, 255, 1]))),
    RangeError,
    `wanted 0 or 1 for each value of "x", got 255 at 1`,
  );
});

Deno.test("a large header that makes no sense is refused", () => {
  const deep = "[".repeat(1e6) + "]".repeat(1e6);
  assertMalformed(fileOf(deep), "a header that is a JSON object, got a list");
  assertMalformed(fileWith(deep), `the description of "x" to be an object, got a list`);
  assertMalformed(fileWith(`{"dtype":"U8","shape":[${"[],".repeat(1e6)}[]]}`), `the shape of "x"`);
});

Deno.test("400,000 names are read", () => {
  const arrays = Array.from(
    { length: 400_000 },
    (_, i) => `"layer.${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`,
  );
  assertEquals(readSafetensors(fileOf(`{${arrays}}`)).size, 400_000);
});

Deno.test("sizes that overflow are refused before anything is allocated", () => {
  for (const shape of ["[4294967296,4294967296]", "[9007199254740991,9007199254740991,16]"]) {
    assertMalformed(
      fileWith(`{"dtype":"F32","shape":${shape},"data_offsets":[0,4]}`),
      `the data of "x" to have`,
    );
  }
  assertMalformed(
    fileWith(`{"dtype":"U8","shape":[9007199254740991],"data_offsets":[0,9007199254740991]}`),
    "wanted 9007199254740991 bytes of data after the header, got 4",
  );
});

Deno.test("arrays that overlap, leave a gap or do not fill the file are refused", () => {
  const array = (begin: number, end: number): string =>
    `{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`;
  const two = (a: string, b: string): Uint8Array => fileOf(`{"a":${a},"b":${b}}`, [1, 2, 3, 4]);
  assertEquals(readSafetensors(two(array(2, 4), array(0, 2))).get("a")?.data[0], 3);
  assertMalformed(two(array(0, 3), array(2, 4)), "got an overlap: it begins at 2");
  assertMalformed(two(array(0, 4), array(0, 4)), "got an overlap: it begins at 0");
  assertMalformed(two(array(0, 1), array(2, 4)), "got a gap: it begins at 2");
  assertMalformed(two(array(1, 2), array(2, 4)), "got a gap: it begins at 1");
  assertMalformed(two(array(0, 1), array(1, 3)), "wanted 3 bytes of data after the header, got 4");
  assertMalformed(two(array(0, 1), array(1, 5)), "wanted 5 bytes of data after the header, got 4");
});

Deno.test("unwritable arrays are refused by name", () => {
  const write = (tensor: SafetensorsInput, name = "x"): Uint8Array =>
    writeSafetensors(new Map([[name, tensor]]));
  const data = new Float32Array(6);
  assertThrows(
    () => write({ dtype: "float8", shape: [6], data }),
    TypeError,
    `wanted the dtype of "x" to be one of bool, uint8,`,
  );
  assertThrows(
    () => write({ dtype: "int32", shape: [6], data }),
    TypeError,
    `wanted the data of "x" as Int32Array for int32, got Float32Array`,
  );
  for (const shape of [[2, 2], [], [-2, -3], [1.5, 4]]) {
    assertThrows(
      () => write({ dtype: "float32", shape, data }),
      RangeError,
      `wanted the shape of "x" to hold its 6 values, got [${shape}]`,
    );
  }
  assertThrows(() => write({ dtype: "float32", shape: [6], data }, "__metadata__"), RangeError);
  const numbers: Record<string, string> = JSON.parse(`{"step":20}`);
  assertThrows(() => writeSafetensors(new Map(), numbers), TypeError, "wanted metadata of strings");
});

Deno.test("truncations and changed bits give an array or a SyntaxError, never anything else", () => {
  const file = writeSafetensors(new Map(everyType), { step: "20" });
  let refused = 0;
  const check = (bytes: Uint8Array): void => {
    try {
      for (const { data } of readSafetensors(bytes).values()) {
        assertEquals(data.byteLength <= bytes.length * 2, true);
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      refused++;
    }
  };
  for (let length = 0; length < file.length; length++) check(file.subarray(0, length));
  assertEquals(refused, file.length);

  const headerBits = (file.length - 120) * 8;
  for (let bit = 0; bit < headerBits; bit++) {
    const changed = file.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    check(changed);
  }
  assertEquals(refused > file.length + headerBits / 2, true);
});

goldenTest("the golden files hold the values of their lists", () => {
  const operations = readGoldenTensors("golden-ops");
  const { tensors } = readGoldenJson<{ tensors: Record<string, number[]> }>("golden-ops");
  const shapes = [...operations].map(([name, { shape }]) => [name, shape]);
  assertEquals(Object.fromEntries(shapes), tensors);

  const model = readGoldenTensors("golden-g1");
  const { losses, decode: { decode: { prompt } } } = readGoldenJson<
    { losses: number[]; decode: { decode: { prompt: number[] } } }
  >("golden-g1");
  assertEquals(model.get("losses")?.data, new Float32Array(losses));
  assertEquals(model.get("decode/prompt")?.data, new Int32Array(prompt));
});
