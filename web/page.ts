/**
 * Pages that a server hands out: their files, with the headers that keep them to themselves.
 *
 * @module
 */

import { bundle, htmlDocument, styleLink, styleSheet } from "./bundle.ts";
import { words } from "./words/dashboard.ts";
import { siteResponse } from "./serve.ts";
import { words as chatWords } from "./words/chat.ts";

const headers = {
  /** They may load their own files, and answers of their server. */
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
};

/** Answers the paths of a page, of which `/` is the first; `null` for those that are not its own. */
export type PageHandler = (path: string) => Response | null;

/**
 * Builds the chat, which a server of a model hands out. Needs `--unstable-bundle`.
 *
 * @throws {Error} If its script cannot be bundled.
 */
export function buildChat(): Promise<PageHandler> {
  return buildPage("chat", chatWords.title, chatWords.noscript);
}

/**
 * Builds the dashboard, which a server of runs hands out. Needs `--unstable-bundle`.
 *
 * @param options.token What the page has to show to stop a run or to save it; without one it cannot.
 * @throws {Error} If its script cannot be bundled.
 */
export function buildDashboard(
  { token }: { readonly token?: string | undefined } = {},
): Promise<PageHandler> {
  return buildPage("dashboard", words.title, words.noscript, token);
}

/** Builds a page that the script in its folder fills. */
async function buildPage(
  name: string,
  title: string,
  noscript: string,
  token?: string,
): Promise<PageHandler> {
  const fileOf = (path: string) => new URL(`./${name}/${path}`, import.meta.url);
  const meta = token === undefined ? "" : `<meta name="token" content="${token}">`;
  const body = `<div id="page"></div><noscript>${noscript}</noscript>` +
    `<script defer src="${name}.js"></script>`;
  const site = new Map([
    ["index.html", htmlDocument(title, meta, styleLink(`${name}.css`), body)],
    [`${name}.css`, await styleSheet(fileOf("style.css"))],
    [`${name}.js`, await bundle(fileOf("client.tsx"))],
  ]);
  return (path) => {
    const file = path === "/" ? "index.html" : path.slice(1);
    return site.has(file) ? siteResponse(site, file, headers) : null;
  };
}
