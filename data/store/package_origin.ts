/**
 * Files of a package of npm.
 *
 * Source: https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md
 *
 * @module
 */

import { importTar } from "../deps.ts";
import { download, fileDigest } from "../hub/download.ts";
import { readJson, request, RequestError, type RequestOptions } from "../hub/request.ts";
import { decompress } from "../unpack/streams.ts";
import type { PackageAddress } from "./address.ts";
import { isInside, matchingFiles, type Origin, type RemoteFile } from "./origin.ts";

/** The registry's description of a version. */
interface Version {
  readonly version: string;
  /** The package as a compressed tar file. */
  readonly tarball: string;
  /** Digests in the form of Subresource Integrity: `sha512-…` in base64. */
  readonly integrity: string;
}

/**
 * The npm registry. A package is a single file, so listing the files of an address downloads them
 * all, and so does downloading one of them.
 */
export function packageOrigin(
  address: PackageAddress,
  registry = "https://registry.npmjs.org",
  options: RequestOptions = {},
): Origin {
  const { package: name, files: glob } = address;
  const find = (version: string) => findVersion(registry, name, version, options);
  let all: Promise<RemoteFile[]> | undefined;
  const unpackAll = async (version: string, folder: string) => {
    const { tarball, integrity } = await find(version);
    const path = `${folder}/.package.tgz`;
    await download(tarball, path, options);
    try {
      await checkIntegrity(path, integrity, `${name}@${version}`);
      return await unpack(path, glob, folder);
    } finally {
      await Deno.remove(path);
    }
  };
  return {
    name,
    revision: async () => (await find(address.version)).version,
    files: (version, folder) => all ??= unpackAll(version, folder),
    async download(version, file, path) {
      const files = await (all ??= unpackAll(version, path.slice(0, -file.path.length - 1)));
      const got = files.find(({ path }) => path === file.path)?.sha256;
      if (got === file.sha256 && got !== null) return got;
      throw new Error(
        `Cannot get ${file.path} of ${name}@${version}: wanted the SHA-256 digest ${file.sha256}, ` +
          `got ${got ?? "no such file"}`,
      );
    },
  };
}

async function findVersion(
  registry: string,
  name: string,
  version: string,
  options: RequestOptions,
): Promise<Version> {
  const url = `${registry.replace(/\/+$/, "")}/${name.replace("/", "%2f")}/${version}`;
  let found: { version?: unknown; dist?: { tarball?: unknown; integrity?: unknown } };
  try {
    const { response } = await request(url, options);
    found = await readJson(response, `${name}@${version}`, "npm");
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 404) throw error;
    throw new Error(`Cannot read ${name}@${version}: npm has no such package or version`, {
      cause: error,
    });
  }
  const { tarball, integrity } = found.dist ?? {};
  if (
    typeof found.version === "string" && typeof tarball === "string" &&
    typeof integrity === "string"
  ) {
    return { version: found.version, tarball, integrity };
  }
  throw new TypeError(
    `Cannot read ${name}@${version}: wanted a version with a tarball and its integrity`,
  );
}

/** @throws {Error} If a file does not match its digests. */
async function checkIntegrity(path: string, integrity: string, name: string): Promise<void> {
  const [, algorithm, wanted] = /\b(sha512|sha384|sha256)-([\w+/=]+)/.exec(integrity) ?? [];
  if (algorithm === undefined) {
    throw new TypeError(`Cannot check ${name}: wanted a SHA-2 digest, got "${integrity}"`);
  }
  const got = Uint8Array.fromHex(await fileDigest(path, algorithm)).toBase64();
  if (got === wanted) return;
  throw new Error(`Cannot use ${name}: wanted the ${algorithm} digest ${wanted}, got ${got}`);
}

/** Unpacks the files that a glob matches. All files of a package are below one folder. */
async function unpack(path: string, glob: string, folder: string): Promise<RemoteFile[]> {
  const { createTarDecoder } = await importTar();
  const files: RemoteFile[] = [];
  const packed = await Deno.open(path);
  const { size } = await packed.stat();
  const unpacked = ReadableStream.from(decompress(path, packed.readable, size));
  const entries = unpacked.pipeThrough(createTarDecoder());
  for await (const { header, body } of entries) {
    // All entries are read: the decoder stalls if some are read and others canceled.
    const bytes = await new Response(body).bytes();
    const name = header.name.slice(header.name.indexOf("/") + 1);
    if (header.type !== "file" || !isInside(name)) continue;
    if ((await matchingFiles([{ path: name }], glob)).length === 0) continue;
    const place = `${folder}/${name}`;
    await Deno.mkdir(place.slice(0, place.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(`${place}.part`, bytes);
    await Deno.rename(`${place}.part`, place);
    const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    files.push({ path: name, size: bytes.length, sha256 });
  }
  return await matchingFiles(files, glob);
}
