/**
 * The interface of every corpus: documents in chunks.
 *
 * A chunk is the unit of reading: an address, a file or a part of one, a row group of a parquet
 * file. Chunks can be read repeatedly and in any order, which is all that shuffling and resuming
 * need, so sources are stateless.
 *
 * @module
 */

/** The two parts of a corpus: one to train on, one held out for evaluation. */
export type SplitName = "train" | "validation";

/**
 * Checks that a split is one: a misspelled name would be the other one.
 *
 * @param name The name of the corpus, for the message.
 * @throws {RangeError} If it is neither.
 */
export function checkSplit(name: string, split: SplitName): void {
  if (split === "train" || split === "validation") return;
  throw new RangeError(`Cannot open "${name}": wanted the split train or validation, got ${split}`);
}

/** A corpus. Nothing is read before a split is opened. */
export interface Source {
  /** The user's name for the corpus, for messages. */
  readonly name: string;
  /**
   * Finds the chunks of a split.
   *
   * @throws {Error} If there is nothing to read, or one of the splits would be empty.
   */
  open(split: SplitName): Promise<Split>;
}

/** One part of a corpus: chunks of documents in a fixed order. */
export interface Split {
  /** Corpus and part, for messages: `the train split of "books"`. */
  readonly name: string;
  /** Changes with the corpus; a saved position is valid only for an equal fingerprint. */
  readonly fingerprint: string;
  /** Approximate size of the text in bytes or characters; decides whether tokens are cached. */
  readonly bytes: number;
  /** Number of chunks. */
  readonly chunks: number;
  /**
   * Number of consecutive chunks that loaders shuffle together, group after group, so that an epoch
   * can begin before the last file has arrived. @default {chunks}
   */
  readonly shuffledChunks?: number;
  /**
   * Reads the documents of chunk 0 ≤ `chunk` < `chunks`, always the same in the same order.
   *
   * @throws {Error} If a file cannot be read.
   * @throws {SyntaxError} If a file is malformed.
   */
  read(chunk: number): Promise<string[]>;
}

/**
 * The chunk of this number.
 *
 * @param place The corpus, for messages.
 * @throws {RangeError} If there is no such chunk.
 */
export function chunkAt<Chunk>(place: string, chunks: readonly Chunk[], index: number): Chunk {
  const chunk = chunks[index];
  if (chunk === undefined) {
    throw new RangeError(
      `Cannot read "${place}": wanted a chunk below ${chunks.length}, got ${index}`,
    );
  }
  return chunk;
}

/** The position of a document in a split. */
export interface DocumentPosition {
  /** Index of the chunk. */
  chunk: number;
  /** Index of the document in the chunk. */
  index: number;
}

/** A document and its position. */
export interface Document extends DocumentPosition {
  /** The text. */
  text: string;
}

/**
 * Iterates over the documents of a split in order, with one chunk in memory at a time.
 *
 * @param from The position of the first document, as yielded earlier.
 * @throws {RangeError} If the whole split has no document.
 *
 * @example
 * ```ts
 * import { documents } from "./source.ts";
 * import { listSource } from "./list_source.ts";
 *
 * const split = await listSource("rhyme", ["one", "two", "three"], 1).open("train");
 * for await (const { text, chunk } of documents(split, { chunk: 1, index: 0 })) {
 *   console.log(chunk, text); // 1 two
 * }
 * ```
 */
export async function* documents(
  split: Split,
  from: DocumentPosition = { chunk: 0, index: 0 },
): AsyncGenerator<Document> {
  let count = 0;
  for (let chunk = from.chunk; chunk < split.chunks; chunk++) {
    const texts = await split.read(chunk);
    for (let index = chunk === from.chunk ? from.index : 0; index < texts.length; index++) {
      const text = texts[index];
      if (text === undefined) continue;
      count++;
      yield { text, chunk, index };
    }
  }
  if (count === 0 && from.chunk === 0 && from.index === 0) throw emptySplit(split);
}

/**
 * Iterates over the texts of a split in order, for example to train a tokenizer.
 *
 * @throws {RangeError} If the split has no document.
 *
 * @example
 * ```ts
 * import { texts } from "./source.ts";
 * import { listSource } from "./list_source.ts";
 *
 * const split = await listSource("rhyme", ["one", "two", "three"], 1).open("train");
 * for await (const text of texts(split)) console.log(text); // one, two
 * ```
 */
export async function* texts(split: Split): AsyncGenerator<string> {
  for await (const { text } of documents(split)) yield text;
}

export function emptySplit(split: Split): RangeError {
  return new RangeError(
    `Cannot read ${split.name}: wanted at least one document with text, got none`,
  );
}

/** Bytes in hexadecimal: `Uint8Array.toHex`, which Node lacks. */
function hexOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A short digest of whatever distinguishes one corpus from another. */
export async function fingerprint(identity: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(identity));
  return hexOf(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
}

/**
 * The fingerprint without the content, as in states saved before it was included, which remain
 * valid.
 */
export function withoutContent(fingerprint: string): string {
  return fingerprint.replace(/-[0-9a-f]+/, "");
}
