/**
 * Resumable downloads of large files.
 *
 * @module
 */

import { ensureWritableFolder, fileError, writeFileAtomically } from "../../gpt/mod.ts";

/** Options for {@linkcode download}. */
export interface DownloadOptions {
  /** The SHA-256 digest of the whole file, in hexadecimal; another file is refused. */
  readonly sha256?: string | undefined;
  /** Called with the bytes that are there so far, and how many there will be, if that is known. */
  readonly onProgress?: (bytes: number, total: number | null) => void;
  /** Stops the download; what has arrived stays, for the next attempt. */
  readonly signal?: AbortSignal | undefined;
}

/** State of a partial download. */
interface Partial {
  readonly url: string;
  /** The server's name of this version of the file; `null` if it has none. */
  readonly version: string | null;
}

/**
 * Downloads a file. What has arrived is kept beside its place in `PATH.part`, so that the next attempt
 * asks for the rest only, unless the file on the server is another one by then.
 *
 * @param url Where it is, on HTTP or HTTPS.
 * @param path Where it goes. A file that is there is replaced when the new one is whole.
 * @returns The SHA-256 digest of the file, in hexadecimal.
 * @throws {Error} If it cannot be downloaded or written, is not as long as the server said, or has
 * another digest, after which nothing of it is kept.
 */
export async function download(
  url: string,
  path: string,
  { sha256, onProgress, signal }: DownloadOptions = {},
): Promise<string> {
  const part = `${path}.part`;
  await ensureWritableFolder(path.slice(0, path.lastIndexOf("/") + 1) || ".");
  const response = await request(url, part, signal);
  const isRest = response.status === 206;
  const start = isRest ? (await Deno.stat(part)).size : 0;
  const total = lengthOf(response, start);
  if (!isRest) {
    const version = response.headers.get("etag") ?? response.headers.get("last-modified");
    // A weak tag does not promise the same bytes.
    const partial: Partial = { url, version: version?.startsWith("W/") ? null : version };
    await writeFileAtomically(`${part}.json`, JSON.stringify(partial));
  }
  let bytes = start;
  try {
    using file = await Deno.open(part, { create: true, write: true, truncate: !isRest });
    await file.seek(start, Deno.SeekMode.Start);
    for await (const chunk of response.body ?? []) {
      for (let written = 0; written < chunk.length;) {
        written += await file.write(chunk.subarray(written));
      }
      bytes += chunk.length;
      onProgress?.(bytes, total);
    }
    await file.sync();
  } catch (cause) {
    signal?.throwIfAborted();
    const error = fileError("download", url, cause);
    throw new Error(`${error.message}. ${bytes} bytes are there; the next attempt goes on`, {
      cause,
    });
  }
  if (total !== null && bytes !== total) {
    throw new Error(
      `Cannot download ${url}: wanted ${total} bytes, got ${bytes}. The next attempt goes on`,
    );
  }
  const digest = await digestOf(part);
  if (sha256 !== undefined && digest !== sha256.toLowerCase()) {
    await removePart(part);
    throw new Error(`Cannot use ${url}: wanted the SHA-256 digest ${sha256}, got ${digest}`);
  }
  await Deno.rename(part, path);
  await removePart(part);
  return digest;
}

/** Asks for the rest of a file that is there in part, or for all of it. */
async function request(
  url: string,
  part: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const begun = await readPartial(part);
  const size = begun?.url === url && begun.version !== null
    ? await Deno.stat(part).then(({ size }) => size, () => 0)
    : 0;
  const headers = { "accept-encoding": "identity" };
  const rest = { ...headers, range: `bytes=${size}-`, "if-range": begun?.version ?? "" };
  const ask = async (headers: Record<string, string>): Promise<Response> => {
    try {
      return await fetch(url, { headers, ...(signal === undefined ? {} : { signal }) });
    } catch (cause) {
      signal?.throwIfAborted();
      throw fileError("download", url, cause);
    }
  };
  let response = await ask(size > 0 ? rest : headers);
  const fits = response.headers.get("content-range")?.startsWith(`bytes ${size}-`) ?? false;
  if (size > 0 && (response.status === 416 || (response.status === 206 && !fits))) {
    await response.body?.cancel();
    response = await ask(headers);
  }
  if (response.status === 200 || response.status === 206) return response;
  await response.body?.cancel();
  throw new Error(
    `Cannot download ${url}: wanted status 200, got ${response.status} ${response.statusText}`,
  );
}

/** How long the whole file is, as the server says. */
function lengthOf({ status, headers }: Response, start: number): number | null {
  const length = headers.get("content-length");
  if (status === 206) {
    const [, total] = /\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    if (total !== undefined) return Number(total);
  }
  return length === null ? null : start + Number(length);
}

async function readPartial(part: string): Promise<Partial | null> {
  try {
    const { url, version } = JSON.parse(await Deno.readTextFile(`${part}.json`));
    return typeof url === "string" ? { url, version: version ?? null } : null;
  } catch {
    return null; // missing or invalid: start over
  }
}

async function removePart(part: string): Promise<void> {
  for (const path of [part, `${part}.json`]) await Deno.remove(path).catch(() => {});
}

async function digestOf(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
