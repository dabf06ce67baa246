/**
 * The site as it is built from the files of now. Its parts are kept between test files: to build them
 * takes seconds of processor time, and there are many test files.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { sourceFiles } from "../../testing/source_files.ts";
import { type BuildOptions, buildParts, type Site, siteOf, type SiteParts } from "../build.tsx";

const root = new URL("../../", import.meta.url);

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex().slice(0, 32);
}

/** Changes when any file changes that a site may be made of. */
async function stateOfSources(): Promise<string> {
  const paths = ["deno.lock", "assets/share.png"];
  for (const folder of ["web/", "web/words/", "web/lesson/", "web/chat/", "web/inside/"]) {
    for await (const { name } of Deno.readDir(new URL(folder, root))) {
      if (/\.(css|md)$/.test(name)) paths.push(folder + name);
    }
  }
  for await (const path of sourceFiles()) paths.push(path);
  const states = await Promise.all(
    paths.sort().map(async (path) => {
      // A file may go while the others are read.
      const file = await Deno.stat(new URL(path, root)).catch(() => null);
      return [path, file?.size, file?.mtime?.getTime()];
    }),
  );
  return await digestOf(JSON.stringify([Deno.version.deno, states]));
}

/** The kept parts: all but the files in a line, with the lengths of the files, then their bytes. */
async function readKept(path: string, state: string): Promise<SiteParts | null> {
  const bytes = await Deno.readFile(path).catch(() => null);
  const end = bytes?.indexOf(0x0a) ?? -1;
  if (bytes === null || end < 0) return null;
  const { lengths, ...head } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  if (head.state !== state) return null;
  let at = end + 1;
  const files = (lengths as [string, number][]).map((
    [name, length],
  ) => [name, bytes.slice(at, at += length)] as const);
  return { ...head, files: new Map(files) };
}

async function readParts(): Promise<SiteParts> {
  const state = await stateOfSources();
  const path = `${tmpdir()}/nanodino-site-${await digestOf(root.href)}`;
  const kept = await readKept(path, state);
  if (kept !== null) return kept;
  const { files, ...parts } = await buildParts();
  const lengths = Array.from(files, ([name, { length }]) => [name, length]);
  const head = JSON.stringify({ ...parts, state, lengths });
  const own = await Deno.makeTempFile();
  await Deno.writeFile(own, new Blob([`${head}\n`, ...files.values()]).stream());
  // Whole or not at all, since tests run side by side.
  await Deno.rename(own, path);
  return { ...parts, files };
}

let parts: Promise<SiteParts> | null = null;

/** The site, without a model unless there is one in the options. */
export async function builtSite(options: BuildOptions = {}): Promise<Site> {
  return await siteOf(await (parts ??= readParts()), options);
}
