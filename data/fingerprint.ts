/** Fingerprints of a corpus of files. @module */

import { type FoundFile, readBytes } from "./files.ts";
import { fingerprint } from "./source.ts";

/** Content is read in blocks of this size, in bytes. */
const BLOCK = 2 ** 20;

/** Maximum bytes of a corpus to read: a few tenths of a second. */
const MAX_BYTES = 2 ** 28;

/**
 * Computes the fingerprint of files: of their names, sizes and content.
 *
 * Up to 256 MiB, every byte counts. Of a larger corpus, only 256 blocks of 1 MiB are read, at least
 * one per file and evenly spread from its first byte to its last: a change elsewhere that keeps the
 * size goes unnoticed.
 *
 * @param identity Everything else that identifies the corpus: the split, and options.
 * @returns Two digests separated by `-`, the second one of the content.
 */
export async function fileFingerprint(
  files: readonly FoundFile[],
  identity: readonly unknown[],
): Promise<string> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const digests: string[] = [];
  for (const file of files) {
    for (const [start, end] of blocksOf(file, total)) {
      const block = await readBytes(file.path, start, end);
      digests.push(new Uint8Array(await crypto.subtle.digest("SHA-256", block)).toHex());
    }
  }
  const names = files.map(({ name, bytes }) => [name, bytes]);
  return `${await fingerprint([...identity, names])}-${await fingerprint(digests)}`;
}

/** The blocks of a file to read: all, or evenly spread ones with the first and the last. */
function blocksOf({ bytes }: FoundFile, total: number): [start: number, end: number][] {
  const all = Math.ceil(bytes / BLOCK);
  const count = total <= MAX_BYTES ? all : Math.max(1, Math.floor(all * MAX_BYTES / total));
  return Array.from({ length: count }, (_, i) => {
    const start = count === all
      ? i * BLOCK
      : Math.round(i * (bytes - BLOCK) / Math.max(count - 1, 1));
    return [start, Math.min(start + BLOCK, bytes)];
  });
}
