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

import {
  bundle,
  bundleEngine,
  htmlDocument,
  readBytes,
  readText,
  styleLink,
  styleSheet,
} from "./bundle.ts";
import { renderToString } from "./build_deps.ts";
import { FirstPage, type PageParts, RestPage, RestSections } from "./lesson/page.tsx";
import { shared } from "./lesson/shared.ts";
import { readProse } from "./lesson/prose.tsx";
import { modelPageTemplate } from "./model_page/build.ts";
import { PICTURE, shareTags } from "./share.ts";
import { escapeHtml } from "./escape.ts";
import { linesOf, symbolCode } from "./symbols.ts";
import { words as chatWords } from "./words/chat.ts";
import { ideas } from "./words/ideas.ts";

/** The sources that a page may load: its own files, WebAssembly, and workers of its own text. */
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
  /** The files of a checkpoint that the page can look into, by name. @default {none} */
  readonly model?: Site;
  /**
   * Where the site will be. Its picture has a whole address then, which those who show links want.
   * @default {null}
   */
  readonly url?: string | null;
}

/** The files of a site by their paths. */
export type Site = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** The parts of every site, whatever model comes with it. */
export interface SiteParts {
  readonly title: string;
  /** The content of the first page. */
  readonly first: string;
  /** The script of the service worker, without the list of files. */
  readonly offline: string;
  /** All other files. */
  readonly files: Site;
}

let parts: Promise<SiteParts> | null = null;

/**
 * Builds the site. A process bundles its scripts once; another model then takes no time.
 *
 * Needs `--unstable-bundle` and `--allow-read`, and `--allow-net` for a repository at a URL.
 *
 * @throws {Error} If code that is shown is not in its file any more, or a script cannot be bundled.
 */
export async function buildSite(options: BuildOptions = {}): Promise<Site> {
  return await siteOf(await (parts ??= buildParts()), options);
}

/** Puts the parts of a site together, with a model. */
export async function siteOf(parts: SiteParts, options: BuildOptions = {}): Promise<Site> {
  const { title, first, offline, files: others } = parts;
  const model = [...options.model ?? []].map(([name, bytes]) => [`model/${name}`, bytes] as const);
  // A page that was opened from a disk may load scripts, and nothing else.
  const scripts = model.filter(([, { length }]) => length <= MAX_SCRIPT).map(([path, bytes]) =>
    [`${path}.js`, encoder.encode(`self.nanodinoFile="${bytes.toBase64()}"`)] as const
  );
  const modelTag = model.length === 0
    ? ""
    : `<meta name="model" content="${escapeHtml(model.map(([path]) => path).join(" "))}">`;
  const tags = modelTag + shareTags(title, options.url ?? null);
  const index = encoder.encode(document(title, "", first, tags));
  const files = new Map([["index.html", index], ...others]);
  const names = JSON.stringify([...files.keys()]);
  const head = `const FILES=${names},VERSION="${await digest(files)}";`;
  files.set("sw.js", encoder.encode(head + offline));
  // After the list of files that are kept for visits without a network: it may be large.
  const picture = [PICTURE, await readBytes(own("../assets/share.png"))] as const;
  return new Map([...files, picture, ...model, ...scripts]);
}

const encoder = new TextEncoder();

/** The address of a file, relative to this one. */
function own(path: string): URL {
  return new URL(path, import.meta.url);
}

/**
 * Builds the parts of a site: renders its pages, and bundles its scripts.
 *
 * @throws {Error} As {@linkcode buildSite} does.
 */
export async function buildParts(): Promise<SiteParts> {
  const prose = readProse(await readText(own("./words/lesson.md")));
  const paths = [
    ...[...prose.values()].flatMap(({ code }) => code).map((reference) => reference.split("#")[0]!),
    ...ideas.map(({ path }) => path),
  ];
  const sources = new Map<string, string>();
  for (const path of new Set(paths)) sources.set(path, await readText(own(`../${path}`)));
  const { title } = prose.get("")!;
  const pages: PageParts = {
    prose,
    codeOf: (reference) => {
      const [path, symbol] = reference.split("#") as [string, string];
      return symbolCode(path, sources.get(path)!, symbol);
    },
    sourceOf: sourceAddress,
  };
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const add = (path: string, text: string) => void files.set(path, encoder.encode(text));
  const script = '<script defer src="learn.js"></script>';
  // Without JavaScript the rest is a page; with it, the first page takes it in.
  const labsStyle = '<link rel="stylesheet" href="labs.css">';
  add(
    "rest.html",
    document(title, "", renderToString(<RestPage {...pages} />) + script, labsStyle),
  );
  const rest = renderToString(<RestSections {...pages} />);
  add("rest.js", `self.nanodinoRest=${JSON.stringify(rest)}`);
  const chat = '<div id="page"></div><script defer src="chat.js"></script>' +
    `<noscript>${chatWords.noscript}</noscript>`;
  add("chat.html", htmlDocument(chatWords.title, policyTag, styleLink("chat.css"), chat));
  add("chat.css", await styleSheet(own("./inside/style.css"), own("./chat/style.css")));
  add("chat.js", await bundle(own("./lesson/chat_client.ts")));
  add("style.css", await styleSheet(own("./inside/style.css"), own("./style.css")));
  add("learn.js", await bundle(own("./lesson/client.tsx")));
  add("labs.css", await readText(own("./lesson/labs.css")));
  add("labs.js", await bundle(own("./lesson/labs.tsx"), Object.keys(shared)));
  add("engine.js", await workerScript("engine", own("./engine/worker.ts")));
  add("letters.js", await workerScript("letters", own("./engine/letters_worker.ts")));
  add("stories.js", await workerScript("stories", own("./engine/stories_worker.ts")));
  add("model_page.js", `self.nanodino_page=${JSON.stringify(await modelPageTemplate())}`);
  for (const [path, source] of sources) add(sourceAddress(path), sourcePage(path, source, title));
  const first = renderToString(<FirstPage {...pages} />) + script;
  return { title, first, offline: await bundle(own("./offline.ts")), files };
}

/** A worker as a function, which is not run: the page makes a worker of its text. */
async function workerScript(name: string, entry: URL): Promise<string> {
  return `self.nanodino_${name}=${await bundleEngine(entry)}`;
}

/** The address of a file's source, relative to the site. */
function sourceAddress(path: string): string {
  return `source/${path}.html`;
}

function sourcePage(path: string, source: string, title: string): string {
  const lines = linesOf(source).map((line, i) => `<span id="L${i + 1}">${line}</span>`);
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

/** The policy of every page of the site. */
const policyTag =
  `<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}">`;

function document(title: string, up: string, body: string, tags = ""): string {
  return htmlDocument(escapeHtml(title), policyTag + tags, styleLink(`${up}style.css`), body);
}

/** Differs where any file differs. */
async function digest(files: Site): Promise<string> {
  const all = await new Blob([...files].flat()).bytes();
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all)).toHex().slice(0, 16);
}
