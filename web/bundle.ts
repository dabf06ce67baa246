/** Reading and bundling the files of a page. @module */

import { MARK } from "./parts/mark.tsx";
import { language } from "./words/language.ts";

/**
 * Reads a file of the repository, which may be at a URL.
 *
 * @throws {Error} If it is not there.
 */
export async function readText(url: URL): Promise<string> {
  return new TextDecoder().decode(await readBytes(url));
}

/** Reads a file of any content, as {@linkcode readText} does. */
export async function readBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (response.ok) return await response.bytes();
  throw new Error(`Cannot build the pages: wanted ${url}, got status ${response.status}`);
}

/** The style sheet of a page: the rules of all pages, and its own. */
export async function styleSheet(...own: readonly URL[]): Promise<string> {
  const base = new URL("./base.css", import.meta.url);
  return (await Promise.all([base, ...own].map(readText))).join("\n");
}

/** The mark, for the tab of a page. */
export const pageIcon: string = `data:image/svg+xml,${
  encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><path fill="#2f9e69" d="${MARK}"/></svg>`,
  )
}`;

/** The tag of a style sheet. */
export const styleLink = (address: string): string => `<link rel="stylesheet" href="${address}">`;

/** A page as text: what is in its head, with the tag of its styles, and its body. */
export function htmlDocument(title: string, tags: string, style: string, body: string): string {
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1,interactive-widget=resizes-content">${tags}
<title>${title}</title>
<link rel="icon" href="${pageIcon}">
${style}</head>
<body>${body}</body></html>
`;
}

/** Files of the engine that no page needs: libraries of the system, which foreign functions open. */
const SYSTEM_FILES = ["libraries.ts", "blas_binding.ts", "onednn_binding.ts"];

/**
 * Bundles a worker that computes, as the text of a function: the page makes a worker of it.
 *
 * @throws {Error} If it cannot be bundled.
 */
export async function bundleEngine(entry: URL): Promise<string> {
  return `function(){const require=()=>({});${await bundle(entry, SYSTEM_FILES)}}`;
}

/**
 * Bundles a script and what it imports as a classic script. Needs `--unstable-bundle`.
 *
 * @param entry Its address.
 * @param given The names of files that it gets from a script before it, by a global `require`.
 * @throws {Error} If it cannot be bundled.
 */
export async function bundle(entry: URL, given: readonly string[] = []): Promise<string> {
  const { success, errors, outputFiles } = await Deno.bundle({
    entrypoints: [entry.href],
    platform: "browser",
    format: "iife",
    minify: true,
    external: given.map((name) => `*/${name}`),
    write: false,
  });
  const code = outputFiles?.[0]?.text();
  if (success && code !== undefined) return code;
  const name = entry.pathname.split("/").at(-1);
  throw new Error(`Cannot build the pages: wanted a bundle of ${name}, got ${errors[0]?.text}`);
}
