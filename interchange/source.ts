/**
 * Sources of a file's bytes: a path, a `File` of a web page, or memory.
 *
 * Readers of large files read only the parts that they need.
 *
 * @module
 */

import { describeValue } from "../tensor/checks.ts";
import { SyntaxError, wrongType } from "../tensor/errors.ts";

/** A file to read from. */
export interface Source {
  /** The name, for messages. */
  readonly name: string;
  /** The size in bytes. */
  readonly size: number;
  /**
   * Reads a part of it.
   *
   * @throws {SyntaxError} If the file ends before.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Files in one folder, which may name each other. */
export interface Folder {
  /** The name, for messages. */
  readonly name: string;
  /** The names of its files, sorted. */
  list(): Promise<string[]>;
  /** A file of the folder, or `null` if there is none of that name. */
  open(name: string): Promise<Source | null>;
}

/**
 * An error that names the file, in one line: `Cannot read FILE: wanted …, got …`. Line breaks and
 * other controls come from names in a damaged file.
 */
export function malformed(file: string, wanted: string, got: string, cause?: unknown): SyntaxError {
  const options = cause === undefined ? undefined : { cause };
  const message = `Cannot read ${file}: wanted ${wanted}, got ${got}`;
  return new SyntaxError(message.replace(/[\p{Cc}\u2028\u2029]+/gu, "�"), options);
}

/** Checks that a file to read is a source, not its path. @throws {TypeError} If it is not. */
export function checkSource(source: Source): void {
  if (typeof source === "object" && typeof source?.read === "function") return;
  const wanted = "a source, as in await pathSource(path)";
  throw wrongType("read the file", wanted, describeValue(source));
}

/** Throws if a part is not in a file. */
function checkPart({ name, size }: Pick<Source, "name" | "size">, offset: number, length: number) {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw malformed(name, `${length} bytes at ${offset}`, `a file of ${size} bytes`);
}

/** Bytes in memory as a file. */
export function bytesSource(bytes: Uint8Array<ArrayBuffer>, name: string): Source {
  const source = { name, size: bytes.length };
  return {
    ...source,
    read(offset, length) {
      checkPart(source, offset, length);
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
}

/** A `Blob`, such as a `File` that the user of a web page chose. */
export function blobSource(blob: Blob, name: string): Source {
  const source = { name, size: blob.size };
  return {
    ...source,
    async read(offset, length) {
      checkPart(source, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
  };
}

/**
 * A file on disk, opened for each part that is read.
 *
 * @throws {Deno.errors.NotFound} If it does not exist.
 */
export async function pathSource(path: string): Promise<Source> {
  const { size } = await Deno.stat(path);
  const source = { name: path, size };
  return {
    ...source,
    async read(offset, length) {
      checkPart(source, offset, length);
      using file = await Deno.open(path);
      await file.seek(offset, Deno.SeekMode.Start);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const read = await file.read(bytes.subarray(filled));
        if (read === null) {
          throw malformed(path, `${length} bytes at ${offset}`, "the end of the file");
        }
        filled += read;
      }
      return bytes;
    },
  };
}

/** Whether a name is a plain file name, which cannot lead out of its folder. */
function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}

/** A folder on disk. Links to files are followed, since caches of downloads are made of them. */
export function pathFolder(path: string): Folder {
  return {
    name: path,
    async list() {
      const names: string[] = [];
      for await (const { name, isDirectory } of Deno.readDir(path)) {
        if (!isDirectory) names.push(name);
      }
      return names.sort();
    },
    async open(name) {
      if (!isPlainName(name)) {
        throw malformed(path, "the name of a file in it", JSON.stringify(name));
      }
      try {
        return await pathSource(`${path}/${name}`);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return null;
        throw error;
      }
    },
  };
}

/** Files that the user of a page chose, as a folder. */
export function filesFolder(files: readonly File[], name = "the chosen files"): Folder {
  return {
    name,
    list: () => Promise.resolve(files.map((file) => file.name).sort()),
    open(wanted) {
      const file = files.find((file) => file.name === wanted);
      return Promise.resolve(file === undefined ? null : blobSource(file, wanted));
    },
  };
}
