/**
 * Pages that a server hands out: their files, with the headers that keep them to themselves.
 *
 * @module
 */

import { bundle, htmlDocument, styleSheet } from "./bundle.ts";
import { words } from "./dashboard/words.ts";

/** What they may load: their own files, and answers of their server. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A file with its headers. */
export interface PageFile {
  /** Its headers. */
  readonly headers: Readonly<Record<string, string>>;
  /** Its text. */
  readonly body: string;
}

/** The files of a page by their paths, of which `/` is the first. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Answers the paths of a page; `null` for those that are not its own. */
export type PageHandler = (path: string) => Response | null;

/**
 * Builds the chat, which a server of a model hands out. Needs `--unstable-bundle`.
 *
 * @returns What answers its paths, of which `/` is the first.
 * @throws {Error} If its script cannot be bundled.
 */
export async function buildChat(): Promise<PageHandler> {
  const files = await buildPage("chat", "nanodino chat", "The chat needs JavaScript.");
  return (path) => {
    const { body, headers } = files.get(path) ?? {};
    return body === undefined ? null : new Response(body, headers && { headers });
  };
}

/**
 * Builds the dashboard, which a server of runs hands out. Needs `--unstable-bundle`.
 *
 * @param options.token What the page has to show to stop a run or to save it; without one it cannot.
 * @returns Its files by path.
 * @throws {Error} If its script cannot be bundled.
 */
export function buildDashboard(
  { token }: { readonly token?: string | undefined } = {},
): Promise<PageFiles> {
  return buildPage("dashboard", words.title, words.noscript, token);
}

/** Builds a page that the script in its folder fills. */
async function buildPage(
  name: string,
  title: string,
  noscript: string,
  token?: string,
): Promise<PageFiles> {
  const fileOf = (path: string) => new URL(`./${name}/${path}`, import.meta.url);
  const meta = token === undefined ? "" : `<meta name="token" content="${token}">`;
  const body = `<div id="page"></div><noscript>${noscript}</noscript>` +
    `<script defer src="${name}.js"></script>`;
  const html = htmlDocument(title, meta, `${name}.css`, body);
  const file = (type: string, body: string): PageFile => ({
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "cross-origin-opener-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    },
    body,
  });
  return new Map([
    ["/", file("text/html", html)],
    [`/${name}.css`, file("text/css", await styleSheet(fileOf("style.css")))],
    [`/${name}.js`, file("text/javascript", await bundle(fileOf("client.tsx")))],
  ]);
}
