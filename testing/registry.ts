/** An npm registry of all packages, each of them empty but for those given, that lists those asked for. */

/** The content of a package by the paths of its files. */
export type PackageFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const emptyPackage: PackageFiles = new Map([["package.json", new TextEncoder().encode("{}")]]);

/** A package's archive: tar, gzip. */
async function archiveOf(files: PackageFiles): Promise<Uint8Array<ArrayBuffer>> {
  const blocks = [...files].flatMap(([path, bytes]) => [header(`package/${path}`, bytes), bytes]);
  const padded = blocks.flatMap((block) => [block, new Uint8Array(-block.length & 511)]);
  const tar = new Blob([...padded, new Uint8Array(2 * 512)]);
  const gzip = tar.stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(gzip).arrayBuffer());
}

function header(path: string, { length }: Uint8Array): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(512);
  const write = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  write(path, 0);
  write("0000644\0", 100);
  write(`${length.toString(8).padStart(11, "0")}\0`, 124);
  write("00000000000\0", 136);
  write("        0", 148); // the checksum counts as spaces while it is computed
  write("ustar\x0000", 257);
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** The files of a package in Deno's cache. */
export async function cachedPackage(name: string, version: string): Promise<PackageFiles> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout));
  const root = `${npmCache}/registry.npmjs.org/${name}/${version}`;
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const add = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(`${root}/${folder}`)) {
      const path = `${folder}${entry.name}`;
      if (entry.isDirectory) await add(`${path}/`);
      else files.set(path, await Deno.readFile(`${root}/${path}`));
    }
  };
  await add("");
  return files;
}

export interface Registry extends AsyncDisposable {
  /** The address, for `NPM_CONFIG_REGISTRY`. */
  readonly address: string;
  /** Names of the packages whose archive was asked for, sorted. */
  readonly downloads: () => string[];
}

/**
 * Serves the registry on a free local port, with these versions of packages.
 *
 * @param contents The packages that are not empty.
 */
export async function serveRegistry(
  versions: ReadonlyMap<string, string>,
  contents: ReadonlyMap<string, PackageFiles>,
): Promise<Registry> {
  const empty = await packageOf(emptyPackage);
  const packages = new Map<string, Awaited<ReturnType<typeof packageOf>>>();
  for (const [name, files] of contents) packages.set(name, await packageOf(files));
  const downloads = new Set<string>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const [name = "", file] = path.split("/-/");
    const { archive, integrity } = packages.get(name) ?? empty;
    if (file !== undefined) {
      downloads.add(name);
      return new Response(archive);
    }
    const version = versions.get(name);
    if (version === undefined) return new Response(null, { status: 404 });
    const dist = {
      tarball: `${new URL(request.url).origin}/${name}/-/${version}.tgz`,
      integrity,
    };
    return Response.json({ name, versions: { [version]: { name, version, dist } } });
  });
  return {
    address: `http://127.0.0.1:${server.addr.port}`,
    downloads: () => [...downloads].sort(),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function packageOf(files: PackageFiles) {
  const archive = await archiveOf(files);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", archive));
  return { archive, integrity: `sha512-${digest.toBase64()}` };
}
