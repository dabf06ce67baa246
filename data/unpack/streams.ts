/** Decompression with a limit on the size of the result. @module */

import { importZstd } from "../deps.ts";

/** Maximum compression ratio. Text has 3 to 20, zeros 1,000 and more. */
const MAX_RATIO = 200;

/** Decompressed bytes that are always allowed, whatever their ratio. */
const FREE_BYTES = 2 ** 20;

/** Compressed bytes per step. */
const STEP = 2 ** 14;

/** The endings of compressed files. */
export const COMPRESSED_EXTENSIONS: readonly string[] = [".gz", ".zst"];

/** Whether a file is compressed, by its name. */
export function isCompressed(name: string): boolean {
  return COMPRESSED_EXTENSIONS.some((extension) => name.endsWith(extension));
}

/**
 * Decompresses a file. If it consists of several parts, as logs and parallel compressors write
 * them, all are read.
 *
 * @param name Its name, which ends with `.gz`, `.tgz` or `.zst`.
 * @param compressed Its size in bytes.
 * @throws {RangeError} If the compression ratio exceeds that of any text: 200.
 * @throws {Error} If it is damaged, or ends too early.
 */
export async function* decompress(
  name: string,
  source: AsyncIterable<Uint8Array>,
  compressed: number,
): AsyncGenerator<Uint8Array> {
  const most = FREE_BYTES + MAX_RATIO * compressed;
  let bytes = 0;
  for await (const chunk of name.endsWith(".zst") ? unzstd(source) : gunzip(source)) {
    bytes += chunk.length;
    if (bytes > most) {
      throw new RangeError(
        `wanted at most ${most} bytes of ${compressed} compressed ones, got more`,
      );
    }
    yield chunk;
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Imported here, because they take 10 MB, and most texts are not compressed.
  const [{ createGunzip }, { Readable }, { pipeline }] = await Promise.all([
    import("node:zlib"),
    import("node:stream"),
    import("node:stream/promises"),
  ]);
  const decoder = createGunzip();
  // Errors of the source and of the decoder surface where the decoder is read.
  pipeline(Readable.from(source), decoder).catch(() => {});
  yield* decoder;
}

/**
 * `node:zlib` is no alternative: Deno's stops after the first part, and accepts truncated files.
 */
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = await importZstd();
  let came: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => came.push(chunk));
  const push = function* (chunk: Uint8Array, isLast: boolean) {
    decoder.push(chunk, isLast);
    yield* came;
    came = [];
  };
  for await (const chunk of source) {
    // Small steps, so that the limit stops a bomb early.
    for (let at = 0; at < chunk.length; at += STEP) {
      yield* push(chunk.subarray(at, at + STEP), false);
    }
  }
  yield* push(new Uint8Array(0), true);
}
