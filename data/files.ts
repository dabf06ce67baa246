/** Finding and reading files. @module */

import { importGlobToRegExp } from "./deps.ts";

export interface FoundFile {
  /** The path to open it by. */
  path: string;
  /** The path relative to the searched folder, with `/` separators on every system. */
  name: string;
  /** Size in bytes when it was found. */
  bytes: number;
}

/**
 * Finds files with the given extensions, sorted by name in code-unit order, which is the same on
 * every machine. Skips dotfiles, and does not follow links to folders.
 *
 * @param place A file, a folder (searched recursively), or a glob with `*`, `**`, `?`, `[abc]`,
 * `{a,b}`.
 * @param extensions The extensions, such as `[".txt", ".md"]`.
 * @param named The extensions that an error message names.
 * @throws {Error} If the place does not exist, cannot be read, or has no such file.
 */
export async function findFiles(
  place: string,
  extensions: readonly string[],
  named: readonly string[] = extensions,
): Promise<FoundFile[]> {
  const given = Deno.build.os === "windows" ? place.replaceAll("\\", "/") : place;
  const found = await search(given);
  if (found === undefined) {
    throw new Error(
      `Cannot read the corpus "${place}": wanted a file, a folder or a glob with matches, got nothing there`,
    );
  }
  found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const fitting = found.filter(({ name }) =>
    extensions.some((extension) => name.endsWith(extension))
  );
  if (fitting.length === 0) {
    const names = found.slice(0, 3).map(({ name }) => name);
    const others = `${found.length} other${found.length === 1 ? "" : "s"} (${names.join(", ")})`;
    throw new Error(
      `Cannot read the corpus "${place}": wanted files ending in ${named.join(", ")}, ` +
        `got ${found.length === 0 ? "no files" : others}`,
    );
  }
  return fitting;
}

async function search(place: string): Promise<FoundFile[] | undefined> {
  const info = await inform(place);
  if (info?.isDirectory) return await walk(place.replace(/(?<=.)\/+$/, ""), "", Infinity, []);
  if (info !== undefined) {
    return [{ path: place, name: place.slice(place.lastIndexOf("/") + 1), bytes: info.size }];
  }
  const magic = place.search(/[*?[{]/);
  if (magic < 0) return undefined;
  const cut = place.lastIndexOf("/", magic);
  const folder = cut < 0 ? "." : cut === 0 ? "/" : place.slice(0, cut);
  if (!(await inform(folder))?.isDirectory) return undefined;
  const glob = place.slice(cut + 1);
  const globToRegExp = await importGlobToRegExp();
  // Parentheses are common in the names of files, so they do not group as in ksh.
  const pattern = globToRegExp(glob, { extended: false });
  // Do not open folders deeper than the glob can match.
  const depth = glob.includes("**") ? Infinity : glob.split("/").length;
  const matches = (await walk(folder, "", depth, [])).filter(({ name }) => pattern.test(name));
  return matches.length > 0 ? matches : undefined;
}

async function inform(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unreadable(path, error);
  }
}

async function walk(
  folder: string,
  below: string,
  depth: number,
  found: FoundFile[],
): Promise<FoundFile[]> {
  const here = below === "" ? folder : `${folder}/${below}`;
  for (const entry of await list(here)) {
    if (entry.name.startsWith(".")) continue;
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory) {
      if (depth > 1) await walk(folder, name, depth - 1, found);
      continue;
    }
    const path = `${folder === "/" ? "" : folder}/${name}`;
    const info = await inform(path);
    if (info?.isFile) found.push({ path, name, bytes: info.size });
  }
  return found;
}

async function list(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    throw unreadable(folder, error);
  }
}

/**
 * Reads the bytes `[start, end)` of a file.
 *
 * @throws {Error} If the file cannot be read or is too short.
 */
export async function readBytes(
  path: string,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  try {
    using file = await Deno.open(path);
    await file.seek(start, Deno.SeekMode.Start);
    while (filled < bytes.length) {
      const count = await file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
  if (filled < bytes.length) {
    throw new Error(
      `Cannot read "${path}": wanted ${
        end - start
      } bytes at ${start}, got ${filled}; has the file changed?`,
    );
  }
  return bytes;
}

function unreadable(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot read "${path}": wanted a readable file or folder, got "${reason}"`, {
    cause,
  });
}
