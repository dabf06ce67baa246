/** Reading untrusted zip files, with a limit on their unpacked size. @module */

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

/** An entry of the directory. */
interface Entry {
  readonly method: number;
  readonly checksum: number;
  /** Compressed and unpacked bytes. */
  readonly packed: number;
  readonly size: number;
  /** Where its header is, which the content follows. */
  readonly header: number;
}

/**
 * Opens a zip file. Nothing is unpacked before it is read.
 *
 * @throws {Error} If it is not a zip file, or unpacks to more than 1 GiB or 200 times its size.
 */
export async function openZip(path: string): Promise<Zip> {
  // Imported here, because it takes 10 MB, and most texts are not compressed.
  const { crc32, inflateRawSync } = await import("node:zlib");
  try {
    const bytes = await Deno.readFile(path);
    const view = new DataView(bytes.buffer);
    const entries = readDirectory(bytes, view);
    const total = entries.reduce((sum, [, { size }]) => sum + size, 0);
    const most = Math.min(MAX_BYTES, MAX_RATIO * bytes.length);
    if (total > most) {
      throw new Error(`wanted a zip file that unpacks to at most ${most} bytes, got ${total}`);
    }
    const entryOf = new Map(entries);
    const unpack = ({ header, method, packed, size }: Entry) => {
      if (header + 30 > bytes.length) throw new Error("a place behind the end of the zip file");
      // Its name and extra fields may be longer than in the directory.
      const [name, extra] = [view.getUint16(header + 26, true), view.getUint16(header + 28, true)];
      const start = header + 30 + name + extra;
      if (method === STORED) return bytes.slice(start, start + size);
      if (method !== DEFLATED) throw new Error(`compression method ${method}`);
      const limit = { maxOutputLength: Math.max(1, size) };
      return new Uint8Array(inflateRawSync(bytes.subarray(start, start + packed), limit));
    };
    return {
      paths: [...entryOf.keys()],
      read: (name) => {
        const entry = entryOf.get(name);
        if (entry === undefined) throw new Error(`wanted ${name}, got a zip file without it`);
        let content: Uint8Array<ArrayBuffer>;
        try {
          content = unpack(entry);
        } catch (cause) {
          throw new Error(`wanted ${name} whole, got "${(cause as Error).message}"`, { cause });
        }
        if (crc32(content) === entry.checksum) return content;
        throw new Error(`wanted ${name} as it was packed, got bytes with another CRC-32`);
      },
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot read ${path}: ${reason}`, { cause });
  }
}

const STORED = 0;
const DEFLATED = 8;
const DIRECTORY_ENTRY = 0x02014b50;
const END = 0x06054b50;
/** The end: 22 bytes and a comment of at most 65,535. */
const END_BYTES = 22;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_BYTES = 20;
/** Instead of a size or a position: it stands in the extra field of 64-bit numbers. */
const IN_64_BITS = 0xffffffff;
const NAMES_ARE_UTF8 = 0x800;

/**
 * The files by name, in the order of the directory at the end.
 *
 * Source: PKWARE's APPNOTE.TXT.
 */
function readDirectory(
  bytes: Uint8Array<ArrayBuffer>,
  view: DataView,
): [name: string, entry: Entry][] {
  let end = bytes.length - END_BYTES;
  const least = Math.max(0, end - 0xffff);
  while (end >= least && view.getUint32(end, true) !== END) end--;
  if (end < least) throw new Error("wanted a zip file, got a file without its end");
  try {
    let [count, at] = [view.getUint16(end + 10, true), view.getUint32(end + 16, true)];
    const locator = end - LOCATOR_BYTES;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64) {
      const record = Number(view.getBigUint64(locator + 8, true));
      count = Number(view.getBigUint64(record + 32, true));
      at = Number(view.getBigUint64(record + 48, true));
    }
    const entries: [string, Entry][] = [];
    while (entries.length < count) {
      if (view.getUint32(at, true) !== DIRECTORY_ENTRY) throw new RangeError("no entry");
      const name = at + 46;
      const extra = name + view.getUint16(at + 28, true);
      const next = extra + view.getUint16(at + 30, true);
      const wide = wideFields(view, extra, next);
      const field = (offset: number) => {
        const value = view.getUint32(at + offset, true);
        return value === IN_64_BITS ? wide.shift() ?? value : value;
      };
      // As in the extra field, the unpacked size is first.
      const [size, packed, header] = [field(24), field(20), field(42)];
      const isUtf8 = (view.getUint16(at + 8, true) & NAMES_ARE_UTF8) !== 0;
      entries.push([
        new TextDecoder(isUtf8 ? "utf-8" : "latin1").decode(bytes.subarray(name, extra)),
        {
          method: view.getUint16(at + 10, true),
          checksum: view.getUint32(at + 16, true),
          packed,
          size,
          header,
        },
      ]);
      at = next + view.getUint16(at + 32, true);
    }
    return entries;
  } catch (cause) {
    throw new Error("wanted a zip file, got one with a damaged directory", { cause });
  }
}

/** The 64-bit numbers of an entry's extra fields, in order. */
function wideFields(view: DataView, start: number, end: number): number[] {
  for (let at = start; at + 4 <= end;) {
    const [id, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (id === 1) {
      return Array.from(
        { length: length >> 3 },
        (_, i) => Number(view.getBigUint64(at + 4 + 8 * i, true)),
      );
    }
    at += 4 + length;
  }
  return [];
}
