/** The interface of origins: places that files can be downloaded from. @module */

import { importGlobToRegExp } from "../deps.ts";
import type { DownloadOptions } from "../hub/download.ts";

/** A file that can be downloaded. */
export interface RemoteFile {
  /** The path below the folder of its address. */
  readonly path: string;
  /** Size in bytes; `null` if it is only known after the download. */
  readonly size: number | null;
  /**
   * The SHA-256 digest of its content, in hexadecimal; `null` if it is only known after the
   * download.
   */
  readonly sha256: string | null;
}

/** Where the files of an address come from: the hub, the registry of npm, a server. */
export interface Origin {
  /** The name: the repository, the package, the URL. */
  readonly name: string;
  /** Pins the files, so that later reads get the same: a commit, a version. */
  revision(): Promise<string>;
  /**
   * All files that match the address, ordered by path.
   *
   * @param folder Where they go; an origin that can only send them together stores them there.
   */
  files(revision: string, folder: string): Promise<readonly RemoteFile[]>;
  /** Downloads a file into its folder. @returns Its SHA-256 digest. */
  download(
    revision: string,
    file: RemoteFile,
    path: string,
    options: Pick<DownloadOptions, "onProgress" | "signal">,
  ): Promise<string>;
}

/** The files that a glob matches, sorted as in corpora: by path, in code-unit order. */
export async function matchingFiles<File extends { readonly path: string }>(
  files: readonly File[],
  glob: string,
): Promise<File[]> {
  const pattern = (await importGlobToRegExp())(glob, { extended: false });
  // Dotfiles describe a repository, and one of them is our own.
  return files.filter(({ path }) => pattern.test(path) && !/(^|\/)\./.test(path))
    .sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/** Whether a relative path stays inside its folder, on every operating system. */
export function isInside(path: string): boolean {
  return path.split("/").every((part) => !["", ".", ".."].includes(part)) && !/[\\\0:]/.test(path);
}
