/**
 * Data on this machine: a folder for each address, with its files and a description that pins them.
 *
 * @module
 */

import { checkSpace, unwritable, writing } from "../hub/download.ts";
import { fingerprint } from "../source.ts";
import { parseAddress } from "./address.ts";
import { isLocked, lockFile } from "./lock.ts";
import { type Connection, openOrigin } from "./open_origin.ts";
import type { Origin, RemoteFile } from "./origin.ts";

/** Requested data: files of one revision. */
export interface StoredData {
  /** The address. */
  readonly address: string;
  /** Pins the files: a commit of the hub, a version of a package, the digest of a file of the web. */
  readonly revision: string;
  /** The number of files that the address has. */
  readonly count: number;
  /** The files that were requested, ordered by path. */
  readonly files: readonly RemoteFile[];
}

/** Stored data, and which of its files have arrived. */
export interface StoredState extends StoredData {
  /** The folder of the files. */
  readonly folder: string;
  /** Files that have not arrived yet. */
  readonly missing: readonly RemoteFile[];
}

/** Options for {@linkcode fetchData}. */
export interface FetchOptions {
  /** Get only this many files from the first on, and the last one for validation. @default {all} */
  readonly count?: number | undefined;
  /** Number of concurrent downloads, from 1 on. @default {4} */
  readonly workers?: number;
  /** Stops the downloads; what has arrived is kept. */
  readonly signal?: AbortSignal;
  /** Called if another process downloads the same data, and this one waits for it. */
  readonly onOthers?: () => void;
  /** Called with the number of bytes that have arrived, and the total if it is known. */
  readonly onProgress?: (bytes: number, total: number | null) => void;
}

/** Dotfiles are not read as text. */
const DESCRIPTION = ".source.json";

/** Bytes that a name may have on every file system. */
const MAX_NAME = 255;

/** Bytes of an address that its name keeps if it is too long as a whole, as signed URLs are. */
const KEPT = 150;

/** The name of an address: in its encoded form, with a digest in place of what is too long. */
async function encodedName(address: string): Promise<string> {
  const whole = encodeURIComponent(address);
  if (whole.length <= MAX_NAME) return whole;
  let start = "";
  for (const character of address) {
    const longer = start + encodeURIComponent(character);
    if (longer.length > KEPT) break;
    start = longer;
  }
  return `${start}-${await fingerprint(address)}`;
}

/** The folder of an address below `root`. */
async function folderOf(root: string, address: string): Promise<string> {
  return `${root}/${await encodedName(address)}`;
}

/** The lock held by the process that fetches an address. */
async function lockOf(root: string, address: string): Promise<string> {
  return `${root}/.locks/${await encodedName(address)}`;
}

/**
 * The local state of an address; `null` if it was never requested.
 *
 * @throws {SyntaxError} If its description is damaged.
 */
export async function findData(root: string, address: string): Promise<StoredState | null> {
  const folder = await folderOf(root, address);
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
  const missing = stored.files.filter(({ size }, i) =>
    sizes[i] === null || (size !== null && size !== sizes[i])
  );
  return { ...stored, folder, missing };
}

/** Whether a process is fetching an address now. */
export async function isFetching(root: string, address: string): Promise<boolean> {
  return await isLocked(await lockOf(root, address));
}

/**
 * All data below `root`, by address.
 *
 * @param onDamaged Called with each address whose description is damaged. @default {throws the error}
 * @throws {Error} If `root` cannot be read; it may be missing.
 */
export async function listData(
  root: string,
  onDamaged: (address: string, error: SyntaxError) => void = (_address, error) => {
    throw error;
  },
): Promise<StoredState[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(root)) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      const isFile = error instanceof Deno.errors.NotADirectory;
      const reason = isFile ? "a file lies in the place of a folder" : (error as Error).message;
      throw new Error(`Cannot read the folder ${root}: ${reason}`, { cause: error });
    }
  }
  // Other files may lie beside the folders, even with names that cannot be decoded. A name with a digest
  // is found as if it were an address, and its description has the whole one.
  const addresses = names.filter((name) => /^(hf|npm|https?)%3A/.test(name)).map(
    decodeURIComponent,
  );
  const found = await Promise.all(
    addresses.sort().map((address) =>
      findData(root, address).catch((error) => {
        if (!(error instanceof SyntaxError)) throw error;
        onDamaged(address, error);
        return null;
      })
    ),
  );
  return found.filter((state) => state !== null);
}

/**
 * Downloads the missing files of an address, the first and the last one before the others. Data
 * that was requested before keeps its revision, so that a run continues with the same text. If
 * several processes want the same data, one downloads it, and the others wait.
 *
 * @throws {SyntaxError} If the address is malformed.
 * @throws {RangeError} If `workers` is no whole number from 1 on.
 * @throws {Error} If there are no such files, or one cannot be downloaded; what has arrived is
 * kept.
 */
export async function fetchData(
  connection: Connection,
  root: string,
  address: string,
  options: FetchOptions = {},
): Promise<StoredState> {
  const parsed = parseAddress(address);
  const { signal, workers } = options;
  if (workers !== undefined && !(Number.isSafeInteger(workers) && workers >= 1)) {
    throw new RangeError(
      `Cannot get ${address}: wanted workers as a whole number from 1 on, got ${workers}`,
    );
  }
  const before = await findData(root, address);
  if (before !== null && before.missing.length === 0 && isEnough(before, options)) return before;
  const origin = openOrigin(parsed, {
    ...connection,
    ...(signal === undefined ? {} : { signal }),
  });
  const lock = await lockOf(root, address);
  await writing(lock, () => Deno.mkdir(`${root}/.locks`, { recursive: true }));
  using _lock = await lockFile(lock, signal, options.onOthers).catch((error) => {
    signal?.throwIfAborted();
    throw unwritable(lock, error);
  });
  try {
    const stored = await findData(root, address) ?? before;
    const wanted = stored !== null && isEnough(stored, options)
      ? stored
      : await ask(origin, root, address, stored?.revision ?? null, options);
    await downloadMissing(origin, await folderOf(root, address), wanted, options);
    return (await findData(root, address))!;
  } finally {
    await Deno.remove(lock);
  }
}

/**
 * Removes the files of an address, even if their description is damaged.
 *
 * @returns Whether there were any.
 * @throws {Error} If a process is downloading them.
 */
export async function removeData(root: string, address: string): Promise<boolean> {
  if (await isFetching(root, address)) {
    throw new Error(`Cannot remove ${address}: a process is downloading it`);
  }
  try {
    await Deno.remove(await folderOf(root, address), { recursive: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether an earlier request covers this one. */
function isEnough({ files, count }: StoredData, options: FetchOptions): boolean {
  return files.length >= Math.min(count, (options.count ?? Infinity) + 1);
}

/** Lists the files of an address, and stores the list before they are downloaded. */
async function ask(
  origin: Origin,
  root: string,
  address: string,
  before: string | null,
  { count = Infinity }: FetchOptions,
): Promise<StoredData> {
  const folder = await folderOf(root, address);
  const revision = before ?? await origin.revision();
  const all = await origin.files(revision, folder);
  if (all.length === 0) {
    throw new Error(
      `Cannot read ${address}: wanted files that match it, got none of ${origin.name}`,
    );
  }
  // As in nanochat, the last file is for validation, regardless of their number.
  const files = all.filter((_file, i) => i < count || i === all.length - 1);
  const stored = { address, revision, count: all.length, files };
  await writeDescription(folder, stored);
  return stored;
}

async function downloadMissing(
  origin: Origin,
  folder: string,
  stored: StoredData,
  { workers = 4, signal, onProgress }: FetchOptions,
): Promise<void> {
  const files = [...stored.files];
  const have = new Map<string, number>();
  const left: number[] = [];
  for (const [i, { path, size }] of files.entries()) {
    const here = await Deno.stat(`${folder}/${path}`).then((info) => info.size, () => null);
    const isThere = here !== null && (size === null || size === here);
    have.set(path, isThere ? here : 0);
    if (!isThere) left.push(i);
  }
  const wanted = await Promise.all(left.map(async (i) => {
    const part = `${folder}/${files[i]!.path}.part`;
    const { size } = await Deno.stat(part).catch(() => ({ size: 0 }));
    return Math.max(0, (files[i]!.size ?? 0) - size);
  }));
  await checkSpace(folder, wanted.reduce((sum, bytes) => sum + bytes, 0), stored.address);
  // A run can begin once the first training file and the validation file are here.
  if (left.at(-1) === files.length - 1 && left.length > 2) left.splice(1, 0, left.pop()!);
  const total = files.every(({ size }) => size !== null)
    ? files.reduce((sum, { size }) => sum + size!, 0)
    : null;
  let written = Promise.resolve();
  const describeAgain = () => {
    // The revision of a file on the web is its digest.
    const revision = stored.revision === "" ? `sha256-${files[0]!.sha256}` : stored.revision;
    written = written.then(() => writeDescription(folder, { ...stored, revision, files }));
    return written;
  };
  const work = async (): Promise<void> => {
    for (let i = left.shift(); i !== undefined; i = left.shift()) {
      const file = files[i]!;
      const place = `${folder}/${file.path}`;
      const sha256 = await origin.download(stored.revision, file, place, {
        ...(signal === undefined ? {} : { signal }),
        onProgress: (bytes, size) => {
          have.set(file.path, bytes);
          const sum = [...have.values()].reduce((all, bytes) => all + bytes, 0);
          onProgress?.(sum, total ?? (files.length === 1 ? size : null));
        },
      });
      files[i] = { path: file.path, size: (await Deno.stat(place)).size, sha256 };
      if (file.size === null || file.sha256 === null) await describeAgain();
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: workers }, () =>
      work().catch((error) => {
        // The other workers take no more files: the error would come after the last of them.
        left.length = 0;
        throw error;
      })),
  );
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Writes the description of an address's files. */
async function writeDescription(folder: string, stored: StoredData): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const path = `${folder}/${DESCRIPTION}`;
  await Deno.writeTextFile(`${path}.part`, JSON.stringify(stored, null, 2));
  // Otherwise it may be empty after a power failure.
  using part = await Deno.open(`${path}.part`, { write: true });
  await part.sync();
  await Deno.rename(`${path}.part`, path);
}

function parseDescription(text: string, path: string): StoredData {
  try {
    const { address, revision, count, files } = JSON.parse(text);
    const isFile = (file: RemoteFile) =>
      typeof file.path === "string" && (file.size === null || Number.isInteger(file.size));
    if ([address, revision].every((value) => typeof value === "string")) {
      if (Number.isInteger(count) && Array.isArray(files) && files.every(isFile)) {
        return { address, revision, count, files };
      }
    }
  } catch {
    // The error below says what was wanted.
  }
  throw new SyntaxError(
    `Cannot read ${path}: wanted the files of a data set; remove it to begin again`,
  );
}
