/** The worker that reads parquet files for `reader.ts`. @module */

import type { ColumnMetaData, DecodedArray, FileMetaData, SchemaTree } from "../deps.ts";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { importCompressors, importParquet } from "../deps.ts";
import { type FoundFile, readBytes } from "../files.ts";
import { checkColumn, checkPages, checkRows, type ColumnRange, findFooter } from "./checks.ts";

/** A request to the worker. */
export type Request =
  | { readonly kind: "load" }
  | { readonly kind: "open"; readonly file: FoundFile; readonly columns: readonly string[] }
  | ({ readonly kind: "read"; readonly file: FoundFile } & Rows);

/** Rows of a row group. */
export interface Rows {
  /** Columns at the top level of the schema. */
  readonly columns: readonly string[];
  /** Index of the row group. */
  readonly group: number;
  /** The first row, counted from the start of the group. */
  readonly start: number;
  /** The row after the last. */
  readonly end: number;
}

/** A file's description of its content. */
export interface Contents {
  /** All columns at the top level of the schema. */
  readonly columns: readonly string[];
  readonly groups: readonly GroupSize[];
}

export interface GroupSize {
  /** Number of rows. */
  readonly rows: number;
  /** Uncompressed size of the columns that were asked for, in bytes. */
  readonly bytes: number;
  /** Their number of values, including nulls. */
  readonly values: number;
}

/** The values of columns by name, one for each row. */
export type ColumnValues = Readonly<Record<string, unknown[]>>;

type Parquet = Awaited<ReturnType<typeof importParquet>> & {
  readonly compressors: Awaited<ReturnType<typeof importCompressors>>["compressors"];
};

/** A parsed footer, with the schema's tree. */
interface Footer {
  /** Path and size of the file. */
  readonly key: string;
  readonly metadata: FileMetaData;
  readonly schema: SchemaTree;
}

/** A physical column of a row group: the place of its pages. */
interface Column extends ColumnRange {
  readonly column: ColumnMetaData;
}

/** Bytes of the first read; most footers fit. */
const FIRST_BYTES = 2 ** 16;

let parquet: Parquet | null = null;

/** The footer of the file that was used last. */
let recent: Footer | null = null;

/** Prepares {@linkcode Contents} or {@linkcode ColumnValues}. */
export async function prepare(request: Request): Promise<() => null | Contents | ColumnValues> {
  if (request.kind === "load") {
    const [reader, { compressors }] = await Promise.all([importParquet(), importCompressors()]);
    parquet = { ...reader, compressors };
    return () => null;
  }
  const { file, columns } = request;
  if (request.kind === "open") {
    const tail = await readFooter(file);
    return () => contentsOf(parseFooter(file, tail), file, columns);
  }
  const footer = recent?.key === keyOf(file) ? recent : parseFooter(file, await readFooter(file));
  const pages = await withRowsInErrors(file, request, async () => {
    const found = columnsOf(footer, file, columns, request.group);
    return await Promise.all(found.map(async (column) => ({
      ...column,
      bytes: await readBytes(file.path, column.start, column.end),
    })));
  });
  return () => withRowsInErrors(file, request, () => decodeRows(footer, request, pages));
}

function keyOf({ path, bytes }: FoundFile): string {
  return `${path}:${bytes}`;
}

/** Reads the bytes of the footer, or of what should be one. */
async function readFooter({ path, bytes }: FoundFile): Promise<Uint8Array<ArrayBuffer>> {
  const read = (count: number) => readBytes(path, Math.max(0, bytes - count), bytes);
  const tail = await read(FIRST_BYTES);
  const found = blamingFile(path, () => findFooter(tail, bytes));
  return "wanted" in found ? await read(found.wanted) : tail;
}

function parseFooter(file: FoundFile, tail: Uint8Array<ArrayBuffer>): Footer {
  const { parquetMetadata, parquetSchema } = parquet!;
  return blamingFile(file.path, () => {
    const found = findFooter(tail, file.bytes);
    if ("wanted" in found) throw new SyntaxError("a footer that is longer than it says");
    const metadata = parquetMetadata(found.footer);
    checkRows(metadata);
    recent = { key: keyOf(file), metadata, schema: parquetSchema(metadata) };
    return recent;
  });
}

function contentsOf(footer: Footer, file: FoundFile, columns: readonly string[]): Contents {
  const all = footer.schema.children.map(({ element }) => element.name);
  const missing = columns.find((column) => !all.includes(column));
  if (missing !== undefined) {
    throw new Error(
      `Cannot read "${file.path}": wanted a column "${missing}", got ${
        quoted(all)
      }. The column of ` +
        "the text is chosen with --text-column",
    );
  }
  const groups = footer.metadata.row_groups.map(({ num_rows }, group) => {
    const rows = { columns, group, start: 0, end: Number(num_rows) };
    const found = withRowsInErrors(file, rows, () => columnsOf(footer, file, columns, group));
    const sum = (name: "total_uncompressed_size" | "num_values") =>
      found.reduce((total, { column }) => total + Number(column[name]), 0);
    return { rows: rows.end, bytes: sum("total_uncompressed_size"), values: sum("num_values") };
  });
  return { columns: all, groups };
}

/** The physical columns of some columns in a row group, checked. */
function columnsOf(
  { metadata, schema }: Footer,
  file: FoundFile,
  names: readonly string[],
  group: number,
): Column[] {
  const { num_rows, columns } = metadata.row_groups[group]!;
  const size = file.bytes - metadata.metadata_length - 8;
  return columns.flatMap(({ meta_data: column }) => {
    const top = schema.children.find(({ element }) => element.name === column?.path_in_schema[0]);
    if (column === undefined || top === undefined || !names.includes(top.element.name)) return [];
    const isFlat = top.children.length === 0 && top.element.repetition_type !== "REPEATED";
    return { column, ...checkColumn(column, { rows: Number(num_rows), isFlat, size }) };
  });
}

function decodeRows(
  { metadata, schema }: Footer,
  { columns, group, start, end }: Rows,
  pages: readonly (Column & { readonly bytes: Uint8Array<ArrayBuffer> })[],
): ColumnValues {
  const { assembleNested, DEFAULT_PARSERS, flatten, getTreePath, parquetHeader, readColumn } =
    parquet!;
  const parsers = { ...DEFAULT_PARSERS, stringFromBytes: textOrBytes };
  const compressors = { ...parquet!.compressors, ...limitedCompressors };
  const rows = Number(metadata.row_groups[group]!.num_rows);
  const select = { groupStart: 0, groupRows: rows, selectStart: 0, selectEnd: rows };
  /** The values of physical columns by path; nested ones are put together below. */
  const values = new Map<string, DecodedArray>();
  for (const { column, bytes } of pages) {
    checkPages(bytes, column, parquetHeader);
    const pathInSchema = column.path_in_schema;
    const schemaPath = getTreePath(schema, pathInSchema);
    const { element } = schemaPath.at(-1)!;
    const isText = element.converted_type === "UTF8" || element.logical_type?.type === "STRING";
    const ofColumn = isText ? { ...parsers, stringFromBytes } : parsers;
    const decoder = {
      ...column,
      pathInSchema,
      schemaPath,
      element,
      parsers: ofColumn,
      compressors,
    };
    const view = new DataView(bytes.buffer);
    const { data } = readColumn({ view, offset: 0 }, select, decoder);
    values.set(pathInSchema.join("."), flatten(data));
  }
  return Object.fromEntries(columns.map((name) => {
    const top = schema.children.find(({ element }) => element.name === name)!;
    if (top.children.length > 0) assembleNested(values, top, parsers);
    const all = values.get(name)!;
    if (all.length !== rows) throw new SyntaxError(`${all.length} of ${rows} rows`);
    return [name, Array.from(all.slice(start, end))];
  }));
}

/** Decompressors that stop at the size that a page should have. */
const limitedCompressors = {
  ZSTD: limited(zstdDecompressSync),
  GZIP: limited(gunzipSync),
  BROTLI: limited(brotliDecompressSync),
};

function limited(
  decompress: (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array,
): (bytes: Uint8Array, length: number) => Uint8Array {
  // An empty page is not a frame, and the limit cannot be 0.
  return (bytes, length) =>
    bytes.length === 0 ? bytes : decompress(bytes, { maxOutputLength: Math.max(1, length) });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function stringFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes === undefined) return undefined;
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new SyntaxError("text that is not UTF-8", { cause });
  }
}

/** Decodes what no schema calls a text: text by old writers, or an image. */
function textOrBytes(bytes: Uint8Array): unknown {
  try {
    return bytes && utf8.decode(bytes);
  } catch {
    return bytes;
  }
}

function blamingFile<Result>(path: string, run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw new SyntaxError(
      `Cannot read "${path}": ${wantedOr("a parquet file", reasonOf(cause))}`,
      { cause },
    );
  }
}

/** A reason that says what was wanted, as those of checks do, and those of the parser do not. */
function wantedOr(wanted: string, reason: string): string {
  return reason.startsWith("wanted ") ? reason : `wanted ${wanted}, got "${reason}"`;
}

/** Runs a part of reading; an error names file, row group, rows and columns. */
function withRowsInErrors<Result>(
  { path }: FoundFile,
  { columns, group, start, end }: Rows,
  run: () => Result,
): Result {
  const blame = (cause: unknown): never => {
    throw new SyntaxError(
      `Cannot read row group ${group} of "${path}", rows ${start} to ${end} of ${
        quoted(columns)
      }: ` +
        wantedOr("intact pages", reasonOf(cause)),
      { cause },
    );
  };
  try {
    const result = run();
    return result instanceof Promise ? result.catch(blame) as Result : result;
  } catch (cause) {
    return blame(cause);
  }
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

function reasonOf(error: unknown): string {
  // The engine's own errors, such as "… properties of undefined", mean that the decoder failed.
  if (error instanceof TypeError || error instanceof RangeError) return "damaged bytes";
  return error instanceof Error ? error.message : String(error);
}
