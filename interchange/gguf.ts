/**
 * GGUF, the files of llama.cpp: typed facts, and tensors. Versions 2 and 3 are read, 3 is written.
 *
 * Source: the GGUF specification of ggml.
 *
 * @module
 */

import { bytesOf, elementTypes, ggufTypes } from "./element_types.ts";
import { checkSource, malformed, type Source } from "./source.ts";
import { StoredTensor } from "./stored_tensor.ts";
import type { TensorToWrite } from "./torch_file.ts";

const MAGIC = 0x46554747;
const VERSION = 3;
const DEFAULT_ALIGNMENT = 32;
/** Axes of a tensor in ggml. */
const MAX_AXES = 4;
/** Minimum sizes of descriptions: those with an empty name. */
const [MIN_FACT_BYTES, MIN_TENSOR_BYTES] = [12, 24];
/** Bytes of the first read, which is doubled until the head is complete. */
const FIRST_READ = 2 ** 20;

/** The type of a fact. */
export type FactType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "bool"
  | "string"
  | "array"
  | "uint64"
  | "int64"
  | "float64";

/** The types in the order of their numbers. */
const factTypes: readonly FactType[] = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
];

/** The bytes of a value of each type; for text and lists the minimum. */
const minimumBytes: Readonly<Record<FactType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  array: 12,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/** A single value. Integers of 64 bits that a number does not hold exactly are bigints. */
export type FactValue = number | bigint | boolean | string;

/** A value with its type, or a list of values of a type. */
export type Fact =
  | { readonly type: Exclude<FactType, "array">; readonly value: FactValue }
  | {
    readonly type: "array";
    readonly of: Exclude<FactType, "array">;
    readonly value: readonly FactValue[];
  };

/** The content of a file. */
export interface GgufFile {
  /** By name, such as `llama.block_count`. */
  readonly facts: ReadonlyMap<string, Fact>;
  /** By name, in file order; shapes row-major, the reverse of the file's. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Opens a GGUF file: reads its head.
 *
 * @throws {SyntaxError} If it is malformed, big-endian, of another version, or has a tensor of an
 * unknown type.
 * @throws {TypeError} If `source` is no source, such as a path.
 */
export async function openGguf(source: Source): Promise<GgufFile> {
  checkSource(source);
  for (let length = FIRST_READ;; length *= 2) {
    const bytes = await source.read(0, Math.min(length, source.size));
    const head = new Head(bytes, source);
    try {
      return head.parse();
    } catch (error) {
      if (!(error instanceof Incomplete) || bytes.length === source.size) {
        if (error instanceof Incomplete) {
          throw malformed(source.name, "a whole head", "a file that ends in it");
        }
        throw error;
      }
    }
  }
}

/** More of the file is needed. */
class Incomplete extends Error {}

class Head {
  readonly #view: DataView;
  #at = 0;

  constructor(private readonly bytes: Uint8Array<ArrayBuffer>, private readonly source: Source) {
    this.#view = new DataView(bytes.buffer);
  }

  #refuse(wanted: string, got: string): Error {
    return malformed(this.source.name, wanted, got);
  }

  #take(length: number): number {
    const start = this.#at;
    if (start + length > this.source.size) {
      throw this.#refuse(`${length} bytes at ${start}`, `a file of ${this.source.size} bytes`);
    }
    if (start + length > this.bytes.length) throw new Incomplete();
    this.#at += length;
    return start;
  }

  #uint32 = () => this.#view.getUint32(this.#take(4), true);

  /** A 64-bit count, of things that take some bytes each. */
  #count(what: string, bytesOfEach: number): number {
    const count = this.#view.getBigUint64(this.#take(8), true);
    const room = Math.floor((this.source.size - this.#at) / bytesOfEach);
    if (count > BigInt(room)) {
      throw this.#refuse(
        `at most ${room} ${what}, which is what the file has room for`,
        `${count}`,
      );
    }
    return Number(count);
  }

  #string(): string {
    const length = this.#count("bytes of text", 1);
    const start = this.#take(length);
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }

  parse(): GgufFile {
    if (this.source.size < 4 || this.#uint32() !== MAGIC) {
      throw this.#refuse("a GGUF file, which begins with GGUF", "another beginning");
    }
    const version = this.#uint32();
    if (version > 0xffff) throw this.#refuse("a little-endian file", "a big-endian one");
    if (version !== 2 && version !== 3) throw this.#refuse("version 2 or 3", `${version}`);
    const tensorCount = this.#count("tensors", MIN_TENSOR_BYTES);
    const factCount = this.#count("facts", MIN_FACT_BYTES);
    const facts = new Map<string, Fact>();
    for (let i = 0; i < factCount; i++) {
      const name = this.#string();
      if (facts.has(name)) throw this.#refuse("each fact once", `${name} twice`);
      facts.set(name, this.#fact(this.#factType(name), name));
    }
    const described = Array.from({ length: tensorCount }, () => this.#describedTensor());
    const alignment = this.#alignment(facts.get("general.alignment"));
    const dataStart = Math.ceil(this.#at / alignment) * alignment;
    const tensors = new Map<string, StoredTensor>();
    for (const { name, shape, type, offset } of described) {
      if (tensors.has(name)) throw this.#refuse("each tensor once", `${name} twice`);
      if (offset % alignment !== 0) {
        throw this.#refuse(`${name} at a multiple of ${alignment} bytes`, `${offset}`);
      }
      const length = bytesOf(type, shape.reduce((product, size) => product * size, 1));
      if (dataStart + offset + length > this.source.size) {
        const got = `${length} bytes from ${dataStart + offset} on`;
        throw this.#refuse(`${name} in a file of ${this.source.size} bytes`, got);
      }
      const place = { source: this.source, name, type, shape, length };
      tensors.set(name, new StoredTensor({ ...place, offset: dataStart + offset }));
    }
    return { facts, tensors };
  }

  #factType(name: string): FactType {
    const number = this.#uint32();
    const type = factTypes[number];
    if (type === undefined) throw this.#refuse(`a known type for ${name}`, `${number}`);
    return type;
  }

  #fact(type: FactType, name: string): Fact {
    if (type !== "array") return { type, value: this.#value(type) };
    const of = this.#factType(name);
    if (of === "array") throw this.#refuse(`a list of values for ${name}`, "a list of lists");
    const count = this.#count(`values of ${name}`, minimumBytes[of]);
    const value: FactValue[] = [];
    for (let i = 0; i < count; i++) value.push(this.#value(of));
    return { type, of, value };
  }

  #value(type: Exclude<FactType, "array">): FactValue {
    if (type === "string") return this.#string();
    const at = this.#take(minimumBytes[type]);
    const view = this.#view;
    switch (type) {
      case "uint8":
        return view.getUint8(at);
      case "int8":
        return view.getInt8(at);
      case "uint16":
        return view.getUint16(at, true);
      case "int16":
        return view.getInt16(at, true);
      case "uint32":
        return view.getUint32(at, true);
      case "int32":
        return view.getInt32(at, true);
      case "float32":
        return view.getFloat32(at, true);
      case "float64":
        return view.getFloat64(at, true);
      case "bool":
        return view.getUint8(at) !== 0;
      case "uint64":
      case "int64": {
        const value = type === "uint64" ? view.getBigUint64(at, true) : view.getBigInt64(at, true);
        return Number.isSafeInteger(Number(value)) ? Number(value) : value;
      }
    }
  }

  #describedTensor() {
    const name = this.#string();
    const axes = this.#uint32();
    if (axes > MAX_AXES) throw this.#refuse(`at most ${MAX_AXES} axes for ${name}`, `${axes}`);
    const shape: number[] = [];
    let total = 1;
    for (let i = 0; i < axes; i++) {
      const length = this.#view.getBigUint64(this.#take(8), true);
      // Even one bit per number would not fit.
      if (length * BigInt(total) > BigInt(this.source.size) * 8n) {
        throw this.#refuse(
          `${name} in a file of ${this.source.size} bytes`,
          `an axis of ${length}`,
        );
      }
      total *= Number(length);
      shape.unshift(Number(length));
    }
    const number = this.#uint32();
    const type = ggufTypes.get(number);
    if (type === undefined) throw this.#refuse(`a known type for ${name}`, `type ${number}`);
    if ((shape.at(-1) ?? 1) % type.block !== 0) {
      throw this.#refuse(`rows of ${name} in blocks of ${type.block}`, `rows of ${shape.at(-1)}`);
    }
    const offset = this.#view.getBigUint64(this.#take(8), true);
    if (offset > BigInt(this.source.size)) {
      throw this.#refuse(`${name} in a file of ${this.source.size} bytes`, `${offset}`);
    }
    return { name, shape, type, offset: Number(offset) };
  }

  #alignment(fact: Fact | undefined): number {
    if (fact === undefined) return DEFAULT_ALIGNMENT;
    const { value } = fact;
    if (typeof value === "number" && value > 0 && value % 8 === 0 && value <= 2 ** 20) return value;
    throw this.#refuse("an alignment that is a multiple of 8", String(value));
  }
}

/** A growing little-endian head. */
class HeadWriter {
  #bytes = new Uint8Array(2 ** 16);
  length = 0;

  /** Room for some bytes, and where they begin. */
  #grow(by: number): [view: DataView, at: number] {
    const at = this.length;
    this.length += by;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return [new DataView(this.#bytes.buffer), at];
  }

  uint32(value: number): void {
    const [view, at] = this.#grow(4);
    view.setUint32(at, value, true);
  }

  uint64(value: number | bigint): void {
    const [view, at] = this.#grow(8);
    view.setBigUint64(at, BigInt(value), true);
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint64(bytes.length);
    const [, at] = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }

  value(type: Exclude<FactType, "array">, value: FactValue): void {
    if (type === "string") return this.string(String(value));
    const [view, at] = this.#grow(minimumBytes[type]);
    switch (type) {
      case "uint8":
      case "bool":
        return view.setUint8(at, Number(value));
      case "int8":
        return view.setInt8(at, Number(value));
      case "uint16":
        return view.setUint16(at, Number(value), true);
      case "int16":
        return view.setInt16(at, Number(value), true);
      case "uint32":
        return view.setUint32(at, Number(value), true);
      case "int32":
        return view.setInt32(at, Number(value), true);
      case "float32":
        return view.setFloat32(at, Number(value), true);
      case "float64":
        return view.setFloat64(at, Number(value), true);
      case "uint64":
        return view.setBigUint64(at, BigInt(value), true);
      case "int64":
        return view.setBigInt64(at, BigInt(value), true);
    }
  }

  finish(alignment: number): Uint8Array<ArrayBuffer> {
    const padded = new Uint8Array(Math.ceil(this.length / alignment) * alignment);
    padded.set(this.#bytes.subarray(0, this.length));
    return padded;
  }
}

/**
 * Writes a GGUF file of version 3, tensor by tensor.
 *
 * @throws {RangeError} If ggml has no such type, or rows are not whole blocks.
 */
export async function* writeGguf(
  facts: ReadonlyMap<string, Fact>,
  tensors: ReadonlyMap<string, TensorToWrite>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const alignment = Number(facts.get("general.alignment")?.value ?? DEFAULT_ALIGNMENT);
  const head = new HeadWriter();
  head.uint32(MAGIC);
  head.uint32(VERSION);
  head.uint64(tensors.size);
  head.uint64(facts.size);
  for (const [name, fact] of facts) {
    head.string(name);
    head.uint32(factTypes.indexOf(fact.type));
    if (fact.type !== "array") {
      head.value(fact.type, fact.value);
      continue;
    }
    head.uint32(factTypes.indexOf(fact.of));
    head.uint64(fact.value.length);
    for (const value of fact.value) head.value(fact.of, value);
  }
  let offset = 0;
  const lengths: number[] = [];
  for (const [name, { type: typeName, shape }] of tensors) {
    const type = elementTypes.get(typeName);
    if (type?.gguf === undefined || (shape.at(-1) ?? 1) % type.block !== 0) {
      throw new RangeError(
        `Cannot write ${name}: wanted a type of ggml and rows of whole blocks, got ${typeName} and ` +
          `rows of ${shape.at(-1) ?? 1}`,
      );
    }
    head.string(name);
    head.uint32(shape.length);
    for (const length of shape.toReversed()) head.uint64(length);
    head.uint32(type.gguf);
    head.uint64(offset);
    const length = bytesOf(type, shape.reduce((product, size) => product * size, 1));
    lengths.push(length);
    offset += Math.ceil(length / alignment) * alignment;
  }
  // Rows of zeros up to the first tensor.
  yield head.finish(alignment);
  let i = 0;
  for (const [name, { bytes }] of tensors) {
    const content = await bytes();
    if (content.length !== lengths[i]) {
      throw new RangeError(
        `Cannot write ${name}: wanted ${lengths[i]} bytes, got ${content.length}`,
      );
    }
    i++;
    yield content;
    const rest = (alignment - content.length % alignment) % alignment;
    if (rest > 0) yield new Uint8Array(rest);
  }
}
