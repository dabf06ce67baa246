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

/** Headers that give a page threads. */
const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/**
 * Answers with a file of a site.
 *
 * @param path Its path; empty for the first page.
 * @param more Headers besides those of all files. @default {those that give a page threads}
 * @returns The file, or status 404.
 */
export function siteResponse(
  site: ReadonlyMap<string, BodyInit>,
  path: string,
  more: Readonly<Record<string, string>> = isolation,
): Response {
  const headers = { "cache-control": "no-cache", "x-content-type-options": "nosniff", ...more };
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
  /** Refuses a request by an error, whose message is the answer. */
  readonly check?: (headers: Headers) => void;
}

/**
 * Serves a site at 127.0.0.1 until shut down.
 *
 * @param site Its files by path.
 * @returns The server, whose `addr` has the port.
 */
export function serveSite(
  site: Site,
  { port = 0, check }: ServeOptions = {},
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    ({ url, headers }) => {
      try {
        check?.(headers);
      } catch (error) {
        return new Response(`${(error as Error).message}\n`, { status: 403 });
      }
      return siteResponse(site, new URL(url).pathname.slice(1));
    },
  );
}
