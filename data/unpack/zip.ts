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
  /** Unpacks one of them. @throws {Error} If it is damaged; the message names it. */
  read(path: string): Uint8Array<ArrayBuffer>;
}

/**
 * Opens a zip file. Nothing is unpacked before it is read.
 *
 * @throws {Error} If it is not a zip file, or unpacks to more than 1 GiB or 200 times its size.
 */
export async function openZip(path: string): Promise<Zip> {
  const { unzipSync } = await importZip();
  // Imported here, because it takes 10 MB, and most texts are not compressed.
  const { crc32 } = await import("node:zlib");
  try {
    const bytes = await Deno.readFile(path);
    const names: string[] = [];
    let total = 0;
    unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        names.push(name);
        total += originalSize;
        return false;
      },
    });
    const most = Math.min(MAX_BYTES, MAX_RATIO * bytes.length);
    if (total > most) {
      throw new RangeError(`wanted a zip file that unpacks to at most ${most} bytes, got ${total}`);
    }
    const checksums = readChecksums(bytes);
    const checksumOf = new Map(names.map((name, i) => [name, checksums[i]]));
    return {
      paths: [...checksumOf.keys()],
      read: (name) => {
        try {
          const content = unzipSync(bytes, { filter: (file) => file.name === name })[name]!;
          if (crc32(content) === checksumOf.get(name)) return content;
        } catch (cause) {
          throw new Error(`wanted ${name} whole, got "${(cause as Error).message}"`, { cause });
        }
        throw new Error(`wanted ${name} as it was packed, got bytes with another CRC-32`);
      },
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const wanted = cause instanceof RangeError ? reason : `wanted a zip file, got "${reason}"`;
    throw new Error(`Cannot read ${path}: ${wanted}`, { cause });
  }
}

const DIRECTORY_ENTRY = 0x02014b50;
const END = 0x06054b50;
/** Instead of a position: it stands in the 64-bit record, to which a locator before the end points. */
const IN_64_BITS = 0xffffffff;
const LOCATOR_BYTES = 20;

/**
 * The CRC-32 of each file, in the order of the directory at the end; fflate does not check them.
 * Source: PKWARE's APPNOTE.TXT.
 */
function readChecksums(bytes: Uint8Array<ArrayBuffer>): number[] {
  const view = new DataView(bytes.buffer);
  let end = bytes.length - 22;
  while (view.getUint32(end, true) !== END) end--;
  let at = view.getUint32(end + 16, true);
  if (at === IN_64_BITS) {
    const record = Number(view.getBigUint64(end - LOCATOR_BYTES + 8, true));
    at = Number(view.getBigUint64(record + 48, true));
  }
  const checksums: number[] = [];
  while (view.getUint32(at, true) === DIRECTORY_ENTRY) {
    checksums.push(view.getUint32(at + 16, true));
    const sizes = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    at += sizes.reduce((sum, size) => sum + size, 46);
  }
  return checksums;
}
