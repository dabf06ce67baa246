/** Reading untrusted zip files, with a limit on their unpacked size. @module */

import { importZip } from "../deps.ts";

/** Maximum unpacked size of all files together. nanochat's evaluation bundle has 0.2 GB. */
const MAX_BYTES = 2 ** 30;

/** Maximum bytes unpacked for each byte of the zip file. Texts have 5 to 20, empty bytes 1,000. */
const MAX_RATIO = 200;

/** The files of a zip file. */
export interface Zip {
  /** Their paths. */
  readonly paths: readonly string[];
  /** Unpacks one of them. */
  read(path: string): Uint8Array<ArrayBuffer>;
}

/**
 * Opens a zip file. Nothing is unpacked before it is read.
 *
 * @throws {Error} If it is not a zip file, or unpacks to more than 1 GiB or 200 times its size.
 */
export async function openZip(path: string): Promise<Zip> {
  const { unzipSync } = await importZip();
  try {
    const bytes = await Deno.readFile(path);
    const sizes = new Map<string, number>();
    unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        sizes.set(name, originalSize);
        return false;
      },
    });
    const total = sizes.values().reduce((sum, size) => sum + size, 0);
    const most = Math.min(MAX_BYTES, MAX_RATIO * bytes.length);
    if (total > most) {
      throw new RangeError(`wanted a zip file that unpacks to at most ${most} bytes, got ${total}`);
    }
    return {
      paths: [...sizes.keys()],
      read: (name) => unzipSync(bytes, { filter: (file) => file.name === name })[name]!,
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const wanted = cause instanceof RangeError ? reason : `wanted a zip file, got "${reason}"`;
    throw new Error(`Cannot read ${path}: ${wanted}`, { cause });
  }
}
