/** A tokenizer for a model that is trained next. */

import { findKeptTokenizer, keepTokenizer, trainTokenizer } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { openCorpus } from "./corpora.ts";
import { count, duration } from "./format.ts";
import { print } from "./output.ts";

/** Bytes of text below which a small vocabulary is enough. */
const SMALL_CORPUS = 50e6;

/** Trains a tokenizer on all of a corpus, keeps it for new models, and says so. */
export async function makeTokenizer(data: string, vocabSize?: number): Promise<Tokenizer> {
  const start = performance.now();
  const source = await openCorpus(data);
  const { bytes } = await source.open("train");
  const tokenizer = await trainTokenizer(source, {
    vocabSize: vocabSize ?? (bytes < SMALL_CORPUS ? 4096 : 32_768),
    docCap: Infinity,
    maxChars: Infinity,
  });
  const { earlier } = await keepTokenizer(tokenizer);
  const seconds = (performance.now() - start) / 1000;
  if (earlier !== null) print(`The earlier tokenizer is now ${earlier}.`);
  print(
    `Trained a tokenizer of ${count(tokenizer.vocabSize)} tokens on ${source.name}: ` +
      `${duration(seconds)}\n`,
  );
  return tokenizer;
}

/** The tokenizer that was trained last; without one, a new one of a corpus. */
export async function openTokenizer(data: string): Promise<Tokenizer> {
  return await findKeptTokenizer() ?? await makeTokenizer(data);
}
