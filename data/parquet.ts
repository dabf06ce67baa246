/** A corpus of parquet files, like nanochat's. @module */

import { importCompressors, importParquet } from "./deps.ts";
import { findFiles, type FoundFile, readBytes } from "./files.ts";
import { fileFingerprint } from "./fingerprint.ts";
import type { Source, SplitName } from "./source.ts";

export const PARQUET_EXTENSION = ".parquet";

/** Options for {@linkcode parquetFiles}. */
export interface ParquetOptions {
  /** The column that holds the text, at the top level of the schema. @default {"text"} */
  column?: string;
}

/** One row in this many is held out when a single file serves both splits. */
const ROWS_PER_VALIDATION_ROW = 20;

/**
 * A corpus of parquet files with a text column: one document per row, one chunk per row group. Only
 * the text column of one row group is in memory at a time. Rows with an empty string are skipped.
 *
 * As in nanochat's `dataset.py`, the last file (by name) is validation. In a single file it is the
 * last 5 % of the rows, at least one.
 *
 * @param place A file, a folder or a glob, see {@linkcode findFiles}.
 *
 * @example
 * ```ts
 * import { parquetFiles } from "./parquet.ts";
 *
 * const source = parquetFiles("shards/*.parquet", { column: "content" });
 * console.log(source.name); // shards/*.parquet
 * ```
 */
export function parquetFiles(place: string, options: ParquetOptions = {}): Source {
  const { column = "text" } = options;
  return {
    name: place,
    async open(split) {
      const files = await findFiles(place, [PARQUET_EXTENSION]);
      const chunks = await findChunks(files, split, column);
      let recent: { path: string; opened: Promise<OpenFile> } | undefined;
      return {
        name: `the ${split} split of "${place}"`,
        fingerprint: await fileFingerprint(files, [split, column]),
        bytes: chunks.reduce((sum, { bytes }) => sum + bytes, 0),
        chunks: chunks.length,
        async read(index) {
          const chunk = chunks[index];
          if (chunk === undefined) {
            throw new RangeError(
              `Cannot read "${place}": wanted a chunk below ${chunks.length}, got ${index}`,
            );
          }
          if (recent?.path !== chunk.file.path) {
            recent = { path: chunk.file.path, opened: openFile(chunk.file, column) };
          }
          return await readRows(await recent.opened, chunk, column);
        },
      };
    },
  };
}

interface Chunk {
  file: FoundFile;
  start: number;
  end: number;
  /** Uncompressed size of the column in the row group. */
  bytes: number;
}

interface OpenFile {
  buffer: { byteLength: number; slice(start: number, end?: number): Promise<ArrayBuffer> };
  metadata: Awaited<ReturnType<Awaited<ReturnType<typeof importParquet>>["parquetMetadataAsync"]>>;
}

async function findChunks(
  files: readonly FoundFile[],
  split: SplitName,
  column: string,
): Promise<Chunk[]> {
  const isSingle = files.length === 1;
  const part = isSingle ? files : split === "train" ? files.slice(0, -1) : files.slice(-1);
  const chunks: Chunk[] = [];
  for (const file of part) {
    const { metadata } = await openFile(file, column);
    const rows = Number(metadata.num_rows);
    const cut = rows - Math.max(1, Math.floor(rows / ROWS_PER_VALIDATION_ROW));
    if (isSingle && cut < 1) {
      throw new RangeError(
        `Cannot split "${file.path}": wanted another file, or 2 or more rows in this one, got ${rows}`,
      );
    }
    const from = isSingle && split === "validation" ? cut : 0;
    const to = isSingle && split === "train" ? cut : rows;
    let first = 0;
    for (const group of metadata.row_groups) {
      const start = Math.max(from, first);
      const end = Math.min(to, first + Number(group.num_rows));
      first += Number(group.num_rows);
      const data = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === column);
      const bytes = Number(data?.meta_data?.total_uncompressed_size ?? 0);
      if (start < end) chunks.push({ file, start, end, bytes });
    }
  }
  if (chunks.length === 0) {
    const names = part.map(({ path }) => `"${path}"`).join(", ");
    throw new RangeError(
      `Cannot read the ${split} split: wanted one or more rows in ${names}, got none`,
    );
  }
  return chunks;
}

async function openFile(file: FoundFile, column: string): Promise<OpenFile> {
  const { parquetMetadataAsync, parquetSchema } = await importParquet();
  const buffer = {
    byteLength: file.bytes,
    async slice(start: number, end = file.bytes): Promise<ArrayBuffer> {
      return (await readBytes(file.path, start, end)).buffer;
    },
  };
  let metadata: OpenFile["metadata"];
  try {
    metadata = await parquetMetadataAsync(buffer);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SyntaxError(`Cannot read "${file.path}": wanted a parquet file, got "${reason}"`, {
      cause,
    });
  }
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  if (!columns.includes(column)) {
    throw new Error(
      `Cannot read "${file.path}": wanted a column "${column}", got ${
        columns.map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  return { buffer, metadata };
}

async function readRows(file: OpenFile, chunk: Chunk, column: string): Promise<string[]> {
  const [{ parquetReadObjects }, { compressors }] = await Promise.all([
    importParquet(),
    importCompressors(),
  ]);
  const { path } = chunk.file;
  let rows: Record<string, unknown>[];
  try {
    rows = await parquetReadObjects({
      file: file.buffer,
      metadata: file.metadata,
      compressors,
      columns: [column],
      rowStart: chunk.start,
      rowEnd: chunk.end,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SyntaxError(
      `Cannot read "${path}": wanted the rows ${chunk.start} to ${chunk.end} of "${column}", got "${reason}"`,
      { cause },
    );
  }
  const texts: string[] = [];
  for (const [index, row] of rows.entries()) {
    const text = row[column];
    if (typeof text !== "string") {
      const got = text === null || text === undefined ? "nothing" : `a ${typeof text}`;
      throw new TypeError(
        `Cannot read "${path}": wanted a string in column "${column}" of row ${
          chunk.start + index
        }, got ${got}`,
      );
    }
    if (text !== "") texts.push(text);
  }
  return texts;
}
