/**
 * The header of a safetensors file: parsing, and validation against the file.
 *
 * @module
 */

/** Bytes before the header: its length as a 64-bit number. */
export const prefixBytes = 8;

/** The format's limit, which keeps readers from parsing gigabytes of JSON. */
const maxHeaderBytes = 100_000_000;

/** A validated array entry. */
export interface Entry {
  /** Name of the array. */
  readonly name: string;
  /** The format's name of its dtype, such as `"F32"`. */
  readonly code: string;
  /** Length of each axis. */
  readonly shape: number[];
  /** Offset of its first byte after the header. */
  readonly begin: number;
  /** Offset of its end, exclusive. */
  readonly end: number;
}

/** A parsed header, whose entries are not validated yet. */
export interface Header {
  /** The file's metadata. */
  readonly metadata: Record<string, string>;
  /** The arrays' descriptions, unvalidated. */
  readonly entries: Record<string, unknown>;
  /** Where the arrays begin in the file. */
  readonly dataStart: number;
}

function malformed(wanted: string, got: string, cause?: unknown): SyntaxError {
  return new SyntaxError(`Cannot read safetensors: wanted ${wanted}, got ${got}`, { cause });
}

/**
 * Parses the header.
 *
 * @param bytes The file, or its beginning up to the end of the header.
 * @returns The metadata and the unvalidated entries.
 * @throws {SyntaxError} If it is truncated, too long, or not a JSON object in UTF-8.
 *
 * @example
 * ```ts
 * import { parseHeader } from "./safetensors_header.ts";
 *
 * const file = new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode("{}")]);
 * if (parseHeader(file).dataStart !== 10) throw new Error("expected the data after the header");
 * ```
 */
export function parseHeader(bytes: Uint8Array): Header {
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
  const text = decodeHeader(bytes.slice(prefixBytes, dataStart));
  const { __metadata__: metadata = {}, ...entries } = parseObject(text);
  if (!isRecord(metadata) || !isTexts(metadata)) {
    throw malformed("__metadata__ to map names to strings", describe(metadata));
  }
  return { metadata, entries, dataStart };
}

function decodeHeader(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed("a header in UTF-8", "other bytes", cause);
  }
}

function parseObject(text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed("a header in JSON", describe(text), cause);
  }
  if (!isRecord(header)) throw malformed("a header that is an object", describe(header));
  const duplicate = findDuplicateKey(text);
  if (duplicate !== null) {
    throw malformed("every name in the header once", `${describe(duplicate)} twice`);
  }
  return header;
}

/**
 * The first duplicate key of an object in JSON text: `JSON.parse` silently keeps the last, so two
 * readers could see two different files.
 */
function findDuplicateKey(json: string): string | null {
  const open: (Set<string> | null)[] = []; // keys so far of each open object; null for a list
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(null);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      let end = i + 1;
      while (json[end] !== '"') end += json[end] === "\\" ? 2 : 1;
      let next = end + 1;
      while (/\s/.test(json[next] ?? "")) next++;
      if (json[next] === ":") {
        const key = String(JSON.parse(json.slice(i, end + 1)));
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      i = end;
    }
  }
  return null;
}

/**
 * Validates every entry against the file.
 *
 * @param header The parsed header.
 * @param elementBytes Bytes per element of each known dtype.
 * @param dataBytes Length of the file after the header.
 * @returns The arrays in file order.
 * @throws {SyntaxError} If an entry is malformed, or the arrays overlap, leave gaps or do not fill
 * the file.
 *
 * @example
 * ```ts
 * import { checkEntries } from "./safetensors_header.ts";
 *
 * const entries = { x: { dtype: "F32", shape: [2], data_offsets: [0, 8] } };
 * const header = { metadata: {}, entries, dataStart: 100 };
 * const [x] = checkEntries(header, new Map([["F32", 4]]), 8);
 * if (x?.end !== 8) throw new Error(`expected 8, got ${x?.end}`);
 * ```
 */
export function checkEntries(
  { entries }: Header,
  elementBytes: ReadonlyMap<string, number>,
  dataBytes: number,
): Entry[] {
  const ordered = Object.entries(entries)
    .map(([name, entry]) => checkEntry(name, entry, elementBytes))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(ordered, dataBytes);
  return ordered;
}

/** Validates an entry on its own. */
function checkEntry(
  name: string,
  entry: unknown,
  elementBytes: ReadonlyMap<string, number>,
): Entry {
  const of = (what: string): string => `${what} of ${describe(name)}`;
  if (!isRecord(entry)) {
    throw malformed(of("the description") + " to be an object", describe(entry));
  }
  const { dtype: code, shape, data_offsets: offsets } = entry;
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

/** Checks that the arrays, by offset, fill the rest of the file exactly. */
function checkLayout(ordered: readonly Entry[], dataBytes: number): void {
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
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether every value of an object is a string. */
export function isTexts(value: Readonly<Record<string, unknown>>): value is Record<string, string> {
  return Object.values(value).every((text) => typeof text === "string");
}

/** Whether a value is a list of non-negative safe integers. */
export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Formats any value briefly on one line. */
export function describe(value: unknown): string {
  if (isRecord(value)) return "an object";
  if (Array.isArray(value) && !value.every((item) => typeof item === "number")) return "a list";
  if (value === undefined) return "nothing";
  const text = JSON.stringify(typeof value === "string" ? value.slice(0, 80) : value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
