/** A corpus of parquet files, like nanochat's. @module */

import type { FoundFile } from "../files.ts";
import { fileFingerprint } from "../fingerprint.ts";
import { chunkAt, type Source, type SplitName } from "../source.ts";
import { findUnpacked } from "../unpack/unpack.ts";
import type { GroupSize } from "./decode.ts";
import { openParquet, readParquet } from "./reader.ts";

export const PARQUET_EXTENSION = ".parquet";

/** Options for {@linkcode parquetFiles}. */
export interface ParquetOptions {
  /** The column that holds the text, at the top level of the schema. @default {"text"} */
  column?: string;
  /** A folder for what is in `.zip` files; without it, these are refused. */
  unpackInto?: string | undefined;
}

/** One row in this many is held out when a single file serves both splits. */
const ROWS_PER_VALIDATION_ROW = 20;

/**
 * A corpus of parquet files with a text column: one document per row, one chunk per row group. Only
 * the text column of one row group is in memory at a time, and it is decoded in a thread of its own. Rows with an empty string are skipped.
 *
 * As in nanochat's `dataset.py`, the last file (by name) is validation. In a single file it is the
 * last 5 % of the rows, at least one.
 *
 * @param place A file, a folder or a glob, see {@linkcode findFiles}.
 *
 * @example
 * ```ts
 * import { parquetFiles } from "./source.ts";
 *
 * const source = parquetFiles("shards/*.parquet", { column: "content" });
 * console.log(source.name); // shards/*.parquet
 * ```
 */
export function parquetFiles(place: string, options: ParquetOptions = {}): Source {
  const { column = "text", unpackInto } = options;
  return {
    name: place,
    async open(split) {
      const files = await findUnpacked(place, [PARQUET_EXTENSION], unpackInto);
      const chunks = await findChunks(files, split, column);
      return {
        name: `the ${split} split of "${place}"`,
        fingerprint: await fileFingerprint(files, [split, column]),
        bytes: chunks.reduce((sum, { size }) => sum + size.bytes, 0),
        chunks: chunks.length,
        async read(index) {
          return await readTexts(chunkAt(place, chunks, index), column);
        },
      };
    },
  };
}

/** Rows of a row group that belong to one split. */
interface Chunk {
  file: FoundFile;
  group: number;
  size: GroupSize;
  /** Rows of the group. */
  start: number;
  end: number;
  /** The number of the first row in the file. */
  firstRow: number;
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
    const { groups } = await openParquet(file, [column]);
    const rows = groups.reduce((sum, { rows }) => sum + rows, 0);
    const cut = rows - Math.max(1, Math.floor(rows / ROWS_PER_VALIDATION_ROW));
    if (isSingle && cut < 1) {
      throw new RangeError(
        `Cannot split "${file.path}": wanted another file, or 2 or more rows in this one, got ${rows}`,
      );
    }
    const from = isSingle && split === "validation" ? cut : 0;
    const to = isSingle && split === "train" ? cut : rows;
    let first = 0;
    for (const [group, size] of groups.entries()) {
      const start = Math.max(0, from - first);
      const end = Math.min(size.rows, to - first);
      if (start < end) chunks.push({ file, group, size, start, end, firstRow: first + start });
      first += size.rows;
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

async function readTexts(chunk: Chunk, column: string): Promise<string[]> {
  const { file, size, group, start, end } = chunk;
  const values = await readParquet(file, { columns: [column], group, start, end }, size);
  const texts: string[] = [];
  for (const [index, text] of values[column]!.entries()) {
    if (typeof text !== "string") {
      const got = text === null || text === undefined ? "nothing" : `a ${typeof text}`;
      throw new TypeError(
        `Cannot read "${file.path}": wanted a string in column "${column}" of row ${
          chunk.firstRow + index
        }, got ${got}`,
      );
    }
    if (text !== "") texts.push(text);
  }
  return texts;
}
