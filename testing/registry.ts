/** An npm registry of all packages, each of them empty, that lists those asked for. */

/** A package's archive: tar, one file, gzip. */
async function emptyPackage(): Promise<Uint8Array<ArrayBuffer>> {
  const content = new TextEncoder().encode("{}");
  const tar = new Uint8Array(4 * 512);
  const write = (text: string, at: number) => tar.set(new TextEncoder().encode(text), at);
  write("package/package.json", 0);
  write("0000644\0", 100);
  write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
  write("00000000000\0", 136);
  write("        0", 148); // the checksum counts as spaces while it is computed
  write("ustar\x0000", 257);
  const checksum = tar.reduce((sum, byte) => sum + byte, 0);
  write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
  tar.set(content, 512);
  const gzip = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(gzip).arrayBuffer());
}

export interface Registry extends AsyncDisposable {
  /** Its address, for `NPM_CONFIG_REGISTRY`. */
  readonly address: string;
  /** Names of the packages whose archive was asked for, sorted. */
  readonly downloads: () => string[];
}

/** Serves the registry on a free local port, with these versions of packages. */
export async function serveRegistry(versions: ReadonlyMap<string, string>): Promise<Registry> {
  const archive = await emptyPackage();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", archive));
  const downloads = new Set<string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const [name = "", file] = path.split("/-/");
    if (file !== undefined) {
      downloads.add(name);
      return new Response(archive);
    }
    const version = versions.get(name);
    if (version === undefined) return new Response(null, { status: 404 });
    const dist = {
      tarball: `${new URL(request.url).origin}/${name}/-/${version}.tgz`,
      integrity: `sha512-${digest.toBase64()}`,
    };
    return Response.json({ name, versions: { [version]: { name, version, dist } } });
  });
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    downloads: () => [...downloads].sort(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
