/**
 * What every corpus looks like to the rest of this module: documents in chunks.
 *
 * A chunk is what is read in one go: an address, a file or a part of one, a row group of a parquet
 * file. Chunks can be read in any order and as often as wanted, which is all that shuffling and
 * resuming need; no source has to remember where it was.
 *
 * @module
 */

/** The two parts of a corpus: what is learned from, and what is held out to measure with. */
export type SplitName = "train" | "validation";

/** A corpus. Nothing is read before a split is opened. */
export interface Source {
  /** What the user called the corpus, for messages. */
  readonly name: string;
  /**
   * Finds the chunks of a split.
   *
   * @throws {Error} If there is nothing to read, or no document would be left for one of the splits.
   */
  open(split: SplitName): Promise<Split>;
}

/** One part of a corpus: chunks of documents in a fixed order. */
export interface Split {
  /** The corpus and the part, for messages: `the train split of "books"`. */
  readonly name: string;
  /** Changes when the corpus does; a saved position is good only for the same fingerprint. */
  readonly fingerprint: string;
  /** The size of the text in bytes or characters, roughly: decides whether its tokens are kept. */
  readonly bytes: number;
  /** The number of chunks. */
  readonly chunks: number;
  /**
   * Reads the documents of chunk 0 ≤ `chunk` < `chunks`, the same ones in the same order every time.
   *
   * @throws {Error} If a file cannot be read.
   * @throws {SyntaxError} If a file does not have the form that its name promises.
   */
  read(chunk: number): Promise<string[]>;
}

/** The place of a document in a split. */
export interface DocumentPosition {
  /** The number of the chunk. */
  chunk: number;
  /** The number of the document in the chunk. */
  index: number;
}

/** A document and its place. */
export interface Document extends DocumentPosition {
  /** The text. */
  text: string;
}

/**
 * Walks through a split in order, one chunk in memory at a time.
 *
 * @param split The split to read.
 * @param from The first document wanted; its place is what an earlier walk gave with a document.
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
 * The texts of a split in order: what a tokenizer is trained on.
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

/** The error for a split without a single document. */
export function emptySplit(split: Split): RangeError {
  return new RangeError(
    `Cannot read ${split.name}: wanted at least one document with text, got none`,
  );
}

/** A short digest of whatever tells one corpus from another. */
export async function fingerprint(identity: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(identity));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex().slice(0, 16);
}
