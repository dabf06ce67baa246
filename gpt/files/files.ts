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
  const probe = temporaryName(`${path}/probe`);
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.writeFile(probe, new Uint8Array());
    await Deno.remove(probe);
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
 * disk. They take their names in the order given, so whoever sees the last one has the others.
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
  const written = files.map(([path, content]) => ({
    path,
    temporary: temporaryName(path),
    bytes: typeof content === "string" ? new TextEncoder().encode(content) : content,
  }));
  let current = "";
  try {
    for (const { path, temporary, bytes } of written) {
      current = path;
      await writeThrough(temporary, bytes);
    }
    for (const { path, temporary } of written) {
      current = path;
      await Deno.rename(temporary, path);
    }
  } catch (cause) {
    for (const { temporary } of written) {
      await Deno.remove(temporary).catch(() => {}); // it may never have come into being
    }
    throw fileError("write", current, cause);
  }
}

/**
 * Removes what processes that were killed while they wrote left in a folder. Call it when nothing else
 * writes there.
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
    if (/\.[0-9a-f-]{36}\.tmp$/.test(name)) {
      await Deno.remove(`${folder}/${name}`).catch(() => {}); // at worst it stays where it is
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

/** Writes a file and waits until the disk has it. */
async function writeThrough(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
}

/** A name beside `path` that no other process and no earlier attempt has. */
function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID()}.tmp`;
}

/** A variable of the environment; an empty one counts as not set. */
function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch (cause) {
    throw fileError("read the environment variable", name, cause);
  }
}
