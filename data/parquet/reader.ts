/**
 * Reads parquet files in a thread of its own, with limits of time and memory, so that a damaged
 * file causes an error and decoding does not block the caller.
 *
 * @module
 */

import { type FoundFile, readBytes } from "../files.ts";
import { CallError, LimitedWorker } from "../limited_worker.ts";
import type { ColumnValues, Contents, GroupSize, Request, Rows } from "./decode.ts";

/** Heap of the thread besides the values of a row group: the decoder, the schema. */
const HEAP_MIB = 64;

/** Heap for each byte of values: a string and its copy for the thread that asked. */
const HEAP_PER_BYTE = 4;
const HEAP_PER_VALUE = 64;

/** A footer has few bytes for each of its objects. */
const HEAP_PER_FOOTER_BYTE = 64;

/** Time limit of an answer in seconds: at least 20 times the usual time. */
const SECONDS = 10;
const BYTES_PER_SECOND = 2 ** 20;

/** One thread serves all files: it is idle most of the time. */
const thread = new LimitedWorker(new URL("./decode.ts", import.meta.url));

/** Reads and checks a file's metadata. */
export async function openParquet(
  file: FoundFile,
  columns: readonly string[],
): Promise<Contents> {
  const [length] = new Uint32Array(
    file.bytes < 8 ? [0] : (await readBytes(file.path, file.bytes - 8, file.bytes - 4)).buffer,
  );
  const footer = Math.min(length!, file.bytes);
  const heapMiB = HEAP_MIB + Math.ceil(HEAP_PER_FOOTER_BYTE * footer / 2 ** 20);
  const request: Request = { kind: "open", file, columns };
  const wanted = `Cannot read "${file.path}": wanted the footer of a parquet file`;
  return await call(request, { heapMiB, seconds: SECONDS }, wanted) as Contents;
}

/**
 * Reads rows of a row group.
 *
 * @param size The size of the group, from {@linkcode openParquet}.
 * @returns The values of each column.
 * @throws {SyntaxError} If the row group is damaged, or its counts are inconsistent.
 * @throws {RangeError} If it needs more time or memory than its size accounts for.
 */
export async function readParquet(
  file: FoundFile,
  rows: Rows,
  { bytes, values }: GroupSize,
): Promise<ColumnValues> {
  const heap = HEAP_PER_BYTE * bytes + HEAP_PER_VALUE * values;
  const limits = {
    // In steps, so that groups of similar sizes share a thread.
    heapMiB: HEAP_MIB * 2 ** Math.ceil(Math.log2(1 + heap / 2 ** 20 / HEAP_MIB)),
    seconds: SECONDS + Math.ceil(bytes / BYTES_PER_SECOND),
  };
  const names = rows.columns.map((name) => `"${name}"`).join(", ");
  const wanted = `Cannot read row group ${rows.group} of "${file.path}": wanted the rows ` +
    `${rows.start} to ${rows.end} of ${names}`;
  return await call({ kind: "read", file, ...rows }, limits, wanted) as ColumnValues;
}

async function call(
  request: Request,
  limits: { heapMiB: number; seconds: number },
  wanted: string,
): Promise<unknown> {
  try {
    // Packages may have to be downloaded first, which has no time limit.
    await thread.call({ kind: "load" } satisfies Request, { ...limits, seconds: Infinity });
    return await thread.call(request, limits);
  } catch (error) {
    if (!(error instanceof CallError) || error.failure === "crash") throw error;
    const limit = error.failure === "time"
      ? `within ${limits.seconds} s, got no end of them`
      : `in ${limits.heapMiB} MiB of memory, got more`;
    throw new RangeError(`${wanted} ${limit}; the file may be damaged`, { cause: error });
  }
}
