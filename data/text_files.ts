/** A corpus of text files. @module */

import { type FoundFile, readBytes } from "./files.ts";
import { shorten, typeInWords } from "./show.ts";
import { fileFingerprint } from "./fingerprint.ts";
import { checkSplit, chunkAt, type Source, type SplitName } from "./source.ts";
import { findUnpacked } from "./unpack/unpack.ts";

/** Extensions of text files; in a `.jsonl` file each line is a document. */
export const TEXT_EXTENSIONS: readonly string[] = [".txt", ".md", ".jsonl"];

/** Options for {@linkcode textFiles}. */
export interface TextFilesOptions {
  /** The field of a `.jsonl` line that holds the text. @default {"text"} */
  field?: string;
  /** Held-out fraction of all bytes, above 0 and at most 0.5. @default {0.05} */
  validationFraction?: number;
  /** Approximate size of a chunk in bytes. @default {1 MiB} */
  chunkBytes?: number;
  /** A folder to unpack `.gz`, `.zst` and `.zip` files into; without it, they are refused. */
  unpackInto?: string | undefined;
}

/**
 * A corpus of `.txt`, `.md` and `.jsonl` files in UTF-8, which may be compressed: `.jsonl.gz`,
 * `.txt.zst`, or several in a `.zip` file.
 *
 * A `.txt` or `.md` file is one document (a large one is several of about `chunkBytes` each, split
 * at line ends); in a `.jsonl` file, each line is one, unless its text is empty or null.
 *
 * Validation is the end of the corpus: the last `validationFraction` of the bytes, in file name
 * order. The boundary moves back to the start of a line. It moves forward to the start of its
 * `.txt` or `.md` file, unless validation would then exceed twice its fraction. So among many files
 * none is in both splits, while a single long file can still be split.
 *
 * @param place A file, a folder or a glob, see {@linkcode findFiles}.
 * @throws {RangeError} If an option is out of range.
 *
 * @example
 * ```ts
 * import { textFiles } from "./text_files.ts";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/a.jsonl`, '{"text":"one"}\n{"text":"two"}\n{"text":"three"}\n');
 * const validation = await textFiles(folder).open("validation");
 * console.log(await validation.read(0)); // [ "three" ]
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export function textFiles(place: string, options: TextFilesOptions = {}): Source {
  const { field = "text", validationFraction = 0.05, chunkBytes = 2 ** 20, unpackInto } = options;
  if (!(validationFraction > 0 && validationFraction <= 0.5)) {
    throw new RangeError(
      `Cannot split "${place}": wanted a validation fraction above 0 and at most 0.5, got ${validationFraction}`,
    );
  }
  if (!(Number.isSafeInteger(chunkBytes) && chunkBytes > 0)) {
    throw new RangeError(
      `Cannot read "${place}": wanted chunks of 1 or more bytes, got ${chunkBytes}`,
    );
  }
  return {
    name: place,
    async open(split) {
      checkSplit(place, split);
      const files = (await findUnpacked(place, TEXT_EXTENSIONS, unpackInto)).filter(({ bytes }) =>
        bytes > 0
      );
      const chunks = cutChunks(
        await splitFiles(files, place, validationFraction, split),
        chunkBytes,
      );
      const identity = [split, field, validationFraction, chunkBytes];
      return {
        name: `the ${split} split of "${place}"`,
        fingerprint: await fileFingerprint(files, identity),
        bytes: chunks.reduce((sum, { from, to }) => sum + to - from, 0),
        chunks: chunks.length,
        async read(index) {
          return await readChunk(chunkAt(place, chunks, index), field);
        },
      };
    },
  };
}

/** A range of a file that belongs to one split, from one document's start to another's end. */
interface Stretch {
  file: FoundFile;
  start: number;
  end: number;
}

/** Part of a stretch; `from` and `to` are approximate, and move back to a boundary when read. */
interface Chunk extends Stretch {
  from: number;
  to: number;
}

async function splitFiles(
  files: readonly FoundFile[],
  place: string,
  fraction: number,
  split: SplitName,
): Promise<Stretch[]> {
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const wanted = Math.max(1, Math.floor(total * fraction));
  const train: Stretch[] = [];
  const validation: Stretch[] = [];
  let before = 0;
  for (const file of files) {
    const target = total - wanted - before;
    let cut = Math.max(0, Math.min(target, file.bytes));
    if (cut > 0 && cut < file.bytes) {
      const wholeFileFits = !isLines(file) && before > 0 && total - before <= 2 * wanted;
      cut = wholeFileFits ? 0 : await documentStart(file, cut);
    }
    if (cut > 0) train.push({ file, start: 0, end: cut });
    if (cut < file.bytes) validation.push({ file, start: cut, end: file.bytes });
    before += file.bytes;
  }
  if (train.length === 0 || validation.length === 0) {
    throw new RangeError(
      `Cannot split "${place}": wanted text for training and for validation, ` +
        `got ${total} bytes with no place to divide them`,
    );
  }
  return split === "train" ? train : validation;
}

function cutChunks(stretches: readonly Stretch[], chunkBytes: number): Chunk[] {
  return stretches.flatMap((stretch) => {
    const count = Math.ceil((stretch.end - stretch.start) / chunkBytes);
    return Array.from({ length: count }, (_, i) => ({
      ...stretch,
      from: stretch.start + i * chunkBytes,
      to: Math.min(stretch.end, stretch.start + (i + 1) * chunkBytes),
    }));
  });
}

async function readChunk({ file, start, end, from, to }: Chunk, field: string): Promise<string[]> {
  const first = from === start ? start : Math.max(start, await documentStart(file, from));
  const last = to === end ? end : Math.max(start, await documentStart(file, to));
  const text = decode(await readBytes(file.path, first, last), file.path, first);
  if (!isLines(file)) return text.trim() === "" ? [] : [text];
  const found: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const document = parseLine(line, field);
    if (document instanceof Error) throw await lineError(file, first, index, document);
    if (document !== "") found.push(document);
  }
  return found;
}

function isLines(file: FoundFile): boolean {
  return file.name.endsWith(".jsonl");
}

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** How far back to search for a boundary, in bytes. */
const WINDOW = 2 ** 16;

/**
 * The last position at or before `offset` where a document may start: after a newline; in a text
 * file without a newline nearby, after a space, or else at a character.
 */
async function documentStart(file: FoundFile, offset: number): Promise<number> {
  for (let end = offset; end > 0; end -= WINDOW) {
    const start = Math.max(0, end - WINDOW);
    const bytes = await readBytes(file.path, start, end);
    const newline = bytes.lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    if (isLines(file)) continue;
    const space = bytes.lastIndexOf(SPACE);
    return space >= 0 ? start + space + 1 : await characterStart(file, offset);
  }
  return 0;
}

/** In UTF-8, only bytes of the form 10xxxxxx do not start a character. */
async function characterStart(file: FoundFile, offset: number): Promise<number> {
  const start = Math.max(0, offset - 3);
  const bytes = await readBytes(file.path, start, Math.min(offset + 1, file.bytes));
  const lead = bytes.findLastIndex((byte) => (byte & 0xc0) !== 0x80);
  return lead >= 0 ? start + lead : offset;
}

function decode(bytes: Uint8Array<ArrayBuffer>, path: string, offset: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(
      `Cannot read "${path}": wanted text in UTF-8, got other bytes between ${offset} and ${
        offset + bytes.length
      }`,
      { cause },
    );
  }
}

function parseLine(line: string, field: string): string | Error {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return new SyntaxError(
      `wanted a JSON object with a "${field}" field, got ${shorten(line.trimEnd())}`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new SyntaxError(
      `wanted a JSON object with a "${field}" field, got ${typeInWords(value)}`,
    );
  }
  const text: unknown = Reflect.get(value, field);
  if (typeof text === "string") return text;
  if (text === null) return "";
  const got = text === undefined
    ? `the fields ${shorten(Object.keys(value).map((key) => `"${key}"`).join(", "))}`
    : typeInWords(text);
  return new TypeError(`wanted a string in the field "${field}", got ${got}`);
}

/** Chunks do not know their line numbers, so count lines only for the message. */
async function lineError(
  file: FoundFile,
  start: number,
  index: number,
  error: Error,
): Promise<Error> {
  let line = index + 1;
  for (let at = 0; at < start; at += WINDOW) {
    const bytes = await readBytes(file.path, at, Math.min(start, at + WINDOW));
    for (const byte of bytes) if (byte === NEWLINE) line++;
  }
  const message = `Cannot read line ${line} of "${file.path}": ${error.message}`;
  return error instanceof TypeError ? new TypeError(message) : new SyntaxError(message);
}
