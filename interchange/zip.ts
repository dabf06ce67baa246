/**
 * Zip archives as `torch.save` writes them: entries without compression.
 *
 * Sizes are taken from the central directory, since the entries' own headers may lack them.
 *
 * Source: PKWARE's APPNOTE.TXT, with its ZIP64 extension.
 *
 * @module
 */

import { malformed, type Source } from "./source.ts";

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
/** The end record: 22 bytes and a comment of at most 65,535. */
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
/** Entries start at multiples of this, as in PyTorch. */
const ALIGNMENT = 64;
/** In 32-bit fields: the value stands in the ZIP64 field. */
const IN_64 = 0xffffffff;

/** An entry of an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Reads a part of its content. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Opens an archive: reads its directory.
 *
 * @throws {SyntaxError} If it is malformed, or an entry is compressed or not in the file.
 */
export async function openZip(source: Source): Promise<Map<string, ZipEntry>> {
  const refuse = (wanted: string, got: string) => malformed(source.name, wanted, got);
  const { start, size, count } = await findDirectory(source, refuse);
  if (start + size > source.size) {
    throw refuse("a directory inside of the file", `one that ends at ${start + size}`);
  }
  const bytes = await source.read(start, size);
  const view = new DataView(bytes.buffer);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > size || view.getUint32(at, true) !== DIRECTORY) {
      throw refuse(`${count} entries in the directory`, `${i}`);
    }
    const method = view.getUint16(at + 10, true);
    const [nameLength, extraLength, commentLength] = [28, 30, 32]
      .map((field) => view.getUint16(at + field, true)) as [number, number, number];
    const extraStart = at + 46 + nameLength;
    const next = extraStart + extraLength + commentLength;
    if (next > size) throw refuse("whole entries in the directory", "one that is cut off");
    const name = new TextDecoder().decode(bytes.subarray(at + 46, extraStart));
    const extra = wideFields(view, extraStart, extraStart + extraLength);
    const wide = (value: number) => value === IN_64 ? extra.shift() ?? value : value;
    const length = wide(view.getUint32(at + 24, true));
    const stored = wide(view.getUint32(at + 20, true));
    const header = wide(view.getUint32(at + 42, true));
    if (method !== 0 || stored !== length) {
      throw refuse(`${name} without compression, as torch.save writes it`, `method ${method}`);
    }
    if (header + 30 + length > source.size) {
      throw refuse(`${name} inside of the file`, `${length} bytes from ${header} on`);
    }
    entries.set(name, readEntry(source, name, header, length, refuse));
    at = next;
  }
  return entries;
}

type Refuse = (wanted: string, got: string) => Error;

async function findDirectory(
  source: Source,
  refuse: Refuse,
): Promise<{ start: number; size: number; count: number }> {
  const tail = Math.min(source.size, END_BYTES + 0xffff);
  const bytes = await source.read(source.size - tail, tail);
  const view = new DataView(bytes.buffer);
  let end = tail - END_BYTES;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) {
    throw refuse("a zip archive, as torch.save writes it since PyTorch 1.6", "no end of one");
  }
  const directory = {
    count: view.getUint16(end + 10, true),
    size: view.getUint32(end + 12, true),
    start: view.getUint32(end + 16, true),
  };
  const locator = end - LOCATOR_BYTES;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR_64) return directory;
  const record = Number(view.getBigUint64(locator + 8, true));
  if (record + 56 > source.size) throw refuse("a ZIP64 record inside of the file", `${record}`);
  const wide = new DataView((await source.read(record, 56)).buffer);
  if (wide.getUint32(0, true) !== END_64) throw refuse("a ZIP64 record", "other bytes");
  return {
    count: Number(wide.getBigUint64(32, true)),
    size: Number(wide.getBigUint64(40, true)),
    start: Number(wide.getBigUint64(48, true)),
  };
}

/** The 64-bit values of the ZIP64 extra field, in order. */
function wideFields(view: DataView, start: number, end: number): number[] {
  for (let at = start; at + 4 <= end;) {
    const [id, length] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (id === 1 && at + 4 + length <= end) {
      return Array.from(
        { length: length >> 3 },
        (_, i) => Number(view.getBigUint64(at + 4 + 8 * i, true)),
      );
    }
    at += 4 + length;
  }
  return [];
}

function readEntry(
  source: Source,
  name: string,
  header: number,
  size: number,
  refuse: Refuse,
): ZipEntry {
  let start: number | undefined;
  return {
    name,
    size,
    async read(offset, length) {
      if (start === undefined) {
        const view = new DataView((await source.read(header, 30)).buffer);
        if (view.getUint32(0, true) !== LOCAL) throw refuse(`the header of ${name}`, "other bytes");
        // Its name and extra field may be longer than in the directory.
        start = header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
      }
      if (offset + length > size) {
        throw refuse(`${length} bytes at ${offset} of ${name}`, `${size}`);
      }
      return await source.read(start + offset, length);
    },
  };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255]! ^ crc >>> 8;
  return ~crc >>> 0;
}

/** A little-endian record of 16-, 32- and 64-bit numbers. */
function record(
  ...fields: readonly (readonly [bits: 16 | 32 | 64, value: number])[]
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fields.reduce((sum, [bits]) => sum + bits / 8, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [bits, value] of fields) {
    if (bits === 16) view.setUint16(at, value, true);
    else if (bits === 32) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bits / 8;
  }
  return bytes;
}

/**
 * Writes an archive without compression, entry by entry. Contents start at multiples of 64 bytes.
 *
 * @param entries Names and contents, in order.
 */
export async function* writeZip(
  entries: Iterable<readonly [name: string, content: () => Promise<Uint8Array<ArrayBuffer>>]>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const [name, read] of entries) {
    const content = await read();
    const path = new TextEncoder().encode(name);
    const [crc, size] = [crc32(content), content.length];
    // An extra field "FB" of zeros, as PyTorch pads.
    const padding = (ALIGNMENT - (offset + 30 + path.length + 4) % ALIGNMENT) % ALIGNMENT;
    /** Version, flags, method, time, date, checksum, sizes, length of the name: the same in both headers. */
    const description = [
      [16, 20],
      [16, 0x800],
      [16, 0],
      [16, 0],
      [16, 0x21],
      [32, crc],
      [32, size],
      [32, size],
      [16, path.length],
    ] as const;
    const header = record([32, LOCAL], ...description, [16, 4 + padding]);
    const extra = record([16, 0x4246], [16, padding]);
    const isWide = offset >= IN_64;
    const wide = isWide ? record([16, 1], [16, 8], [64, offset]) : new Uint8Array();
    directory.push(
      record(
        [32, DIRECTORY],
        [16, 20],
        ...description,
        [16, wide.length],
        [16, 0],
        [16, 0],
        [16, 0],
        [32, 0],
        [32, isWide ? IN_64 : offset],
      ),
      path,
      wide,
    );
    for (const part of [header, path, extra, new Uint8Array(padding), content]) {
      offset += part.length;
      yield part;
    }
  }
  const start = offset;
  for (const part of directory) {
    offset += part.length;
    yield part;
  }
  const [count, size] = [directory.length / 3, offset - start];
  if (start >= IN_64 || count >= 0xffff) {
    yield record(
      [32, END_64],
      [64, 44],
      [16, 45],
      [16, 45],
      [32, 0],
      [32, 0],
      [64, count],
      [64, count],
      [64, size],
      [64, start],
    );
    yield record([32, LOCATOR_64], [32, 0], [64, offset], [32, 1]);
  }
  yield record(
    [32, END],
    [16, 0],
    [16, 0],
    [16, Math.min(count, 0xffff)],
    [16, Math.min(count, 0xffff)],
    [32, size],
    [32, Math.min(start, IN_64)],
    [16, 0],
  );
}
