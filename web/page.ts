/**
 * A page that a server hands out: its files, with the headers that keep them to themselves.
 *
 * @module
 */

import { bundle, htmlDocument, styleSheet } from "./bundle.ts";

/** What such a page may load: its own files, and answers of its server. */
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

/** What a page is made of. */
export interface PageSource {
  /** The name of its files. */
  readonly name: string;
  readonly title: string;
  /** What is said without JavaScript. */
  readonly noscript: string;
  /** Its own styles, which follow those of all pages. */
  readonly styles: URL;
  /** Its script. */
  readonly script: URL;
  /** Is handed to the script as `<meta name="token">`, if given. */
  readonly token?: string | undefined;
}

/**
 * Builds a page that its script fills. Needs `--unstable-bundle`.
 *
 * @throws {Error} If its script cannot be bundled.
 */
export async function buildPage(
  { name, title, noscript, styles, script, token }: PageSource,
): Promise<PageFiles> {
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
    [`/${name}.css`, file("text/css", await styleSheet(styles))],
    [`/${name}.js`, file("text/javascript", await bundle(script))],
  ]);
}
