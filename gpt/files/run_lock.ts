/** Run locks: one process per run folder. The system releases its lock when it ends. @module */

import {
  checkIsFile,
  ensureWritableFolder,
  exists,
  fileError,
  freeName,
  naming,
  type ReadOptions,
} from "./files.ts";

/** The locked file, which names the process. */
const LOCK_FILE = "run.lock";

/**
 * A lock on the folder of a run.
 *
 * @example
 * ```ts
 * import { lockRun } from "./run_lock.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await using _lock = await lockRun(folder);
 * let message = "";
 * await lockRun(folder).catch((error) => message = error.message);
 * if (!message.includes(`process ${Deno.pid}`)) throw new Error(`got ${message}`);
 * ```
 */
export class RunLock implements AsyncDisposable {
  readonly #folder: string;
  /** Whether the folder was created for the run, and is removed if it stays empty. */
  readonly #isNew: boolean;
  #file: Deno.FsFile;
  /** Releases the lock when the process exits, as at a signal. */
  readonly #onExit = () => this.#remove();

  /** Use {@linkcode lockRun}. */
  constructor(folder: string, isNew: boolean, file: Deno.FsFile) {
    this.#folder = folder;
    this.#isNew = isNew;
    this.#file = file;
    addEventListener("unload", this.#onExit);
  }

  /**
   * Renames the folder, and locks an empty one in its place.
   *
   * @returns The new name: `d4-1` for `d4`, or the next free number.
   * @throws {Error} If it cannot be renamed, or another process takes its place first.
   */
  async setAside(): Promise<string> {
    const aside = await freeName(this.#folder);
    await naming("rename", this.#folder, () => Deno.rename(this.#folder, aside));
    const former = this.#file;
    this.#file = await openLocked(this.#folder);
    await Deno.remove(`${aside}/${LOCK_FILE}`).catch(() => {});
    former.close();
    return aside;
  }

  /** Releases the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    removeEventListener("unload", this.#onExit);
    if (await isAt(this.#file, `${this.#folder}/${LOCK_FILE}`)) this.#remove();
    this.#file.close();
  }

  /** Removes the lock file, and the folder if it is new and still empty. */
  #remove(): void {
    try {
      Deno.removeSync(`${this.#folder}/${LOCK_FILE}`);
      // Folders with content stay.
      if (this.#isNew) Deno.removeSync(this.#folder);
    } catch {
      // Somebody else has removed it, or uses the folder.
    }
  }
}

/**
 * Locks the folder of a run.
 *
 * The lock file of a killed process is taken over, with a warning.
 *
 * @returns The lock; it ends with the process, or when disposed of.
 * @throws {Error} If another process holds it, whose id the message names, or the folder is not
 * writable.
 */
export async function lockRun(folder: string, options: ReadOptions = {}): Promise<RunLock> {
  const isNew = !(await exists(folder));
  return new RunLock(folder, isNew, await openLocked(folder, options));
}

async function openLocked(
  folder: string,
  { warn = console.warn }: ReadOptions = {},
): Promise<Deno.FsFile> {
  const path = `${folder}/${LOCK_FILE}`;
  while (true) {
    await ensureWritableFolder(folder);
    const file = await openOrCreate(path);
    // Another process has just removed its empty folder.
    if (file === null) continue;
    try {
      const holder = await readHolder(path);
      if (!(await lockBesideReaders(file, path, warn))) {
        throw new Error(
          `Cannot train in ${folder}: wanted it for one process, got ` +
            `${holder === "" ? "another" : holder}, which is training there`,
        );
      }
      // Another process may have removed the file before this one locked it.
      if (!(await isAt(file, path))) {
        file.close();
        continue;
      }
      if (holder !== "") warn(`Took over the lock on ${folder}: ${holder} no longer runs`);
      await naming("write", path, async () => {
        await file.truncate();
        await file.write(new TextEncoder().encode(`process ${Deno.pid}\n`));
      });
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

async function openOrCreate(path: string): Promise<Deno.FsFile | null> {
  try {
    if (await exists(path)) await checkIsFile(path);
    return await Deno.open(path, { read: true, write: true, create: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw fileError("lock", path, cause);
  }
}

async function readHolder(path: string): Promise<string> {
  // On Windows, locked files cannot be read.
  const text = await Deno.readTextFile(path).catch(() => "");
  return /^process \d+$/m.exec(text)?.[0] ?? "";
}

/**
 * Whether a process trains in the folder of a run.
 *
 * @example
 * ```ts
 * import { isTraining, lockRun } from "./run_lock.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await using _lock = await lockRun(folder);
 * if (!await isTraining(folder)) throw new Error("expected a lock");
 * ```
 */
export async function isTraining(folder: string): Promise<boolean> {
  try {
    await checkIsFile(`${folder}/${LOCK_FILE}`);
    using file = await Deno.open(`${folder}/${LOCK_FILE}`);
    return !(await file.tryLock(false));
  } catch {
    // There is no lock file, or the file system has no locks.
    return false;
  }
}

/**
 * Locks a file, unless a run has locked it. Processes that only check the lock share it for a
 * moment ({@linkcode isTraining}): if this one can share it as well, it tries again.
 */
async function lockBesideReaders(
  file: Deno.FsFile,
  path: string,
  warn: (line: string) => void,
): Promise<boolean> {
  while (true) {
    if (await tryLock(file, path, warn)) return true;
    if (!(await file.tryLock(false))) return false;
    await file.unlock();
    await new Promise((resolve) => setTimeout(resolve, 10 * Math.random()));
  }
}

async function tryLock(
  file: Deno.FsFile,
  path: string,
  warn: (line: string) => void,
): Promise<boolean> {
  try {
    return await file.tryLock(true);
  } catch (cause) {
    const { message } = fileError("lock", path, cause);
    warn(`${message}; make sure that no other process trains there`);
    return true;
  }
}

/** Whether an open file still has this path. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  const [opened, named] = await Promise.all([file.stat(), Deno.stat(path)]);
  return opened.ino === named.ino && opened.dev === named.dev;
}
