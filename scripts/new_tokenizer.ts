/** A tokenizer for the next model. */

import {
  findKeptTokenizer,
  keepTokenizer,
  readTokenizer,
  trainTokenizer,
} from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { openCorpus } from "./corpora.ts";
import type { Values } from "./flags.ts";
import { count, duration } from "./format.ts";
import { print } from "./output.ts";
import type { corpusFlags } from "./training_flags.ts";

/** Bytes of text below which a small vocabulary is enough. */
const SMALL_CORPUS = 50e6;

type CorpusValues = Values<typeof corpusFlags>;

/** Trains a tokenizer on all of a corpus, saves it for new models, and prints its path. */
async function makeTokenizer(
  corpus: CorpusValues,
  vocabSize?: number,
): Promise<Tokenizer> {
  const tokenizer = await trainOnAll(corpus, vocabSize);
  await keepForNewModels(tokenizer);
  return tokenizer;
}

/** Saves a tokenizer for new models, and prints where the one before it is now. */
export async function keepForNewModels(tokenizer: Tokenizer): Promise<void> {
  const { earlier } = await keepTokenizer(tokenizer);
  print(earlier === null ? "" : `The earlier tokenizer is now ${earlier}.\n`);
}

/** Trains a tokenizer on all of a corpus, and prints how it went. */
export async function trainOnAll(
  { data, textColumn }: CorpusValues,
  vocabSize?: number,
): Promise<Tokenizer> {
  const start = performance.now();
  const source = await openCorpus(data, textColumn);
  const { bytes } = await source.open("train");
  const tokenizer = await trainTokenizer(source, {
    vocabSize: vocabSize ?? (bytes < SMALL_CORPUS ? 4096 : 32_768),
    docCap: Infinity,
    maxChars: Infinity,
  });
  const seconds = (performance.now() - start) / 1000;
  print(
    `Trained a tokenizer of ${count(tokenizer.vocabSize)} tokens on ${source.name}: ` +
      duration(seconds),
  );
  return tokenizer;
}

/**
 * Opens a tokenizer: from a file; without a path, the one trained last; if there is none, a new one
 * trained on a corpus.
 *
 * @throws {Error} If there is no such file, or it is damaged.
 */
export async function openTokenizer(corpus: CorpusValues, path = ""): Promise<Tokenizer> {
  if (path === "") return await findKeptTokenizer() ?? await makeTokenizer(corpus);
  const tokenizer = await readTokenizer(path);
  if (tokenizer !== null) return tokenizer;
  throw new Error(`Cannot read ${path}: wanted a tokenizer.json, got no such file`);
}
