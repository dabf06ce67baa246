/** A web server for importing the repository from a URL. @module */

const root = new URL("../", import.meta.url);

/**
 * Serves the repository's files on a free local port.
 *
 * @returns The server; dispose of it at the end.
 *
 * @example
 * ```ts
 * import { serveRepository } from "./serve.ts";
 *
 * await using server = serveRepository();
 * const response = await fetch(`http://127.0.0.1:${server.addr.port}/tensor/mod.ts`);
 * if (!(await response.text()).includes("export")) throw new Error("expected a module");
 * ```
 */
export function serveRepository(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname.slice(1);
    try {
      const body = await Deno.readFile(new URL(path, root));
      return new Response(body, { headers: { "content-type": "application/typescript" } });
    } catch {
      return new Response(null, { status: 404 });
    }
  });
}
