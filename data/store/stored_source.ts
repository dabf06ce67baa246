/** Corpora from stored data, some of which may still be arriving. @module */

import type { FoundFile } from "../files.ts";
import { openSource, type OpenSourceOptions } from "../open_source.ts";
import { arrivingParquetFiles, PARQUET_EXTENSION } from "../parquet/source.ts";
import { fingerprint, type Source } from "../source.ts";
import { findData, isFetching, type StoredState } from "./store.ts";

/** Options for {@linkcode storedSource}. */
export interface StoredSourceOptions extends OpenSourceOptions {
  /**
   * Of parquet files, read only this many: the first ones and the last one, which is for validation.
   * So a run resumes with its documents although more files have been downloaded since.
   *
   * @default {all}
   */
  readonly count?: number | undefined;
  /**
   * Called when reading begins to wait for a file, and again with the seconds waited when it has
   * arrived.
   */
  readonly onWait?: (file: string, seconds: number | null) => void;
}

/** A corpus, with its pinned files. */
export interface StoredSource extends Source {
  /** A commit of the hub, a version of a package, a digest. */
  readonly revision: string;
  /** The SHA-256 digest of the list of files, with their sizes and digests. */
  readonly digest: string;
  /** The number of files. */
  readonly count: number;
}

/** Milliseconds between checks for a file. */
const LOOK = 200;

/**
 * Opens stored data as a corpus. Parquet files are read while others arrive: reading waits for a
 * missing file, so the order of documents stays the same. Text is split by bytes, so all of its
 * files must have arrived first.
 *
 * @param root The folder of stored data, see {@linkcode findData}.
 * @throws {Error} If the address was never requested, or a file is missing and no process is
 * downloading it.
 */
export async function storedSource(
  root: string,
  address: string,
  { onWait, count, ...options }: StoredSourceOptions = {},
): Promise<StoredSource> {
  const stored = await findData(root, address);
  if (stored === null) throw new Error(`Cannot read ${address}: wanted stored data, got none`);
  const { folder, revision } = stored;
  const isTables = stored.files.every(({ path }) => path.endsWith(PARQUET_EXTENSION));
  const chosen = isTables && count !== undefined ? firstAndLast(stored.files, count) : stored.files;
  const files = chosen.map(({ path, size }): FoundFile => ({
    path: `${folder}/${path}`,
    name: path,
    bytes: size ?? 0,
  }));
  const arrive = (file: FoundFile) => waitFor(root, stored, file, onWait);
  const list = chosen.map(({ path, size, sha256 }) => [path, size, sha256]);
  const digest = await fingerprint(list);
  const pinned = { name: address, revision, digest, count: files.length };
  if (isTables) {
    const identity = await fingerprint([
      address,
      revision,
      files.map(({ name, bytes }) => [name, bytes]),
    ]);
    const arriving = { files, fingerprint: identity, arrive };
    return { ...arrivingParquetFiles(address, arriving, options.column), ...pinned };
  }
  for (const file of files) await arrive(file);
  return { ...await openSource(folder, options), ...pinned };
}

function firstAndLast<Item>(items: readonly Item[], count: number): readonly Item[] {
  return items.filter((_, i) => i < count - 1 || i === items.length - 1);
}

/** Waits for a file that a process is downloading. */
async function waitFor(
  root: string,
  { address }: StoredState,
  { path, name }: FoundFile,
  onWait: StoredSourceOptions["onWait"],
): Promise<void> {
  if (await isThere(path)) return;
  const start = performance.now();
  onWait?.(name, null);
  while (!await isThere(path)) {
    // Between the two checks the file may have arrived and the download ended.
    if (!await isFetching(root, address) && !await isThere(path)) {
      throw new Error(`Cannot read ${address}: wanted ${name}, which nobody downloads`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  onWait?.(name, (performance.now() - start) / 1000);
}

/** Downloads have other names until they are whole. */
async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
