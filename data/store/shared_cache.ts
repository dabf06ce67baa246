/**
 * The cache that other clients of the hub keep on this machine. It is read and never written to.
 *
 * Source: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 *
 * @module
 */

import { fileDigest } from "../hub/download.ts";
import type { RemoteFile } from "./origin.ts";

/** The files of one data set in the cache. */
export class SharedCache {
  /** The folder of the data set. */
  readonly folder: string;

  /** @param root The cache: `$HF_HUB_CACHE`, by default `~/.cache/huggingface/hub`. */
  constructor(root: string, repository: string) {
    this.folder = `${root}/datasets--${repository.replaceAll("/", "--")}`;
  }

  /**
   * The commit that a revision stood for when it was last fetched; `null` if it never was, or no
   * files of that commit are here.
   */
  async commit(revision: string): Promise<string | null> {
    const isCommit = (text: string) => /^[0-9a-f]{40}$/.test(text);
    const commit = isCommit(revision)
      ? revision
      : await Deno.readTextFile(`${this.folder}/refs/${revision}`).then(
        (text) => text.trim(),
        () => "",
      );
    return isCommit(commit) && await this.#has(commit) ? commit : null;
  }

  /** The files of a commit that are here; `null` if it has no folder. */
  async files(commit: string): Promise<RemoteFile[] | null> {
    if (!await this.#has(commit)) return null;
    return await this.#walk(`${this.folder}/snapshots/${commit}`, "");
  }

  /**
   * Copies a file out of the cache.
   *
   * @returns Its digest; `null` if it is not there, or another one than `file` says.
   */
  async copy(
    commit: string,
    { path, size, sha256 }: RemoteFile,
    place: string,
  ): Promise<string | null> {
    const found = `${this.folder}/snapshots/${commit}/${path}`;
    const info = await Deno.stat(found).catch(() => null);
    if (info === null || !info.isFile || (size !== null && info.size !== size)) return null;
    await Deno.mkdir(place.slice(0, place.lastIndexOf("/")), { recursive: true });
    const copied = `${place}.cached`;
    await Deno.copyFile(found, copied);
    const digest = await fileDigest(copied);
    if (sha256 !== null && digest !== sha256) {
      await Deno.remove(copied);
      return null;
    }
    await Deno.rename(copied, place);
    return digest;
  }

  async #has(commit: string): Promise<boolean> {
    return await Deno.stat(`${this.folder}/snapshots/${commit}`).then(
      ({ isDirectory }) => isDirectory,
      () => false,
    );
  }

  async #walk(folder: string, below: string): Promise<RemoteFile[]> {
    const files: RemoteFile[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      const path = below === "" ? name : `${below}/${name}`;
      const info = await Deno.stat(`${folder}/${name}`).catch(() => null);
      if (info?.isDirectory) files.push(...await this.#walk(`${folder}/${name}`, path));
      // A file is a link to a blob, whose name is the digest of the content if the file is large.
      if (info?.isFile) {
        const blob = (await Deno.realPath(`${folder}/${name}`)).split(/[/\\]/).at(-1)!;
        const sha256 = /^[0-9a-f]{64}$/.test(blob) ? blob : null;
        files.push({ path, size: info.size, sha256 });
      }
    }
    return files;
  }
}
