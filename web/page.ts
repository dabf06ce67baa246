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

/** Answers the paths of a page, of which `/` is the first; `null` for those that are not its own. */
export type PageHandler = (path: string) => Response | null;

/**
 * Builds the chat, which a server of a model hands out. Needs `--unstable-bundle`.
 *
 * @throws {Error} If its script cannot be bundled.
 */
export function buildChat(): Promise<PageHandler> {
  return buildPage("chat", "nanodino chat", "The chat needs JavaScript.");
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
  const html = htmlDocument(title, meta, `${name}.css`, body);
  const files = new Map([
    ["/", ["text/html", html]],
    [`/${name}.css`, ["text/css", await styleSheet(fileOf("style.css"))]],
    [`/${name}.js`, ["text/javascript", await bundle(fileOf("client.tsx"))]],
  ]);
  return (path) => {
    const [type, text] = files.get(path) ?? [];
    if (text === undefined) return null;
    const headers = {
      "content-type": `${type}; charset=utf-8`,
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "cross-origin-opener-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
    };
    return new Response(text, { headers });
  };
}
