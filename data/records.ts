/** Reading rows as JSON values, with their positions, from JSON Lines and parquet files. @module */

import { findFiles, type FoundFile } from "./files.ts";
import { openParquet, readParquet } from "./parquet/reader.ts";
import { PARQUET_EXTENSION } from "./parquet/source.ts";
import { parseJson } from "./show.ts";
import { decompress, isCompressed } from "./unpack/streams.ts";
import { findUnpacked, ZIP_EXTENSION } from "./unpack/unpack.ts";

/** A row. */
export interface DataRecord {
  /** The value, in JSON's types even if it comes from a parquet file. */
  readonly value: unknown;
  /** The file and the line or row, for messages: `rows.jsonl, line 3`. */
  readonly where: string;
}

/** Options for {@linkcode records}. */
export interface RecordsOptions {
  /** A folder to unpack `.zip` files into; without it, they are refused. */
  readonly unpackInto?: string | undefined;
}

const RECORD_EXTENSIONS = [".jsonl", ".jsonl.gz", ".jsonl.zst", PARQUET_EXTENSION];

/** The files of rows at a place; a single file is read as JSON Lines, whatever its name. */
async function recordFiles(
  place: string,
  { unpackInto }: RecordsOptions,
): Promise<readonly FoundFile[]> {
  const info = await Deno.stat(place).catch(() => null);
  if (info === null && !/[*?[{]/.test(place)) {
    throw new Error(`Cannot read ${place}: there is no such file or folder`);
  }
  const found = info?.isFile
    ? [{ path: place, name: place, bytes: info.size }]
    : await findFiles(place, [...RECORD_EXTENSIONS, ZIP_EXTENSION], RECORD_EXTENSIONS);
  const unpacked = found.map(async (file) =>
    file.name.endsWith(ZIP_EXTENSION)
      ? await findUnpacked(file.path, [".jsonl", PARQUET_EXTENSION], unpackInto)
      : [file]
  );
  return (await Promise.all(unpacked)).flat();
}

/**
 * Reads rows, file after file by name.
 *
 * @param place A file, a folder or a glob of `.jsonl` files, also as `.gz` and `.zst`, `.parquet` files,
 * and `.zip` files of these. A single file with another name is read as JSON Lines.
 * @throws {Error} If there is nothing there, or the system cannot read a file.
 * @throws {SyntaxError} If a file is damaged, or a line is not JSON; the message names the line.
 *
 * @example
 * ```ts
 * import { records } from "./records.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(path, '{"n": 1}\n\n{"n": 2}\n');
 * for await (const { value, where } of records(path)) console.log(where, value);
 * ```
 */
export async function* records(
  place: string,
  options: RecordsOptions = {},
): AsyncGenerator<DataRecord> {
  for (const file of await recordFiles(place, options)) {
    yield* file.name.endsWith(PARQUET_EXTENSION) ? parquetRecords(file) : lineRecords(file);
  }
}

/**
 * The columns of rows, and the number of rows: of parquet files, or of lines that are not empty. Files
 * of JSON Lines without rows have no columns.
 *
 * @throws {Error} If there is nothing at the place, or the system cannot read a file.
 * @throws {SyntaxError} If a file is damaged, or its first line is not JSON.
 */
export async function openTable(
  place: string,
  options: RecordsOptions = {},
): Promise<{ readonly columns: readonly string[]; readonly rows: number }> {
  const files = await recordFiles(place, options);
  const tables = files.filter(({ name }) => name.endsWith(PARQUET_EXTENSION));
  if (tables.length < files.length) {
    for await (const { value } of records(place, options)) {
      // A row may also be a list, as conversations are.
      const isTable = typeof value === "object" && value !== null && !Array.isArray(value);
      return { columns: isTable ? Object.keys(value) : [], rows: await countRows(files) };
    }
  }
  const contents = await Promise.all(tables.map((file) => openParquet(file, [])));
  const rows = contents.reduce((sum, content) => sum + rowsOf(content), 0);
  return { columns: contents[0]?.columns ?? [], rows };
}

/** The rows of a parquet file. */
function rowsOf({ groups }: Awaited<ReturnType<typeof openParquet>>): number {
  return groups.reduce((sum, { rows }) => sum + rows, 0);
}

async function countRows(files: readonly FoundFile[]): Promise<number> {
  let rows = 0;
  for (const file of files) {
    if (file.name.endsWith(PARQUET_EXTENSION)) {
      rows += rowsOf(await openParquet(file, []));
    } else {
      for await (const line of lines(file)) if (line.trim() !== "") rows++;
    }
  }
  return rows;
}

async function* parquetRecords(file: FoundFile): AsyncGenerator<DataRecord> {
  const { columns } = await openParquet(file, []);
  const { groups } = await openParquet(file, columns);
  let row = 0;
  for (const [group, size] of groups.entries()) {
    const found = await readParquet(file, { columns, group, start: 0, end: size.rows }, size);
    for (let i = 0; i < size.rows; i++) {
      const value = Object.fromEntries(
        columns.map((column) => [column, plainValue(found[column]![i])]),
      );
      yield { value, where: `${file.path}, row ${++row}` };
    }
  }
}

/**
 * Converts values to JSON's types: 64-bit integers become numbers, or their digits if a number is not
 * exact, dates their ISO 8601, and bytes base64.
 */
function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
  }
  if (Array.isArray(value)) return value.map(plainValue);
  if (value === undefined) return null;
  if (value instanceof Date) return value.toJSON();
  if (value instanceof Uint8Array) return value.toBase64();
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, plainValue(part)]),
  );
}

async function* lineRecords(file: FoundFile): AsyncGenerator<DataRecord> {
  let line = 0;
  for await (const text of lines(file)) {
    const where = `${file.path}, line ${++line}`;
    if (text.trim() !== "") yield { value: parseLine(text, where), where };
  }
}

function parseLine(text: string, where: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${where}: ${(cause as SyntaxError).message}`, { cause });
  }
}

async function* lines(file: FoundFile): AsyncGenerator<string> {
  const { path } = file;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  const take = function* (chunk: Uint8Array, isLast: boolean) {
    const parts = decoder.decode(chunk, { stream: !isLast }).split("\n");
    // Joined after the split: searching a long line again with each chunk takes quadratic time.
    parts[0] = rest + parts[0]!;
    rest = parts.pop()!;
    yield* parts;
  };
  try {
    const { readable } = await Deno.open(path);
    for await (
      const chunk of isCompressed(path) ? decompress(path, readable, file.bytes) : readable
    ) {
      yield* take(chunk, false);
    }
    yield* take(new Uint8Array(0), true);
    yield rest;
  } catch (cause) {
    const isText = cause instanceof TypeError;
    const reason = isText
      ? "wanted text in UTF-8, got other bytes"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    const message = `Cannot read ${path}: ${reason}`;
    // The file is not damaged if the system does not give it.
    const isOfSystem = Object.values(Deno.errors).some((type) => cause instanceof type);
    throw isOfSystem ? new Error(message, { cause }) : new SyntaxError(message, { cause });
  }
}
