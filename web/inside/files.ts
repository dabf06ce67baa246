/// <reference lib="dom" />
/**
 * Where models come from: chosen or dropped files, a folder, or the site itself.
 *
 * @module
 */

import { loadScript } from "../engine/client.ts";
import type { ModelFiles } from "../engine/inside.ts";

/** Files by their names. */
export function filesOf(list: Iterable<File>): ModelFiles {
  return new Map(Array.from(list, (file) => [file.name, file]));
}

/** Reads the dropped files, including those in dropped folders. */
export async function droppedFiles({ items }: DataTransfer): Promise<ModelFiles> {
  // The list is empty after the event.
  const dropped = Array.from(items, (item) => [item.webkitGetAsEntry(), item.getAsFile()] as const);
  const files = await Promise.all(dropped.map(async ([entry, file]) => {
    if (entry?.isDirectory) return await filesIn(entry as FileSystemDirectoryEntry);
    return file === null ? [] : [file];
  }));
  return filesOf(files.flat());
}

async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  // A reader gives some at a time, and none when there are no more.
  const next = () =>
    new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  for (let some = await next(); some.length > 0; some = await next()) all.push(...some);
  return await Promise.all(
    all.filter((entry): entry is FileSystemFileEntry => entry.isFile)
      .map((entry) => new Promise<File>((resolve, reject) => entry.file(resolve, reject))),
  );
}

/** Files that are in the page itself, each in a block of data. */
const blocks = () => [...document.querySelectorAll<HTMLScriptElement>("script[data-file]")];

/** The addresses of the site's own model, if it was built with one. */
export function siteModel(): string[] {
  const names = blocks().map(({ dataset: { file } }) => file!);
  if (names.length > 0) return names;
  const meta = document.querySelector<HTMLMetaElement>("meta[name=model]");
  return meta === null ? [] : meta.content.split(" ");
}

/** Loads the site's model. @throws {Error} If a file is not there. */
export async function loadSiteModel(): Promise<ModelFiles> {
  const files = new Map<string, Blob>();
  for (const block of blocks()) files.set(block.dataset.file!, await fileInBlock(block));
  if (files.size > 0) return files;
  const load = location.protocol === "file:" ? fileInScript : fetchFile;
  for (const path of siteModel()) files.set(path.split("/").at(-1)!, await load(path));
  return files;
}

async function fetchFile(path: string): Promise<Blob> {
  const response = await fetch(path).catch(() => null);
  if (response?.ok) return await response.blob();
  throw new Error(`Cannot fetch the model: wanted ${path}, got ${response?.status ?? "none"}`);
}

/** The content of a block of data that is compressed. */
export async function fileInBlock({ textContent }: HTMLScriptElement): Promise<Blob> {
  const packed = new Blob([Uint8Array.fromBase64(textContent)]).stream();
  return await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).blob();
}

/** A file out of the script beside it: a page that was opened from a disk may fetch nothing. */
async function fileInScript(path: string): Promise<Blob> {
  await loadScript(`${path}.js`);
  const content: string = Reflect.get(globalThis, "nanodinoFile");
  return new Blob([Uint8Array.fromBase64(content)]);
}
