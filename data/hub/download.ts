/**
 * Downloads of large files, which continue where they stopped.
 *
 * @module
 */

import { inode, lockFile } from "../store/lock.ts";
import { firstLine, pause, request, type RequestOptions } from "./request.ts";

/** Options for {@linkcode download}. */
export interface DownloadOptions extends Omit<RequestOptions, "headers"> {
  /** The SHA-256 digest of the whole file, in hexadecimal; another file is refused. */
  readonly sha256?: string | undefined;
  /** Called with the number of bytes so far, and the total if it is known. */
  readonly onProgress?: (bytes: number, total: number | null) => void;
}

/** The source of a partial download. */
interface Origin {
  readonly url: string;
  /** The server's name of this version of the file; `null` if it has none. */
  readonly version: string | null;
}

/** A file has another digest than was wanted. */
export class DigestError extends Error {}

/** The transfer stopped before the end; what has arrived is kept. */
class Cut extends Error {}

/**
 * Downloads a file. What has arrived is kept in `PATH.part`, so that the next attempt requests only
 * the rest, unless the file on the server has changed. If several processes want the same file, one
 * downloads it, and the others wait.
 *
 * @param url Where it is, on HTTP or HTTPS.
 * @param path Where to store it. An existing file is replaced once the new one is complete.
 * @returns The SHA-256 digest of the file, in hexadecimal.
 * @throws {DigestError} If it has another digest; it is deleted then.
 * @throws {Error} If it cannot be downloaded or written, or does not have the length that the server
 * announced.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions = {},
): Promise<string> {
  const { sha256, signal } = options;
  const folder = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  await writing(path, () => Deno.mkdir(folder, { recursive: true }));
  const before = await inode(path);
  using part = await lockFile(`${path}.part`, signal).catch((error) => {
    signal?.throwIfAborted();
    throw unwritable(path, error);
  });
  // The process that held the lock has downloaded the file.
  const now = await inode(path);
  if (
    now !== null && now !== before && (sha256 === undefined || await fileDigest(path) === sha256)
  ) {
    await removePart(path);
    return sha256 ?? await fileDigest(path);
  }
  const bytes = await transferAll(url, path, part, folder, options);
  const digest = await fileDigest(`${path}.part`);
  if (sha256 !== undefined && digest !== sha256.toLowerCase()) {
    await removePart(path);
    throw new DigestError(
      `Cannot use ${url}: wanted the SHA-256 digest ${sha256}, got ${digest} of ${bytes} bytes`,
    );
  }
  await writing(path, () => Deno.rename(`${path}.part`, path));
  await removePart(path);
  return digest;
}

/** Transfers until the file is whole; each attempt that brings something counts as the first. */
async function transferAll(
  url: string,
  path: string,
  part: Deno.FsFile,
  folder: string,
  options: DownloadOptions,
): Promise<number> {
  const { attempts = 5, wait = pause, onWait, signal } = options;
  for (let failures = 0;;) {
    const { size } = await part.stat();
    try {
      return await transfer(url, path, part, folder, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Cut)) throw error;
      const came = (await part.stat()).size;
      failures = came > size ? 1 : failures + 1;
      if (failures >= attempts) {
        throw new Error(`${error.message}. ${came} bytes are there; the next attempt continues`, {
          cause: error.cause,
        });
      }
      onWait?.(2 ** failures, error.message);
      await wait(2 ** failures, signal);
    }
  }
}

async function transfer(
  url: string,
  path: string,
  part: Deno.FsFile,
  folder: string,
  options: DownloadOptions,
): Promise<number> {
  const { onProgress, signal } = options;
  const begun = await readOrigin(path);
  const { size } = await part.stat();
  const canGoOn = size > 0 && begun?.url === url && begun.version !== null;
  const plain = { "accept-encoding": "identity" };
  const rest = { ...plain, range: `bytes=${size}-`, "if-range": begun?.version ?? "" };
  let { response } = await request(url, { ...options, headers: canGoOn ? rest : plain });
  const isRest = response.headers.get("content-range")?.startsWith(`bytes ${size}-`) ?? false;
  if (response.status === 416 || (response.status === 206 && !isRest)) {
    await response.body?.cancel();
    ({ response } = await request(url, { ...options, headers: plain }));
  }
  const start = response.status === 206 ? size : 0;
  const total = lengthOf(response, start);
  if (start === 0) {
    await writing(path, () => part.truncate(0));
    const version = response.headers.get("etag") ?? response.headers.get("last-modified");
    // A weak tag does not promise the same bytes.
    const origin: Origin = { url, version: version?.startsWith("W/") ? null : version };
    await writing(path, () => Deno.writeTextFile(`${path}.part.json`, JSON.stringify(origin)));
  }
  try {
    if (total !== null) await checkSpace(folder, total - start, url);
  } catch (error) {
    // Otherwise the rest would come all the same.
    await response.body?.cancel();
    throw error;
  }
  await part.seek(start, Deno.SeekMode.Start);
  let bytes = start;
  const reader = (response.body ?? new Blob([]).stream()).getReader();
  while (true) {
    const { done, value } = await reader.read().catch((cause) => {
      signal?.throwIfAborted();
      throw new Cut(
        `Cannot download ${url}: wanted ${total ?? "all"} bytes, got "${firstLine(cause)}"`,
        {
          cause,
        },
      );
    });
    if (done) break;
    try {
      for (let written = 0; written < value.length;) {
        written += await writing(path, () => part.write(value.subarray(written)));
      }
    } catch (error) {
      await reader.cancel().catch(() => {});
      throw error;
    }
    bytes += value.length;
    onProgress?.(bytes, total);
  }
  if (total !== null && bytes !== total) {
    throw new Cut(`Cannot download ${url}: wanted ${total} bytes, got ${bytes}`);
  }
  await part.sync();
  return bytes;
}

/** The length of the whole file, according to the server. */
function lengthOf({ status, headers }: Response, start: number): number | null {
  const length = headers.get("content-length");
  if (status === 206) {
    const [, total] = /\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (total !== undefined) return Number(total);
  }
  return length === null ? null : start + Number(length);
}

/**
 * Checks that there is room for a download, as far as this process may ask.
 *
 * @param what The download, for the message.
 * @throws {Error} If there is less.
 */
export async function checkSpace(folder: string, bytes: number, what: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "sys", kind: "statfs" });
  if (state !== "granted") return;
  const { statfs } = await import("node:fs/promises");
  const { bavail, bsize } = await statfs(folder);
  const room = Number(bavail) * Number(bsize);
  if (room >= bytes) return;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  throw new Error(
    `Cannot download ${what}: wanted ${mebibytes(bytes)} of free space in ${folder}, got ` +
      mebibytes(room),
  );
}

async function readOrigin(path: string): Promise<Origin | null> {
  try {
    const { url, version } = JSON.parse(await Deno.readTextFile(`${path}.part.json`));
    return typeof url === "string" ? { url, version: version ?? null } : null;
  } catch {
    return null; // missing or invalid: start over
  }
}

async function removePart(path: string): Promise<void> {
  for (const name of [`${path}.part`, `${path}.part.json`]) {
    await Deno.remove(name).catch(() => {});
  }
}

/** The digest of a file, in hexadecimal. */
export async function fileDigest(path: string, algorithm = "sha256"): Promise<string> {
  // Imported here, because it takes 10 MB, and most programs that import this module download nothing.
  const { createHash } = await import("node:crypto");
  const hash = createHash(algorithm);
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** Calls a function that writes a file, and names the file in its errors. */
export async function writing<Result>(path: string, write: () => Promise<Result>): Promise<Result> {
  try {
    return await write();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

/** The error of a file that cannot be written. */
export function unwritable(path: string, cause: unknown): Error {
  const message = firstLine(cause);
  const reason = /os error (28|112)\b/.test(message) ? "the disk is full" : message;
  return new Error(`Cannot write ${path}: ${reason}`, { cause });
}
