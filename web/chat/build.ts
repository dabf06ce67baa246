/** Builds the chat page, which a server of a model hands out. @module */

import { bundle } from "../bundle.ts";

/** What the page may load: its own files, and answers of its server. */
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

const HTML = `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>nanodino chat</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="chat.css"></head>
<body><div id="page"></div><noscript>The chat needs JavaScript.</noscript>
<script defer src="chat.js"></script></body></html>
`;

/** Answers the paths of a page; `null` for those that are not its own. */
export type PageHandler = (path: string) => Response | null;

/**
 * Builds the page.
 *
 * @returns What answers its paths, of which `/` is the first.
 * @throws {Error} If its script cannot be bundled.
 */
export async function buildChat(): Promise<PageHandler> {
  const css = await (await fetch(new URL("./style.css", import.meta.url))).text();
  const script = await bundle(new URL("./client.tsx", import.meta.url));
  const files = new Map(
    [
      ["/", ["text/html", HTML]],
      ["/chat.css", ["text/css", css]],
      ["/chat.js", ["text/javascript", script]],
    ] as const,
  );
  return (path) => {
    const file = files.get(path as "/");
    if (file === undefined) return null;
    const headers = {
      "content-type": `${file[0]}; charset=utf-8`,
      "content-security-policy": CONTENT_SECURITY_POLICY,
      "cross-origin-opener-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    };
    return new Response(file[1], { headers });
  };
}
