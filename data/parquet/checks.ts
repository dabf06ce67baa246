/**
 * Checks of a parquet file's metadata, before anything is decoded: inconsistent counts and sizes,
 * or ones that need too much memory, are errors here. Decoders trust them.
 *
 * Source: https://parquet.apache.org/docs/file-format/
 *
 * @module
 */

import type { ColumnMetaData, FileMetaData, PageHeader } from "../deps.ts";
import { structEnd } from "./thrift.ts";

/** Memory that the values of a column may take in a row group, in bytes. */
export const MAX_COLUMN_BYTES: number = 2 ** 30;

/** Memory that a value takes besides its bytes: an entry in each of three arrays. */
const BYTES_PER_VALUE = 24;

/** Size of the magic number at the start, and of the length and the magic number at the end. */
const HEAD = 4;
const TAIL = 8;

/** Writers differ in what they count as part of a column. */
const MAX_UNCOUNTED = 2 ** 20;

/** Encodings whose decoded size follows from the counts and sizes of a page. */
const ENCODINGS: readonly (string | undefined)[] = [
  "PLAIN",
  "PLAIN_DICTIONARY",
  "RLE",
  "RLE_DICTIONARY",
  "DELTA_BINARY_PACKED",
  "DELTA_LENGTH_BYTE_ARRAY",
  "BYTE_STREAM_SPLIT",
];

/** Where a column's pages are in a file. */
export interface ColumnRange {
  readonly start: number;
  readonly end: number;
}

/** Thrown by checks: "wanted …, got …". */
export function mismatch(wanted: string, got: unknown): SyntaxError {
  return new SyntaxError(`wanted ${wanted}, got ${got}`);
}

/**
 * Finds the footer of a file, and checks it before it is parsed.
 *
 * @param tail The last bytes of the file, at least `wanted` of them if the footer is that long.
 * @param size Size of the file in bytes.
 * @returns The bytes of the footer, including its length and the magic number, or how many bytes of
 * the file's end are needed.
 * @throws {SyntaxError} If the file is not a parquet file, or its footer is malformed.
 */
export function findFooter(
  tail: Uint8Array<ArrayBuffer>,
  size: number,
): { readonly footer: Uint8Array<ArrayBuffer> } | { readonly wanted: number } {
  if (size < HEAD + TAIL) throw mismatch(`a parquet file, of ${HEAD + TAIL} bytes or more`, size);
  const magic = new TextDecoder().decode(tail.subarray(-4));
  if (magic !== "PAR1") {
    throw mismatch('a parquet file, which ends in "PAR1"', `${JSON.stringify(magic)}`);
  }
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(tail.length - TAIL, true);
  const wanted = length + TAIL;
  if (wanted > size - HEAD) {
    throw mismatch(`a parquet file with a footer below ${size} bytes`, `${length}`);
  }
  if (wanted > tail.length) return { wanted };
  const footer = tail.subarray(tail.length - wanted);
  structEnd(footer.subarray(0, length), 0);
  return { footer };
}

/** @throws {SyntaxError} If the row groups of a file do not have as many rows as the file. */
export function checkRows({ num_rows, row_groups }: FileMetaData): void {
  let rows = 0;
  for (const [index, group] of row_groups.entries()) {
    rows += countOf(group.num_rows, `the number of rows of row group ${index}`);
  }
  if (rows !== countOf(num_rows, "the number of rows")) {
    throw mismatch(`row groups with ${num_rows} rows in all`, `${rows}`);
  }
}

/**
 * Checks what a file says about a column in a row group.
 *
 * @param rows Rows of the row group.
 * @param isFlat Whether each row has one value.
 * @param size Size of the file's pages: all before its footer.
 * @returns Where the column's pages are.
 */
export function checkColumn(
  column: ColumnMetaData,
  { rows, isFlat, size }: { rows: number; isFlat: boolean; size: number },
): ColumnRange {
  const values = countOf(column.num_values, "the number of values");
  if (isFlat && values !== rows) throw mismatch(`a value for each of the ${rows} rows`, values);
  const bytes = countOf(column.total_uncompressed_size, "the uncompressed size");
  if (bytes + values * BYTES_PER_VALUE > MAX_COLUMN_BYTES) {
    throw mismatch(
      `a row group with at most ${MAX_COLUMN_BYTES} bytes in memory`,
      `${bytes} bytes and ${values} values; write the file with smaller row groups`,
    );
  }
  // Some writers store 0 as the position of a missing dictionary.
  const start = countOf(column.dictionary_page_offset || column.data_page_offset, "the position");
  const end = start + countOf(column.total_compressed_size, "the size");
  if (start < HEAD || end > size) {
    throw mismatch(`pages from ${HEAD} to ${size} of the file`, `${start} to ${end}`);
  }
  return { start, end };
}

/**
 * Checks the headers of all pages of a column in a row group: that each has what its type needs, that
 * sizes fit into the column, and that the pages have the column's values.
 *
 * @param bytes The column's pages.
 * @param parse Parses a header of a page.
 */
export function checkPages(
  bytes: Uint8Array<ArrayBuffer>,
  column: ColumnMetaData,
  parse: (reader: { view: DataView<ArrayBuffer>; offset: number }) => PageHeader,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  let [values, uncompressed, pages] = [0, 0, 0];
  // The decoder stops at the last byte as well: some writers leave one after the pages.
  for (; offset < bytes.length - 1; pages++) {
    const place = `page ${pages}`;
    const end = structEnd(bytes, offset);
    const header = parse({ view, offset });
    const compressed = countOf(header.compressed_page_size, `the size of ${place}`);
    if (compressed > bytes.length - end) {
      throw mismatch(`at most ${bytes.length - end} bytes in ${place}`, compressed);
    }
    offset = end + compressed;
    const size = countOf(header.uncompressed_page_size, `the uncompressed size of ${place}`);
    uncompressed += size;
    values += checkPage(header, column, { place, compressed, size, isFirst: pages === 0 });
  }
  const wanted = Number(column.num_values);
  if (values !== wanted) throw mismatch(`pages with ${wanted} values in all`, values);
  const most = 2 * Number(column.total_uncompressed_size) + MAX_UNCOUNTED;
  if (uncompressed > most) {
    throw mismatch(`pages of ${column.total_uncompressed_size} bytes when unpacked`, uncompressed);
  }
}

interface PagePlace {
  readonly place: string;
  /** Size in the file, in bytes. */
  readonly compressed: number;
  /** Size when unpacked, in bytes. */
  readonly size: number;
  readonly isFirst: boolean;
}

/** Checks a page, and counts its values. */
function checkPage(
  header: PageHeader,
  { type, codec }: ColumnMetaData,
  { place, compressed, size, isFirst }: PagePlace,
): number {
  const { data_page_header: data, data_page_header_v2: data2, dictionary_page_header: dictionary } =
    header;
  if (header.type === "DICTIONARY_PAGE" && dictionary !== undefined) {
    if (!isFirst) throw mismatch("a dictionary as the first page", place);
    const entries = countOf(dictionary.num_values, `the number of values of ${place}`);
    // Every value of a dictionary takes at least one byte.
    if (entries > size) throw mismatch(`at most ${size} values in ${place}`, entries);
    return 0;
  }
  const isSecond = header.type === "DATA_PAGE_V2" && data2 !== undefined;
  const found = isSecond ? data2 : header.type === "DATA_PAGE" ? data : undefined;
  if (found === undefined) {
    throw mismatch(`a dictionary or data in ${place}`, header.type ?? "another type");
  }
  const values = countOf(found.num_values, `the number of values of ${place}`);
  if (!ENCODINGS.includes(found.encoding)) {
    throw mismatch(`an encoding among ${ENCODINGS.join(", ")} in ${place}`, found.encoding);
  }
  if (found.encoding === "BYTE_STREAM_SPLIT" && type === "FIXED_LEN_BYTE_ARRAY") {
    throw mismatch(`numbers in BYTE_STREAM_SPLIT in ${place}`, type);
  }
  if (!isSecond) {
    if (codec === "UNCOMPRESSED" && size !== compressed) {
      throw mismatch(`${size} bytes in ${place}`, compressed);
    }
    return values;
  }
  const nulls = countOf(data2.num_nulls, `the number of nulls of ${place}`);
  const rows = countOf(data2.num_rows, `the number of rows of ${place}`);
  if (nulls > values) throw mismatch(`at most ${values} nulls in ${place}`, nulls);
  if (rows > values) throw mismatch(`at most ${values} rows in ${place}`, rows);
  const levels =
    countOf(data2.definition_levels_byte_length, `the size of the levels of ${place}`) +
    countOf(data2.repetition_levels_byte_length, `the size of the levels of ${place}`);
  if (levels > Math.min(size, compressed)) {
    throw mismatch(`levels of at most ${Math.min(size, compressed)} bytes in ${place}`, levels);
  }
  return values;
}

function countOf(value: unknown, what: string): number {
  const count = typeof value === "bigint" ? Number(value) : value;
  if (typeof count === "number" && Number.isSafeInteger(count) && count >= 0) return count;
  throw mismatch(`a whole number as ${what}`, value);
}
