/** Trains the tokenizer and keeps it. Source: nanochat, `scripts/tok_train.py`. @module */

import { type Source, texts } from "../../data/mod.ts";
import { SPLIT_PATTERN, Tokenizer } from "../../tokenizer/mod.ts";
import {
  basePath,
  ensureWritableFolder,
  freeName,
  naming,
  readTextFile,
  writeFileAtomically,
} from "../files/files.ts";

/** How much text to train on. */
export interface TextLimits {
  /** Maximum characters of each document. */
  readonly docCap: number;
  /** Maximum characters in all: the document that exceeds it is the last. */
  readonly maxChars: number;
}

/**
 * Trains a tokenizer on the training split of a corpus.
 *
 * @throws {RangeError} If the vocabulary is too small for the bytes and special tokens.
 * @throws {Error} If the corpus cannot be read or has no text.
 *
 * @example
 * ```ts
 * import { listSource } from "../../data/mod.ts";
 * import { trainTokenizer } from "./train_tokenizer.ts";
 *
 * const source = listSource("rhyme", ["one, two", "buckle my shoe"], 1);
 * const limits = { docCap: 10_000, maxChars: 1e9 };
 * const tokenizer = await trainTokenizer(source, { vocabSize: 266, ...limits });
 * if (tokenizer.vocabSize !== 266) throw new Error(`got ${tokenizer.vocabSize}`);
 * ```
 */
export async function trainTokenizer(
  source: Source,
  options: TextLimits & { readonly vocabSize: number; readonly pattern?: string },
): Promise<Tokenizer> {
  const { vocabSize, pattern = SPLIT_PATTERN, ...limits } = options;
  const split = await source.open("train");
  return await Tokenizer.train(limitTexts(texts(split), limits), { vocabSize, pattern });
}

/**
 * Crops documents, and stops when there is enough text. Limits are in UTF-16 code units.
 *
 * @example
 * ```ts
 * import { limitTexts } from "./train_tokenizer.ts";
 *
 * const texts = limitTexts(["abcd", "ef", "gh"], { docCap: 3, maxChars: 4 });
 * if ((await Array.fromAsync(texts)).join() !== "abc,ef") throw new Error("expected two texts");
 * ```
 */
export async function* limitTexts(
  texts: Iterable<string> | AsyncIterable<string>,
  { docCap, maxChars }: TextLimits,
): AsyncGenerator<string, void, void> {
  let characters = 0;
  for await (const text of texts) {
    const cropped = text.slice(0, docCap);
    characters += cropped.length;
    yield cropped;
    if (characters > maxChars) return;
  }
}

/** The path of the tokenizer for new models. */
export function tokenizerPath(): string {
  return basePath("tokenizer", "tokenizer.json");
}

/**
 * Makes a tokenizer the one for new models.
 *
 * @returns Its path, and the new path of a different one that was there before, if any.
 * @throws {Error} If it cannot be written; the message names the path.
 */
export async function keepTokenizer(
  tokenizer: Tokenizer,
): Promise<{ readonly path: string; readonly earlier: string | null }> {
  const path = tokenizerPath();
  const json = JSON.stringify(tokenizer);
  await ensureWritableFolder(basePath("tokenizer"));
  const former = await readTextFile(path);
  const earlier = former === null || former === json ? null : await freeName(path);
  if (former !== null && earlier !== null) await writeFileAtomically(earlier, former);
  await writeFileAtomically(path, json);
  return { path, earlier };
}

/**
 * Reads the tokenizer for new models.
 *
 * @throws {Error} If there is none, or it is damaged; the message names the path.
 */
export async function loadKeptTokenizer(): Promise<Tokenizer> {
  const found = await findKeptTokenizer();
  if (found !== null) return found;
  throw new Error(
    `Cannot read ${tokenizerPath()}: there is no such file. Train a tokenizer first: ` +
      "deno task tok_train",
  );
}

/**
 * Reads the tokenizer for new models; `null` if there is none.
 *
 * @throws {Error} If it is damaged; the message names the path.
 */
export async function findKeptTokenizer(): Promise<Tokenizer | null> {
  return await readTokenizer(tokenizerPath());
}

/**
 * Reads a tokenizer from a file; `null` if there is none.
 *
 * @throws {Error} If it is damaged; the message names the path.
 */
export async function readTokenizer(path: string): Promise<Tokenizer | null> {
  const json = await readTextFile(path);
  return json === null ? null : await naming("read", path, () => Tokenizer.fromJSON(json));
}
