/**
 * One process for each run: a lock on its folder, which the system releases when the process ends.
 *
 * @module
 */

import { ensureWritableFolder, exists, fileError, freeName, type ReadOptions } from "./files.ts";

/** The file in a run's folder that is locked, and names the process. */
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
  /** Whether the folder was made for the run, and is removed if nothing comes into it. */
  readonly #isNew: boolean;
  #file: Deno.FsFile;

  /** Use {@linkcode lockRun}. */
  constructor(folder: string, isNew: boolean, file: Deno.FsFile) {
    this.#folder = folder;
    this.#isNew = isNew;
    this.#file = file;
  }

  /**
   * Gives the folder another name, and locks an empty one in its place.
   *
   * @returns The new name: `d4-1` for `d4`, or the next number that is free.
   * @throws {Error} If it cannot be renamed, or another process takes its place first.
   */
  async setAside(): Promise<string> {
    const aside = await freeName(this.#folder);
    try {
      await Deno.rename(this.#folder, aside);
    } catch (cause) {
      throw fileError("rename", this.#folder, cause);
    }
    const former = this.#file;
    this.#file = await openLocked(this.#folder);
    await Deno.remove(`${aside}/${LOCK_FILE}`).catch(() => {});
    former.close();
    return aside;
  }

  /** Releases the lock. */
  async [Symbol.asyncDispose](): Promise<void> {
    const path = `${this.#folder}/${LOCK_FILE}`;
    if (await isAt(this.#file, path)) await Deno.remove(path).catch(() => {});
    this.#file.close();
    // A folder with something in it is not removed.
    if (this.#isNew) await Deno.remove(this.#folder).catch(() => {});
  }
}

/**
 * Locks the folder of a run, so that no other process trains in it.
 *
 * A process that was killed leaves its lock file behind, but not the lock: it is taken over, with a
 * line that says so.
 *
 * @param folder The folder of the run; it is created.
 * @returns The lock. It ends with the process, or when it is disposed of.
 * @throws {Error} If another process has it, whose id the message tells, or the folder cannot be
 * written to.
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
    // Another process has just removed the folder, since nothing came into it.
    if (file === null) continue;
    try {
      const holder = await readHolder(path);
      if (!(await tryLock(file, path, warn))) {
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
      await writeHolder(file, path);
      return file;
    } catch (error) {
      file.close();
      throw error;
    }
  }
}

async function openOrCreate(path: string): Promise<Deno.FsFile | null> {
  try {
    return await Deno.open(path, { read: true, write: true, create: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw fileError("lock", path, cause);
  }
}

/** What the process that has or had the lock wrote into its file. */
async function readHolder(path: string): Promise<string> {
  // On Windows a locked file cannot be read.
  const text = await Deno.readTextFile(path).catch(() => "");
  return /^process \d+$/m.exec(text)?.[0] ?? "";
}

async function writeHolder(file: Deno.FsFile, path: string): Promise<void> {
  try {
    await file.truncate();
    await file.write(new TextEncoder().encode(`process ${Deno.pid}\n`));
  } catch (cause) {
    throw fileError("write", path, cause);
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

/** Whether an open file still has its name. */
async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  if (!(await exists(path))) return false;
  const [opened, named] = await Promise.all([file.stat(), Deno.stat(path)]);
  return opened.ino === named.ino && opened.dev === named.dev;
}
