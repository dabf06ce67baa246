/**
 * Data sets of the hub on this machine: a folder for each address, with its files and a description
 * that pins them.
 *
 * @module
 */

import { importGlobToRegExp } from "../deps.ts";
import { isHubAddress, parseHubAddress } from "./address.ts";
import type { Hub, HubFile } from "./hub.ts";

/** A data set that was asked for: its files are those of one commit. */
export interface StoredData {
  /** The address that was asked for. */
  readonly address: string;
  /** `ORG/NAME` on the hub. */
  readonly repository: string;
  /** The commit that pins the files. */
  readonly commit: string;
  /** How many files the address has at that commit. */
  readonly count: number;
  /** Those that are wanted here. */
  readonly files: readonly HubFile[];
}

/** A data set with what is there of it. */
export interface StoredState extends StoredData {
  /** The folder of its files. */
  readonly folder: string;
  /** Its files that are not here yet. */
  readonly missing: readonly HubFile[];
}

/** Options for {@linkcode fetchData}. */
export interface FetchOptions {
  /** The first files only, and the last one, which is for validation; all by default. */
  readonly count?: number | undefined;
  /** Files that are downloaded side by side. @default {4} */
  readonly workers?: number;
  /** Stops the downloads; what came is kept. */
  readonly signal?: AbortSignal;
  /** Called with the bytes of all files that are here, and of all that are wanted. */
  readonly onProgress?: (bytes: number, total: number) => void;
}

/** Dotfiles are not read as text. */
const DESCRIPTION = ".source.json";

/** The folder of an address below `root`. */
function folderOf(root: string, address: string): string {
  return `${root}/${encodeURIComponent(address)}`;
}

/**
 * The local state of an address; `null` if it was never requested.
 *
 * @throws {SyntaxError} If its description is damaged.
 */
export async function findData(root: string, address: string): Promise<StoredState | null> {
  const folder = folderOf(root, address);
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/${DESCRIPTION}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const stored = parseDescription(text, `${folder}/${DESCRIPTION}`);
  const sizes = await Promise.all(
    stored.files.map(({ path }) =>
      Deno.stat(`${folder}/${path}`).then(({ size }) => size, () => null)
    ),
  );
  const missing = stored.files.filter(({ size }, i) => sizes[i] !== size);
  return { ...stored, folder, missing };
}

/** All data sets below `root`, by address. */
export async function listData(root: string): Promise<StoredState[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(root)) names.push(decodeURIComponent(name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const found = await Promise.all(
    names.filter(isHubAddress).sort().map((address) => findData(root, address)),
  );
  return found.filter((state) => state !== null);
}

/**
 * Downloads the files of an address that are not here. What was asked for before keeps its commit, so
 * that a run goes on with the same text.
 *
 * @throws {Error} If the hub has no such files, or one cannot be had; what came stays.
 */
export async function fetchData(
  hub: Hub,
  root: string,
  address: string,
  { count = Infinity, workers = 4, signal, onProgress }: FetchOptions = {},
): Promise<StoredState> {
  const { repository, revision, files: glob } = parseHubAddress(address);
  const before = await findData(root, address);
  const commit = before?.commit ?? await hub.commit(repository, revision);
  const folder = folderOf(root, address);
  if (before === null || before.files.length < Math.min(before.count, count + 1)) {
    const matching = matches(await hub.files(repository, commit), await globPattern(glob));
    if (matching.length === 0) {
      throw new Error(`Cannot read ${address}: wanted files that match ${glob}, got none of them`);
    }
    // As in nanochat, the last file is for validation, however many there are.
    const wanted = matching.filter((_file, i) => i < count || i === matching.length - 1);
    await describe(folder, { address, repository, commit, count: matching.length, files: wanted });
  }

  const { files, missing } = (await findData(root, address))!;
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const have = new Map(files.map(({ path, size }) => [path, size]));
  for (const { path } of missing) have.set(path, 0);
  const left = [...missing];
  const work = async (): Promise<void> => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) {
      const { path } = file;
      await hub.download(repository, commit, file, `${folder}/${path}`, {
        ...(signal === undefined ? {} : { signal }),
        onProgress: (bytes) => {
          have.set(path, bytes);
          onProgress?.([...have.values()].reduce((sum, size) => sum + size, 0), total);
        },
      });
    }
  };
  const results = await Promise.allSettled(Array.from({ length: workers }, work));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return (await findData(root, address))!;
}

/** Removes the files of an address. */
export async function removeData(root: string, address: string): Promise<void> {
  await Deno.remove(folderOf(root, address), { recursive: true });
}

/** Writes what an address stands for, before its files come. */
async function describe(folder: string, stored: StoredData): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}/${DESCRIPTION}`;
  await Deno.writeTextFile(`${path}.part`, JSON.stringify(stored, null, 2));
  await Deno.rename(`${path}.part`, path);
}

async function globPattern(glob: string): Promise<RegExp> {
  return (await importGlobToRegExp())(glob, { extended: false });
}

/** Sorted as corpora are: by name, in code units. */
function matches(files: readonly HubFile[], pattern: RegExp): HubFile[] {
  return files.filter(({ path }) => pattern.test(path))
    .sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

function parseDescription(text: string, path: string): StoredData {
  try {
    const { address, repository, commit, count, files } = JSON.parse(text);
    const isFile = (file: HubFile) => typeof file.path === "string" && Number.isInteger(file.size);
    if ([address, repository, commit].every((value) => typeof value === "string")) {
      if (Number.isInteger(count) && Array.isArray(files) && files.every(isFile)) {
        return { address, repository, commit, count, files };
      }
    }
  } catch {
    // The error below says what was wanted.
  }
  throw new SyntaxError(
    `Cannot read ${path}: wanted the files of a data set; remove it to begin again`,
  );
}
