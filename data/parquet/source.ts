/** A corpus of parquet files, like nanochat's. @module */

import type { FoundFile } from "../files.ts";
import { fileFingerprint } from "../fingerprint.ts";
import { typeInWords } from "../show.ts";
import { checkSplit, type Source, type Split, type SplitName } from "../source.ts";
import { findUnpacked } from "../unpack/unpack.ts";
import type { GroupSize } from "./decode.ts";
import { openParquet, readParquet } from "./reader.ts";

export const PARQUET_EXTENSION = ".parquet";

/** Options for {@linkcode parquetFiles}. */
export interface ParquetOptions {
  /** The column that holds the text, at the top level of the schema. @default {"text"} */
  column?: string;
  /** A folder to unpack `.zip` files into; without it, they are refused. */
  unpackInto?: string | undefined;
}

/** One row in this many is held out when a single file serves both splits. */
const ROWS_PER_VALIDATION_ROW = 20;

/**
 * Chunks per file: as many as a shard of nanochat has row groups, so that a chunk is about one of
 * them. A constant, so that the number of chunks is known before a file is downloaded.
 */
export const CHUNKS_PER_FILE = 256;

/** Characters of text for each byte of a file: zstd makes English that much smaller. */
const TEXT_PER_BYTE = 2.5;

/**
 * A corpus of parquet files with a text column: one document per row, 256 chunks per file, each of them
 * some of its row groups or none. Only the text column of one row group is in memory at a time, and it
 * is decoded in a thread of its own. Rows with an empty string or null are skipped.
 *
 * As in nanochat's `dataset.py`, the last file (by name) is validation. In a single file it is the
 * last 5 % of the rows, at least one. Loaders shuffle the chunks of a file, and read file after file.
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
      checkSplit(place, split);
      const files = await findUnpacked(place, [PARQUET_EXTENSION], unpackInto);
      const fingerprint = await fileFingerprint(files, [split, column, CHUNKS_PER_FILE]);
      const tables = new Tables(files, split, column);
      // Faulty files are found before a run begins.
      await tables.checkAll();
      return splitOf(place, split, tables, fingerprint);
    },
  };
}

/** Parquet files that may still be arriving. */
export interface ArrivingFiles {
  /** All of them, in order. */
  readonly files: readonly FoundFile[];
  /** Pins their content. */
  readonly fingerprint: string;
  /** Waits for a file. @throws {Error} If it will not come. */
  arrive(file: FoundFile): Promise<void>;
}

/**
 * Like {@linkcode parquetFiles}, but of files that are still arriving: reading a chunk waits for
 * its file.
 */
export function arrivingParquetFiles(
  place: string,
  { files, fingerprint, arrive }: ArrivingFiles,
  column = "text",
): Source {
  return {
    name: place,
    async open(split) {
      checkSplit(place, split);
      const tables = new Tables(files, split, column, arrive);
      await tables.checkFirst();
      const identity = `${fingerprint}-${split}-${column}-${CHUNKS_PER_FILE}`;
      return splitOf(place, split, tables, identity);
    },
  };
}

function splitOf(place: string, split: SplitName, tables: Tables, fingerprint: string): Split {
  return {
    name: `the ${split} split of "${place}"`,
    fingerprint,
    bytes: Math.round(TEXT_PER_BYTE * tables.bytes),
    chunks: CHUNKS_PER_FILE * tables.files.length,
    shuffledChunks: CHUNKS_PER_FILE,
    async read(index) {
      const chunks = CHUNKS_PER_FILE * tables.files.length;
      if (!(Number.isInteger(index) && index >= 0 && index < chunks)) {
        throw new RangeError(
          `Cannot read "${place}": wanted a chunk below ${chunks}, got ${index}`,
        );
      }
      return await tables.read(Math.floor(index / CHUNKS_PER_FILE), index % CHUNKS_PER_FILE);
    },
  };
}

/** A file, and its rows that belong to the split. */
interface Table {
  readonly groups: readonly GroupSize[];
  /** The first row, and the row after the last. */
  readonly from: number;
  readonly to: number;
}

/** The files of a split, each opened when it is needed. */
class Tables {
  readonly files: readonly FoundFile[];
  readonly #isSingle: boolean;
  readonly #split: SplitName;
  readonly #column: string;
  readonly #arrive: ((file: FoundFile) => Promise<void>) | undefined;
  readonly #tables = new Map<number, Promise<Table>>();

  constructor(
    all: readonly FoundFile[],
    split: SplitName,
    column: string,
    arrive?: (file: FoundFile) => Promise<void>,
  ) {
    this.#isSingle = all.length === 1;
    this.#split = split;
    this.#column = column;
    this.#arrive = arrive;
    this.files = this.#isSingle ? all : split === "train" ? all.slice(0, -1) : all.slice(-1);
  }

  /** The size of the files; a single file counts for both splits. */
  get bytes(): number {
    return this.files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** @throws {Error} If a file is damaged, lacks the column, or no file has a row. */
  async checkAll(): Promise<void> {
    let rows = 0;
    for (let i = 0; i < this.files.length; i++) {
      const { from, to } = await this.#open(i);
      rows += to - from;
    }
    this.#checkRows(rows);
  }

  /** @throws {Error} If the first file is damaged, lacks the column, or has no row. */
  async checkFirst(): Promise<void> {
    const { from, to } = await this.#open(0);
    this.#checkRows(to - from);
  }

  #checkRows(rows: number): void {
    if (rows > 0) return;
    const names = this.files.map(({ path }) => `"${path}"`).join(", ");
    throw new RangeError(
      `Cannot read the ${this.#split} split: wanted one or more rows in ${names}, got none`,
    );
  }

  /** The documents of a chunk of a file. */
  async read(file: number, chunk: number): Promise<string[]> {
    const { groups, from, to } = await this.#open(file);
    const first = Math.floor(chunk * groups.length / CHUNKS_PER_FILE);
    const end = Math.floor((chunk + 1) * groups.length / CHUNKS_PER_FILE);
    let row = groups.slice(0, first).reduce((sum, { rows }) => sum + rows, 0);
    const texts: string[] = [];
    for (let group = first; group < end; group++) {
      const size = groups[group]!;
      const start = Math.max(0, from - row);
      const stop = Math.min(size.rows, to - row);
      if (start < stop) {
        const rows = { columns: [this.#column], group, start, end: stop };
        const values = await readParquet(this.files[file]!, rows, size);
        // Not by one call of push: a row group may have a million rows, more than a call takes arguments.
        for (const text of this.#textsOf(values[this.#column]!, file, row + start)) {
          texts.push(text);
        }
      }
      row += size.rows;
    }
    return texts;
  }

  #textsOf(values: readonly unknown[], file: number, firstRow: number): string[] {
    return values.flatMap((text, index) => {
      if (text === "" || text === null || text === undefined) return [];
      if (typeof text === "string") return [text];
      throw new TypeError(
        `Cannot read "${this.files[file]!.path}": wanted a string in column "${this.#column}" of ` +
          `row ${firstRow + index}, got ${typeInWords(text)}`,
      );
    });
  }

  #open(index: number): Promise<Table> {
    const opened = this.#tables.get(index) ?? this.#openFile(this.files[index]!);
    this.#tables.set(index, opened);
    // A file that is repaired may be read again.
    opened.catch(() => this.#tables.delete(index));
    return opened;
  }

  async #openFile(file: FoundFile): Promise<Table> {
    await this.#arrive?.(file);
    const { groups } = await openParquet(file, [this.#column]);
    const rows = groups.reduce((sum, { rows }) => sum + rows, 0);
    if (!this.#isSingle) return { groups, from: 0, to: rows };
    const cut = rows - Math.max(1, Math.floor(rows / ROWS_PER_VALIDATION_ROW));
    if (cut < 1) {
      throw new RangeError(
        `Cannot split "${file.path}": wanted another file, or 2 or more rows in this one, got ${rows}`,
      );
    }
    return this.#split === "train" ? { groups, from: 0, to: cut } : { groups, from: cut, to: rows };
  }
}
