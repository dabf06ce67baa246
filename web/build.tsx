/** @jsxRuntime automatic */
/** @jsxImportSource npm:preact@11.2.0 */

/**
 * Builds the pages: a folder of static files that any host can serve, or that opens from a disk.
 *
 * The pages are rendered here, with their numbers, code and formulas, so that they can be read without
 * JavaScript. Their scripts are classic ones, since a page that was opened from a file may load no
 * modules.
 *
 * @module
 */

import { ideas } from "../lessons/ideas.ts";
import { bundle, htmlDocument, readText, styleSheet } from "./bundle.ts";
import { renderToString } from "./build_deps.ts";
import { Page } from "./lesson/page.tsx";
import { readProse } from "./lesson/prose.tsx";
import { shownCode } from "./lesson/sections.ts";
import { escapeHtml, fileLines, type SymbolCode, symbolCode } from "./symbols.ts";

/** What a page may load: its own files, WebAssembly, and workers of its own text. */
export const CONTENT_SECURITY_POLICY: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** At most so many bytes are put into a script, since strings end at 512 MB. */
const MAX_SCRIPT = 2 ** 28;

/** Options for {@linkcode buildSite}. */
export interface BuildOptions {
  /** The root of the repository that code is shown from. @default {the one of this file} */
  readonly root?: URL;
  /** The files of a checkpoint that the page can look into, by name. @default {none} */
  readonly model?: Site;
}

/** The files of a site by their paths. */
export type Site = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/**
 * Builds the site.
 *
 * Needs `--unstable-bundle` and `--allow-read`, and `--allow-net` for a repository at a URL.
 *
 * @throws {Error} If code that is shown is not in its file any more, or a script cannot be bundled.
 */
export async function buildSite(options: BuildOptions = {}): Promise<Site> {
  const root = options.root ?? new URL("../", import.meta.url);
  const paths = [...shownCode.map((reference) => reference.split("#")[0]!)]
    .concat(ideas.map(({ path }) => path));
  const sources = new Map(
    await Promise.all(
      [...new Set(paths)].map(async (path) => [path, await readText(new URL(path, root))] as const),
    ),
  );
  const codes = new Map<string, SymbolCode>(shownCode.map((reference) => {
    const [path, symbol] = reference.split("#") as [string, string];
    return [reference, symbolCode(path, sources.get(path)!, symbol)];
  }));
  const prose = readProse(await readText(new URL("./lesson/prose.md", import.meta.url)));
  const { title } = prose.get("")!;
  const body = renderToString(
    <Page
      proseOf={(id) => prose.get(id)!}
      codeOf={(reference) => codes.get(reference)!}
      sourceOf={sourceAddress}
    />,
  );
  const encoder = new TextEncoder();
  const model = new Map(
    [...options.model ?? []].map(([name, bytes]) => [`model/${name}`, bytes] as const),
  );
  // A page that was opened from a disk may load scripts, and nothing else.
  const scripts = [...model].filter(([, { length }]) => length <= MAX_SCRIPT).map((
    [path, bytes],
  ) => [`${path}.js`, encoder.encode(`self.nanodinoFile="${bytes.toBase64()}"`)] as const);
  const modelTag = model.size === 0
    ? ""
    : `<meta name="model" content="${escapeHtml([...model.keys()].join(" "))}">`;
  const texts = new Map([
    [
      "index.html",
      document(title, "", `${body}<script defer src="learn.js"></script>`, modelTag),
    ],
    ["style.css", await styleSheet(new URL("./style.css", import.meta.url))],
    ["learn.js", await bundle(new URL("./lesson/client.tsx", import.meta.url))],
    ["engine.js", await workerScript("engine", "./engine/worker.ts")],
    ["letters.js", await workerScript("letters", "./engine/letters_worker.ts")],
    ...[...sources].map(([path, source]) =>
      [sourceAddress(path), sourcePage(path, source, title)] as const
    ),
  ]);
  const files = new Map([...texts].map(([path, text]) => [path, encoder.encode(text)]));
  const script = `const FILES=${JSON.stringify([...files.keys()])},VERSION="${await digest(
    files,
  )}";`;
  files.set(
    "sw.js",
    encoder.encode(script + await bundle(new URL("./offline.ts", import.meta.url))),
  );
  // After the list of files that are kept for visits without a network: it may be large.
  return new Map([...files, ...model, ...scripts]);
}

/** A worker as a function, which is not run: the page makes a worker of its text. */
async function workerScript(name: string, path: string): Promise<string> {
  return `self.nanodino_${name}=function(){${await bundle(new URL(path, import.meta.url))}}`;
}

/** The address of a file's source, relative to the site. */
function sourceAddress(path: string): string {
  return `source/${path}.html`;
}

function sourcePage(path: string, source: string, title: string): string {
  const lines = fileLines(path, source).map((line, i) => `<span id="L${i + 1}">${line}</span>`);
  const up = "../".repeat(path.split("/").length);
  const name = escapeHtml(path);
  return document(
    path,
    up,
    `<main><h1>${name}</h1><p><a href="${up}index.html">${escapeHtml(title)}</a></p>` +
      `<pre class="source" tabindex="0" role="region" aria-label="${name}"><code>${
        lines.join("\n")
      }</code></pre></main>`,
  );
}

function document(title: string, up: string, body: string, tags = ""): string {
  const policy = `<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}">`;
  return htmlDocument(escapeHtml(title), policy + tags, `${up}style.css`, body);
}

/** Differs where any file differs. */
async function digest(files: Site): Promise<string> {
  const parts = [...files].map(async ([path, bytes]) =>
    path + new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex()
  );
  const all = new TextEncoder().encode((await Promise.all(parts)).join());
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex().slice(0, 16);
}
