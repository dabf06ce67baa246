/** A check of Thrift's compact protocol, the format of parquet metadata. @module */

const STOP = 0;
const MAX_DEPTH = 32;

/** Types of fields: their numbers in the protocol. */
const TRUE = 1, FALSE = 2, BYTE = 3, I16 = 4, I32 = 5, I64 = 6, DOUBLE = 7, BINARY = 8, LIST = 9;
const SET = 10, STRUCT = 12;

/**
 * Finds the end of a struct, and checks that parsing it needs no more memory than its bytes account
 * for: every string ends within the bytes, no list has more elements than there are bytes left,
 * lists and structs are at most 32 deep, and numbers have at most 10 bytes.
 *
 * @param offset Where it starts.
 * @returns The offset after it.
 * @throws {SyntaxError} If there is no such struct.
 *
 * Source: Apache Thrift, "Thrift Compact protocol encoding".
 */
export function structEnd(bytes: Uint8Array, offset: number): number {
  let at = offset;

  const byte = (): number => {
    const value = bytes[at];
    if (value === undefined) {
      throw malformed("more bytes", `the end after ${bytes.length - offset}`);
    }
    at++;
    return value;
  };

  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const part = byte();
      value += (part & 0x7f) * 2 ** (7 * i);
      if (part < 0x80) return value;
    }
    throw malformed("a number of at most 10 bytes", "a longer one");
  };

  const skip = (length: number): void => {
    if (length > bytes.length - at) throw malformed(`${length} bytes`, `${bytes.length - at}`);
    at += length;
  };

  const list = (depth: number): void => {
    const header = byte();
    const size = header >> 4 === 15 ? varint() : header >> 4;
    if (size > bytes.length - at) {
      throw malformed(`a list of at most ${bytes.length - at} elements`, `${size}`);
    }
    const type = header & 15;
    for (let i = 0; i < size; i++) {
      if (type === TRUE || type === FALSE) skip(1);
      else element(type, depth);
    }
  };

  const element = (type: number, depth: number): void => {
    if (depth > MAX_DEPTH) throw malformed(`at most ${MAX_DEPTH} levels`, "more");
    if (type === TRUE || type === FALSE) return;
    if (type === BYTE) skip(1);
    else if (type === I16 || type === I32 || type === I64) varint();
    else if (type === DOUBLE) skip(8);
    else if (type === BINARY) skip(varint());
    else if (type === LIST || type === SET) list(depth + 1);
    else if (type === STRUCT) struct(depth + 1);
    else throw malformed("a type of the compact protocol", `${type}`);
  };

  const struct = (depth: number): void => {
    while (true) {
      const header = byte();
      if ((header & 15) === STOP) return;
      if (header >> 4 === 0) varint();
      element(header & 15, depth);
    }
  };

  struct(0);
  return at;
}

function malformed(wanted: string, got: string): SyntaxError {
  return new SyntaxError(`wanted ${wanted}, got ${got}`);
}
