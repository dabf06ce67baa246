/**
 * Where a user's files lie, and writing them so that a crash or a full disk damages nothing.
 *
 * @module
 */

/**
 * The folder below which everything is read and written: `$NANODINO_HOME`, or `.cache/nanodino` in
 * the user's home.
 *
 * @param parts Names of folders and a file below it, to append.
 * @returns The path; nothing is created.
 * @throws {Error} If neither variable is set, or reading them is not allowed.
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
 * Makes sure that a folder exists and can be written to.
 *
 * Call it before a long run, so that the run does not fail when it wants to save.
 *
 * @param path The folder; its parents are created, too.
 * @throws {Error} If it cannot be created or written to; the message names the path and the cause.
 *
 * @example
 * ```ts
 * import { ensureWritableFolder } from "./files.ts";
 *
 * await ensureWritableFolder(await Deno.makeTempDir() + "/checkpoints/d4");
 * ```
 */
export async function ensureWritableFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    const probe = await Temporary.create(`${path}/probe`);
    await probe[Symbol.asyncDispose]();
  } catch (cause) {
    throw fileError("write to the folder", path, cause);
  }
}

/**
 * Writes a file whole or not at all.
 *
 * The content goes to a temporary file beside it and to the disk, and only then takes the name. So
 * whoever reads the file sees the old content or the new, whatever happens in between.
 *
 * @param path The file; its folder must exist.
 * @param content The bytes, or a text that is written as UTF-8.
 * @throws {Error} If it cannot be written, because the disk is full for instance; the message names
 * the path and the cause, and the temporary file is gone.
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
 * Writes several files that belong together: each whole or not at all, and none before all are on the
 * disk. The last one takes its name when the others have theirs, so whoever sees it has the others.
 * That holds after a loss of power, too, where the system can sync a folder.
 *
 * @param files The paths, whose folders must exist, and for each the bytes or a text.
 * @throws {Error} If one cannot be written; the message names the path and the cause, the temporary
 * files are gone and nothing has changed.
 *
 * @example
 * ```ts
 * import { writeFilesTogether } from "./files.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await writeFilesTogether([[`${folder}/data`, new Uint8Array(9)], [`${folder}/index`, "9"]]);
 * ```
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
 * Removes what processes that were killed while they wrote left in a folder. What a living process is
 * writing stays: it holds a lock.
 *
 * @param folder The folder; it need not exist.
 *
 * @example
 * ```ts
 * import { removeTemporaries } from "./files.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.${crypto.randomUUID()}.tmp`, "half a fi");
 * await removeTemporaries(folder);
 * if ((await Array.fromAsync(Deno.readDir(folder))).length > 0) throw new Error("expected none");
 * ```
 */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!/\.[0-9a-f-]{36}\.tmp$/.test(name)) continue;
    const path = `${folder}/${name}`;
    try {
      using file = await Deno.open(path, { write: true });
      if (await file.tryLock(true)) await Deno.remove(path);
    } catch {
      // Its process may have finished it just now; at worst it stays where it is.
    }
  }
}

/**
 * The names of what lies in a folder, sorted.
 *
 * @param folder The folder; one that does not exist is empty.
 * @throws {Error} If it cannot be read; the message names the path and the cause.
 *
 * @example
 * ```ts
 * import { namesIn } from "./files.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.txt`, "");
 * if ((await namesIn(folder)).join() !== "a.txt") throw new Error("expected one name");
 * ```
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
 * Finds a name for what shall make room for something new: `d4-1` for `d4`, `a-1.json` for `a.json`,
 * or the next number that is free.
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

/** Options for reading what a folder holds. */
export interface ReadOptions {
  /** Called with a line for what is not as it should be, but no error (default `console.warn`). */
  readonly warn?: (line: string) => void;
}

/**
 * What went wrong with a file, on one line and in words that say what to do.
 *
 * @param action What was attempted: "write", "read".
 * @param path The file or folder.
 * @param cause What the system reported.
 *
 * @example
 * ```ts
 * import { fileError } from "./files.ts";
 *
 * const error = fileError("read", "model.safetensors", new Deno.errors.NotFound("os error 2"));
 * const wanted = "Cannot read model.safetensors: there is no such file or folder";
 * if (error.message !== wanted) throw new Error(error.message);
 * ```
 */
export function fileError(action: string, path: string, cause: unknown): Error {
  return new Error(`Cannot ${action} ${path}: ${reasonOf(cause)}`, { cause });
}

function reasonOf(cause: unknown): string {
  const message = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;
  if (cause instanceof Deno.errors.NotCapable) return `Deno does not allow it: ${message}`;
  if (cause instanceof Deno.errors.PermissionDenied) return "the system gives no permission";
  if (cause instanceof Deno.errors.NotFound) return "there is no such file or folder";
  if (/os error (28|112)\b/.test(message)) return "the disk is full";
  return message;
}

/** A file that is being written beside the one whose place it takes. It is locked all the while. */
class Temporary implements AsyncDisposable {
  /** The name that it takes in the end. */
  readonly path: string;
  readonly #name: string;
  readonly #file: Deno.FsFile;
  #isRenamed = false;

  private constructor(path: string, name: string, file: Deno.FsFile) {
    this.path = path;
    this.#name = name;
    this.#file = file;
  }

  /** Creates an empty file under a name that no other process and no earlier attempt has. */
  static async create(path: string): Promise<Temporary> {
    while (true) {
      const name = `${path}.${crypto.randomUUID()}.tmp`;
      const file = await Deno.open(name, { write: true, createNew: true });
      // Where files cannot be locked, another process may take this one for left behind.
      await file.lock(true).catch(() => {});
      if (await exists(name)) return new Temporary(path, name, file);
      // It was taken for that between the two, before it was locked.
      file.close();
    }
  }

  /** Writes the content and waits until the disk has it. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#file.write(bytes.subarray(written));
    }
    await this.#file.sync();
  }

  /** Gives it its name. */
  async rename(): Promise<void> {
    await Deno.rename(this.#name, this.path);
    this.#isRenamed = true;
    this.#file.close();
  }

  /** Removes it unless it has its name. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isRenamed) return;
    await Deno.remove(this.#name).catch(() => {});
    this.#file.close();
  }
}

/** Waits until the disk knows the names of files. */
async function syncFolders(files: readonly (readonly [path: string, unknown])[]): Promise<void> {
  const folders = new Set(files.map(([path]) => path.slice(0, path.lastIndexOf("/") + 1) || "."));
  for (const folder of folders) {
    try {
      using opened = await Deno.open(folder);
      await opened.sync();
    } catch {
      // Windows, and some file systems, sync no folders.
    }
  }
}

/** Whether a file, a folder or a link has this name. */
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

/** A variable of the environment; an empty one counts as not set. */
function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (cause) {
    throw fileError("read the environment variable", name, cause);
  }
}
