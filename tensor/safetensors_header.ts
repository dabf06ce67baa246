/** Parses the header of a safetensors file, and checks all it says against the file. @module */

import { describeValue } from "./checks.ts";
import { SyntaxError, wrongType } from "./errors.ts";

/** Bytes before the header: its length as a 64-bit number. */
export const prefixBytes = 8;

/** The format's limit, which keeps readers from parsing gigabytes of JSON. */
const maxHeaderBytes = 100_000_000;

export interface Entry {
  readonly name: string;
  readonly code: string;
  readonly shape: number[];
  /** Offset of its first byte after the header. */
  readonly begin: number;
  /** Offset of its end, exclusive. */
  readonly end: number;
}

export interface Header {
  readonly metadata: Record<string, string>;
  readonly entries: Entry[];
  /** Where the arrays begin in the file. */
  readonly dataStart: number;
}

/** Refuses a safetensors file. */
export function malformed(wanted: string, got: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`Cannot read safetensors: wanted ${wanted}, got ${got}`, { cause });
}

/**
 * Parses the header of a file, of which `bytes` may be the beginning. Of two members with one name
 * JSON keeps the last; the gap that an array leaves in the file is an error.
 *
 * @param elementBytes The dtypes that there may be; or `null` to read only the metadata.
 *
 * @throws {SyntaxError} If it is truncated, too long, or not a JSON object in UTF-8.
 * @throws {TypeError} If it is no `Uint8Array`.
 */
export function parseHeader(
  bytes: Uint8Array,
  elementBytes: ReadonlyMap<string, number> | null,
): Header {
  if (!((bytes as unknown) instanceof Uint8Array)) {
    throw wrongType("read safetensors", "bytes in a Uint8Array", describeValue(bytes));
  }
  if (bytes.length < prefixBytes) {
    throw malformed(`at least ${prefixBytes} bytes`, `${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getBigUint64(0, true);
  if (headerBytes > maxHeaderBytes) {
    throw malformed(`a header of at most ${maxHeaderBytes} bytes`, `one of ${headerBytes}`);
  }
  const dataStart = prefixBytes + Number(headerBytes);
  if (dataStart > bytes.length) {
    throw malformed(
      `a header of ${headerBytes} bytes, as the file announces`,
      `a file that ends ${bytes.length - prefixBytes} bytes after the announcement`,
    );
  }
  let metadata: Record<string, string> = {};
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(parseObject(decodeHeader(bytes, dataStart)))) {
    if (name === "__metadata__") metadata = checkMetadata(value);
    else if (!isObject(value)) {
      throw malformed(`the description of ${describe(name)} to be an object`, describe(value));
    } else if (elementBytes !== null) entries.push(checkEntry(name, value, elementBytes));
  }
  return { metadata, entries, dataStart };
}

function parseObject(json: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (cause) {
    throw malformed("a header in JSON", describe(json), cause);
  }
  if (!isObject(header)) throw malformed("a header that is a JSON object", describe(header));
  return header;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeHeader(bytes: Uint8Array, dataStart: number): string {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.slice(prefixBytes, dataStart));
  } catch (cause) {
    throw malformed("a header in UTF-8", "other bytes", cause);
  }
}

function checkMetadata(value: unknown): Record<string, string> {
  const wrong = isObject(value)
    ? Object.values(value).find((text) => typeof text !== "string")
    : value;
  if (wrong !== undefined || !isObject(value)) {
    throw malformed("__metadata__ to map names to strings", describe(wrong));
  }
  return value as Record<string, string>;
}

/**
 * Returns the arrays in file order, after validating their offsets against each other and the
 * `dataBytes` after the header.
 *
 * @throws {SyntaxError} If the arrays overlap, leave gaps or do not fill the file.
 */
export function checkLayout(entries: readonly Entry[], dataBytes: number): Entry[] {
  const ordered = entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of ordered) {
    if (entry.begin !== end) {
      throw malformed(
        `the data of ${describe(entry.name)} to begin where the array before it ends, at ${end}`,
        `${entry.begin < end ? "an overlap" : "a gap"}: it begins at ${entry.begin}`,
      );
    }
    end = entry.end;
  }
  if (end !== dataBytes) {
    throw malformed(`${end} bytes of data after the header`, `${dataBytes}`);
  }
  return ordered;
}

/**
 * Validates what the header says of one array.
 *
 * @throws {SyntaxError} If the description is malformed.
 */
function checkEntry(
  name: string,
  description: Readonly<Record<string, unknown>>,
  elementBytes: ReadonlyMap<string, number>,
): Entry {
  const of = (what: string): string => `${what} of ${describe(name)}`;
  const { dtype: code, shape, data_offsets: offsets } = description;
  const bytesPerElement = typeof code === "string" ? elementBytes.get(code) : undefined;
  if (typeof code !== "string" || bytesPerElement === undefined) {
    const known = [...elementBytes.keys()].join(", ");
    throw malformed(`${of("the dtype")} to be one of ${known}`, describe(code));
  }
  if (!isSizes(shape)) {
    throw malformed(`${of("the shape")} to be a list of whole numbers`, describe(shape));
  }
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw malformed(`${of("data_offsets")} to be two whole numbers`, describe(offsets));
  }
  const [begin, end] = [offsets[0]!, offsets[1]!];
  const wantedBytes = shape.reduce((product, size) => product * size, bytesPerElement);
  if (end - begin !== wantedBytes) {
    throw malformed(
      `${of("the data")} to have ${wantedBytes} bytes, as ${code} ${describe(shape)} asks for`,
      `offsets ${begin} to ${end}`,
    );
  }
  return { name, code, shape, begin, end };
}

/** Whether a value is a list of whole numbers, none of them negative or too large to be exact. */
export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

export function describe(value: unknown): string {
  if (Array.isArray(value) && !value.every((item) => typeof item === "number")) return "a list";
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return "an object";
  if (value === undefined) return "nothing";
  const begin = typeof value === "string" || Array.isArray(value) ? value.slice(0, 80) : value;
  const text = JSON.stringify(begin);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
