/**
 * Serves a built site on this machine.
 *
 * @module
 */

import type { Site } from "./build.tsx";

const types: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
};

/**
 * Answers with a file of a site.
 *
 * @param path Its path; empty for the first page.
 * @param isolated Whether the page gets threads, which takes two headers. @default {true}
 * @returns The file, or status 404.
 */
export function siteResponse(site: Site, path: string, isolated = true): Response {
  const headers = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    ...(isolated && {
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    }),
  };
  const name = path === "" ? "index.html" : path;
  const file = site.get(name);
  if (file === undefined) return new Response(`No such file: ${name}\n`, { status: 404, headers });
  const type = types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";
  return new Response(file, { headers: { ...headers, "content-type": type } });
}

/** Options for {@linkcode serveSite}. */
export interface ServeOptions {
  /** The port; 0 for a free one. @default {0} */
  readonly port?: number;
  /** Whether the page gets threads, which takes two headers. @default {true} */
  readonly isolated?: boolean;
  /** The path of the site. @default {"/"} */
  readonly base?: string;
}

/**
 * Serves a site at 127.0.0.1 until shut down.
 *
 * @param site Its files by path.
 * @returns The server, whose `addr` has the port.
 */
export function serveSite(
  site: Site,
  { port = 0, isolated = true, base = "/" }: ServeOptions = {},
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port, onListen: () => {} }, ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname.startsWith(base)) {
      return siteResponse(site, pathname.slice(base.length), isolated);
    }
    return new Response(`No such file: ${pathname}\n`, { status: 404 });
  });
}
