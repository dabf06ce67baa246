/** Finding the files of a corpus, and unpacking compressed ones once. @module */

import { findFiles, type FoundFile } from "../files.ts";
import { fingerprint } from "../source.ts";
import { lockFile } from "../store/lock.ts";
import { COMPRESSED_EXTENSIONS, decompress, isCompressed } from "./streams.ts";
import { openZip } from "./zip.ts";

export const ZIP_EXTENSION = ".zip";

/** Extensions of files that are worth compressing; a parquet file is compressed inside. */
const TEXTS = /\.(txt|md|jsonl)$/;

/** The files of a zip file that are unpacked. */
const WANTED = /\.(txt|md|jsonl|parquet)$/;

/** Folders and files that end up in zip files by accident. */
const HIDDEN = /(^|\/)(\.|__MACOSX)/;

/**
 * Finds files as {@linkcode findFiles} does, and unpacks those that end with `.gz`, `.zst` or `.zip`.
 *
 * @param unpackInto A folder for the unpacked files, which are kept and reused.
 * @throws {Error} If there are no such files, or one is compressed and there is no folder for it.
 */
export async function findUnpacked(
  place: string,
  extensions: readonly string[],
  unpackInto: string | undefined,
): Promise<FoundFile[]> {
  const texts = extensions.filter((extension) => TEXTS.test(extension));
  const compressed = texts.flatMap((extension) =>
    COMPRESSED_EXTENSIONS.map((ending) => extension + ending)
  );
  const files = await findFiles(place, [...extensions, ...compressed, ZIP_EXTENSION], extensions);
  const found: FoundFile[] = [];
  for (const file of files) {
    if (!isCompressed(file.name) && !file.name.endsWith(ZIP_EXTENSION)) found.push(file);
    else found.push(...await unpackOnce(file, extensions, unpackInto));
  }
  if (found.length > 0) return found;
  throw new Error(
    `Cannot read the corpus "${place}": wanted files ending in ${extensions.join(", ")}, got ` +
      "zip files without any",
  );
}

/** Unpacks a compressed file into a folder named after its path, size and time. */
async function unpackOnce(
  file: FoundFile,
  extensions: readonly string[],
  unpackInto: string | undefined,
): Promise<FoundFile[]> {
  if (unpackInto === undefined) {
    throw new Error(`Cannot read "${file.path}": wanted a folder to unpack it into, got none`);
  }
  const { mtime } = await Deno.stat(file.path);
  const key = await fingerprint([await Deno.realPath(file.path), file.bytes, mtime]);
  const folder = `${unpackInto}/${key}`;
  if (!await isThere(folder)) {
    try {
      await Deno.mkdir(unpackInto, { recursive: true });
      await unpackLocked(file, folder);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      // Some errors name the file already.
      if (reason.startsWith(`Cannot read ${file.path}: `)) throw cause;
      throw new Error(`Cannot unpack "${file.path}": ${reason}`, { cause });
    }
  }
  const isAlone = !file.name.endsWith(ZIP_EXTENSION);
  const below = isAlone ? file.name.slice(0, file.name.lastIndexOf("/") + 1) : `${file.name}/`;
  const found: FoundFile[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!extensions.some((extension) => name.endsWith(extension))) continue;
    const path = `${folder}/${name}`;
    found.push({ path, name: below + name, bytes: (await Deno.stat(path)).size });
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Unpacks a file, unless another process does. */
async function unpackLocked(file: FoundFile, folder: string): Promise<void> {
  const lock = `${folder}.lock`;
  using _lock = await lockFile(lock);
  try {
    // Otherwise the process that held the lock has unpacked it.
    if (!await isThere(folder)) await unpackWhole(file, folder);
  } finally {
    await Deno.remove(lock);
  }
}

/** Unpacks a file into a folder that appears when it is whole. Its lock is held. */
async function unpackWhole(file: FoundFile, folder: string): Promise<void> {
  const arriving = `${folder}.part`;
  // A process that was killed may have left it.
  await removeFolder(arriving);
  await Deno.mkdir(arriving);
  try {
    await unpack(file, arriving);
    await Deno.rename(arriving, folder);
  } catch (error) {
    await removeFolder(arriving);
    throw error;
  }
}

async function unpack(file: FoundFile, folder: string): Promise<void> {
  if (file.name.endsWith(ZIP_EXTENSION)) return await unpackZip(file.path, folder);
  const name = file.name.slice(file.name.lastIndexOf("/") + 1, file.name.lastIndexOf("."));
  const source = await Deno.open(file.path);
  const chunks = decompress(file.name, source.readable, file.bytes);
  await Deno.writeFile(`${folder}/${name}`, ReadableStream.from(chunks));
}

/** Unpacks the files of a zip file under numbered names, which are valid on every system. */
async function unpackZip(path: string, folder: string): Promise<void> {
  const zip = await openZip(path);
  const outside = zip.paths.find((name) => /^\/|^\w:|(^|[/\\])\.\.([/\\]|$)/.test(name));
  if (outside !== undefined) {
    throw new RangeError(`wanted files inside of its folder, got "${outside}"`);
  }
  const wanted = zip.paths.filter((name) => WANTED.test(name) && !HIDDEN.test(name)).sort();
  for (const [i, name] of wanted.entries()) {
    const ending = name.slice(name.lastIndexOf("."));
    await Deno.writeFile(`${folder}/${`${i}`.padStart(6, "0")}${ending}`, zip.read(name));
  }
}

async function removeFolder(path: string): Promise<void> {
  if (await isThere(path)) await Deno.remove(path, { recursive: true });
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
