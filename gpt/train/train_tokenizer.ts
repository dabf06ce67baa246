/**
 * A tokenizer for a corpus, and its place in the user's files.
 *
 * Source: nanochat, `scripts/tok_train.py`.
 *
 * @module
 */

import { type Source, texts } from "../../data/mod.ts";
import { Tokenizer } from "../../tokenizer/mod.ts";
import {
  basePath,
  ensureWritableFolder,
  fileError,
  freeName,
  writeFileAtomically,
} from "../files/files.ts";

/** How much of a corpus a tokenizer is trained on. */
export interface TextLimits {
  /** Of each document, this many characters; infinity for all. */
  readonly docCap: number;
  /** Of all documents together, this many characters: the one that exceeds it is the last. */
  readonly maxChars: number;
}

/**
 * Trains a tokenizer on the training split of a corpus.
 *
 * @param source The corpus.
 * @param options The size of the vocabulary, and how much text is used.
 * @throws {RangeError} If the vocabulary is too small for the bytes and the special tokens.
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
  options: TextLimits & { readonly vocabSize: number },
): Promise<Tokenizer> {
  const { vocabSize, ...limits } = options;
  const split = await source.open("train");
  return await Tokenizer.train(limitTexts(texts(split), limits), { vocabSize });
}

/**
 * Crops documents, and stops when there is enough text.
 *
 * @param texts The documents.
 * @param limits In UTF-16 code units.
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

/** Where the tokenizer lies that new models are trained with. */
export function tokenizerPath(): string {
  return basePath("tokenizer", "tokenizer.json");
}

/**
 * Makes a tokenizer the one that new models are trained with.
 *
 * @returns Where it is now, and where another one is that was there before; `null` if there was none,
 * or the same.
 * @throws {Error} If it cannot be written; the message names the path.
 */
export async function keepTokenizer(
  tokenizer: Tokenizer,
): Promise<{ readonly path: string; readonly earlier: string | null }> {
  const path = tokenizerPath();
  const json = JSON.stringify(tokenizer);
  await ensureWritableFolder(basePath("tokenizer"));
  const former = await readFormer(path);
  const earlier = former === null || former === json ? null : await freeName(path);
  if (former !== null && earlier !== null) await writeFileAtomically(earlier, former);
  await writeFileAtomically(path, json);
  return { path, earlier };
}

async function readFormer(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw fileError("read", path, cause);
  }
}

/**
 * Reads the tokenizer that new models are trained with.
 *
 * @throws {Error} If there is none, or it is damaged; the message names the path.
 */
export async function loadKeptTokenizer(): Promise<Tokenizer> {
  const path = tokenizerPath();
  try {
    return Tokenizer.fromJSON(await Deno.readTextFile(path));
  } catch (cause) {
    const error = fileError("read", path, cause);
    if (!(cause instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`${error.message}. Train a tokenizer first: deno task tok_train`, { cause });
  }
}
