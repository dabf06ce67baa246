/** The interface of everything that has the files of an address. @module */

import { importGlobToRegExp } from "../deps.ts";
import type { DownloadOptions } from "../hub/download.ts";

/** A file that can be had. */
export interface RemoteFile {
  /** The path below the folder of its address. */
  readonly path: string;
  /** Size in bytes; `null` if it is known only when the file is here. */
  readonly size: number | null;
  /** The SHA-256 digest of its content, in hexadecimal; `null` if it is known only then. */
  readonly sha256: string | null;
}

/** Where the files of an address come from: the hub, the registry of npm, a server. */
export interface Origin {
  /** The name: the repository, the package, the URL. */
  readonly name: string;
  /** Pins the files, so that later reads get the same: a commit, a version. */
  revision(): Promise<string>;
  /**
   * All files that fit the address, in the order of their paths.
   *
   * @param folder Where they go: an origin that can only send all at once puts them there.
   */
  files(revision: string, folder: string): Promise<readonly RemoteFile[]>;
  /** Puts a file in its place. @returns Its SHA-256 digest. */
  download(
    revision: string,
    file: RemoteFile,
    path: string,
    options: Pick<DownloadOptions, "onProgress" | "signal">,
  ): Promise<string>;
}

/** Those of some files that a glob matches, sorted as corpora are: by path, in code units. */
export async function matchingFiles<File extends { readonly path: string }>(
  files: readonly File[],
  glob: string,
): Promise<File[]> {
  const pattern = (await importGlobToRegExp())(glob, { extended: false });
  // Dotfiles describe a repository; and one of them is ours.
  return files.filter(({ path }) => pattern.test(path) && !/(^|\/)\./.test(path))
    .sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/** Whether a path stays inside of the folder that it is relative to, on every system. */
export function isInside(path: string): boolean {
  return path.split("/").every((part) => !["", ".", ".."].includes(part)) && !/[\\\0:]/.test(path);
}
