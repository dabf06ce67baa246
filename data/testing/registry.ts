/** An npm registry for tests on 127.0.0.1, with one package. @module */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { packTar } from "npm:modern-tar@0.8.6";

/** A registry that runs. */
export interface TestRegistry extends AsyncDisposable {
  readonly url: string;
  /** The paths that were asked for. */
  readonly seen: string[];
  /** Answers that replace the next right ones; each is used once. */
  readonly faults: (() => Response)[];
  /** The digest of the tarball that the registry states; tests change it. */
  integrity: string;
}

/** Starts a registry with version 1.2.3 of a package. */
export async function startRegistry(
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<TestRegistry> {
  const tar = await packTar(
    Object.entries(files).map(([path, body]) => ({
      header: { name: `package/${path}`, size: new TextEncoder().encode(body).length },
      body,
    })),
  );
  const tarball = gzipSync(tar);
  const seen: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    seen.push(pathname);
    const fault = registry.faults.shift();
    if (fault !== undefined) return fault();
    if (pathname.endsWith(".tgz")) return new Response(new Uint8Array(tarball));
    const [, path, version] = /^\/(.+)\/([^/]+)$/.exec(pathname) ?? [];
    if (decodeURIComponent(path ?? "") !== name || !["1.2.3", "latest"].includes(version!)) {
      return new Response("Not Found", { status: 404 });
    }
    const dist = { tarball: `${registry.url}/-/package.tgz`, integrity: registry.integrity };
    return Response.json({ name, version: "1.2.3", dist });
  });
  const registry: TestRegistry = {
    url: `http://127.0.0.1:${server.addr.port}`,
    seen,
    faults: [],
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return registry;
}
