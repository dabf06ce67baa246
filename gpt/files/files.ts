/** User files: locations, and writes that survive crashes and full disks. @module */

/**
 * The base folder of all files: `$NANODINO_HOME`, or `.cache/nanodino` in the home directory.
 *
 * @param parts Path components to append; nothing is created.
 * @throws {Error} If neither variable is set, or reading them is not permitted.
 *
 * @example
 * ```ts
 * import { basePath } from "./files.ts";
 *
 * const path = basePath("checkpoints", "d4");
 * if (!path.endsWith("/checkpoints/d4")) throw new Error(`got ${path}`);
 * ```
 */
export function basePath(...parts: string[]): string {
  const chosen = environment("NANODINO_HOME");
  if (chosen !== undefined) return [chosen, ...parts].join("/");
  const home = environment("HOME") ?? environment("USERPROFILE");
  if (home === undefined) {
    throw new Error(
      "Cannot find a folder for nanodino's files: wanted NANODINO_HOME or HOME to be set, " +
        "got neither",
    );
  }
  return [home, ".cache", "nanodino", ...parts].join("/");
}

/**
 * Creates a folder and its parents, and checks that it is writable: before a long run, which would
 * otherwise fail when it saves.
 *
 * @throws {Error} If that fails; the message names the path and the cause.
 */
export async function ensureWritableFolder(path: string): Promise<void> {
  await naming("write to the folder", path, async () => {
    await Deno.mkdir(path, { recursive: true });
    const probe = await Temporary.create(`${path}/probe`);
    await probe[Symbol.asyncDispose]();
  });
}

/**
 * Creates the folder of a run as {@linkcode ensureWritableFolder} does, and removes temporary files
 * left by processes that were killed while saving.
 *
 * @throws {Error} If it cannot be written; the message names the path and the cause.
 */
export async function ensureRunFolder(path: string): Promise<void> {
  await ensureWritableFolder(path);
  await removeTemporaries(path);
}

/**
 * Writes a file atomically: via a synced temporary file, which is then renamed. Readers see the old
 * or the new content.
 *
 * @param path The file; its folder must exist.
 * @throws {Error} If writing fails, for example because the disk is full; the message names the
 * path and the cause, and the temporary file is removed.
 *
 * @example
 * ```ts
 * import { writeFileAtomically } from "./files.ts";
 *
 * const path = await Deno.makeTempDir() + "/state.json";
 * await writeFileAtomically(path, '{"step":20}');
 * if (await Deno.readTextFile(path) !== '{"step":20}') throw new Error("expected the text back");
 * ```
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  await writeFilesTogether([[path, content]]);
}

/**
 * Writes several files atomically. None is renamed before all are synced, and the last one is
 * renamed last, so it implies the others; also after a power failure, if the system can sync
 * folders.
 *
 * @param files Paths in existing folders, each with bytes or text.
 * @throws {Error} If one cannot be written; the message names the path and the cause, and nothing
 * has changed.
 */
export async function writeFilesTogether(
  files: readonly (readonly [path: string, content: Uint8Array | string])[],
): Promise<void> {
  const written: Temporary[] = [];
  let current = "";
  try {
    for (const [path, content] of files) {
      current = path;
      const temporary = await Temporary.create(path);
      written.push(temporary);
      await temporary.write(
        typeof content === "string" ? new TextEncoder().encode(content) : content,
      );
    }
    for (const [i, temporary] of written.entries()) {
      current = temporary.path;
      if (i > 0 && i === written.length - 1) await syncFolders(files.slice(0, -1));
      await temporary.rename();
    }
    await syncFolders(files.slice(-1));
  } catch (cause) {
    throw fileError("write", current, cause);
  } finally {
    for (const temporary of written) await temporary[Symbol.asyncDispose]();
  }
}

/**
 * Removes temporary files of killed processes from a folder, if it exists. Files that a living
 * process is writing are locked and stay.
 */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!/\.[0-9a-f-]{36}\.tmp$/.test(name)) continue;
    const path = `${folder}/${name}`;
    try {
      using file = await Deno.open(path, { write: true });
      if (await file.tryLock(true)) await Deno.remove(path);
    } catch {
      // It may just have been renamed; at worst it stays.
    }
  }
}

/**
 * The sorted names in a folder; none if it is missing.
 *
 * @throws {Error} If it cannot be read; the message names the path and the cause.
 */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    throw fileError("read the folder", folder, cause);
  }
}

/**
 * Finds a free name for something that is set aside: `d4-1` for `d4`, `a-1.json` for `a.json`, or
 * the next free number.
 *
 * @example
 * ```ts
 * import { freeName } from "./files.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a-1.json`, "");
 * if (await freeName(`${folder}/a.json`) !== `${folder}/a-2.json`) throw new Error("expected 2");
 * ```
 */
export async function freeName(path: string): Promise<string> {
  const [, stem, extension] = /^(.*?)(\.[a-z]+)?$/s.exec(path)!;
  for (let number = 1;; number++) {
    const name = `${stem}-${number}${extension ?? ""}`;
    if (!(await exists(name))) return name;
  }
}

/** Options for reading folders. */
export interface ReadOptions {
  /** Receives warnings. @default {console.warn} */
  readonly warn?: (line: string) => void;
}

/** Reads a text file; `null` if it is missing. @throws {Error} If it cannot be read. */
export async function readTextFile(path: string): Promise<string | null> {
  try {
    await checkIsFile(path);
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw fileError("read", path, cause);
  }
}

/** Refuses files whose reading may never end: pipes and devices. */
export async function checkIsFile(path: string): Promise<void> {
  const { isFile, isDirectory, isFifo } = await Deno.stat(path);
  if (isFile) return;
  const got = isDirectory ? "a folder" : isFifo ? "a pipe" : "a device";
  throw new TypeError(`wanted a file, got ${got}`);
}

/** Calls a function that uses a file, and turns its errors into those of {@linkcode fileError}. */
export async function naming<Result>(
  action: string,
  path: string,
  run: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await run();
  } catch (cause) {
    throw fileError(action, path, cause);
  }
}

/**
 * Makes a one-line error for a file, which says what to do; `action` is a verb such as "write" or
 * "read".
 */
export function fileError(action: string, path: string, cause: unknown): Error {
  return new Error(`Cannot ${action} ${path}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: unknown): string {
  const message = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;
  if (cause instanceof Deno.errors.NotCapable) return `Deno does not allow it: ${message}`;
  if (cause instanceof Deno.errors.PermissionDenied) return "the system gives no permission";
  if (cause instanceof Deno.errors.NotFound) return "there is no such file or folder";
  if (cause instanceof Deno.errors.NotADirectory) return "a file lies in the place of a folder";
  if (/os error (28|112)\b/.test(message)) return "the disk is full";
  return message;
}

/** A locked temporary file, to be renamed into place. */
class Temporary implements AsyncDisposable {
  readonly path: string;
  readonly #name: string;
  readonly #file: Deno.FsFile;
  #isRenamed = false;

  private constructor(path: string, name: string, file: Deno.FsFile) {
    this.path = path;
    this.#name = name;
    this.#file = file;
  }

  static async create(path: string): Promise<Temporary> {
    while (true) {
      const name = `${path}.${crypto.randomUUID()}.tmp`;
      const file = await Deno.open(name, { write: true, createNew: true });
      // Without file locks, another process may consider the file abandoned.
      await file.lock(true).catch(() => {});
      if (await exists(name)) return new Temporary(path, name, file);
      // It was removed before it was locked.
      file.close();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#file.write(bytes.subarray(written));
    }
    await this.#file.sync();
  }

  async rename(): Promise<void> {
    await Deno.rename(this.#name, this.path);
    this.#isRenamed = true;
    this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isRenamed) return;
    await Deno.remove(this.#name).catch(() => {});
    this.#file.close();
  }
}

/** Syncs the folders of files, so that renames survive a power failure. */
async function syncFolders(files: readonly (readonly [path: string, unknown])[]): Promise<void> {
  const folders = new Set(files.map(([path]) => path.slice(0, path.lastIndexOf("/") + 1) || "."));
  for (const folder of folders) {
    try {
      using opened = await Deno.open(folder);
      await opened.sync();
    } catch {
      // Windows and some file systems cannot sync folders.
    }
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (cause) {
    const { NotADirectory, NotFound } = Deno.errors;
    if (cause instanceof NotFound || cause instanceof NotADirectory) return false;
    throw fileError("read", path, cause);
  }
}

/** An environment variable; an empty one counts as unset. */
function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (cause) {
    throw fileError("read the environment variable", name, cause);
  }
}
