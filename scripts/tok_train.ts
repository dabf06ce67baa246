/** Trains a tokenizer: nanochat's `tok_train`, with its flags. */

import { texts } from "../data/mod.ts";
import { keepTokenizer, tableAsText, trainTokenizer } from "../gpt/internals.ts";
import { openCorpus } from "./corpora.ts";
import { GPT2_PATTERN, LLAMA3_PATTERN, SPLIT_PATTERN } from "../tokenizer/mod.ts";
import { choice, integer, mainOf, type Values } from "./flags.ts";
import { count, duration } from "./format.ts";
import { corpusFlags, vocabularySizes } from "./training_flags.ts";

const flags = {
  maxChars: integer(2_000_000_000, "Maximum characters to train on"),
  docCap: integer(10_000, "Maximum characters of each document"),
  vocabSize: integer(32_768, "Vocabulary size, including special tokens", vocabularySizes),
  pattern: choice(
    ["nanochat", "gpt2", "llama3"],
    "nanochat",
    "How text is split; GGUF files can name the patterns of gpt2 and llama3, not nanochat's",
  ),
  ...corpusFlags,
};

const patterns = { nanochat: SPLIT_PATTERN, gpt2: GPT2_PATTERN, llama3: LLAMA3_PATTERN };

/** Trains a tokenizer and keeps it for new models. Returns the exit code. */
export const main = mainOf({
  summary: "Trains a byte-level BPE tokenizer on a corpus.",
  command: "deno task tok_train",
  flags,
  run: runTokTrain,
});

async function runTokTrain(values: Values<typeof flags>): Promise<void> {
  const start = performance.now();
  const source = await openCorpus(values.data, values.textColumn);
  const { vocabSize, docCap, maxChars, pattern } = values;
  const limits = { vocabSize, docCap, maxChars };
  const tokenizer = await trainTokenizer(source, { ...limits, pattern: patterns[pattern] });
  const seconds = (performance.now() - start) / 1000;
  const { path, earlier } = await keepTokenizer(tokenizer);

  let [bytes, tokens] = [0, 0];
  for await (const text of texts(await source.open("validation"))) {
    bytes += new TextEncoder().encode(text).length;
    tokens += tokenizer.encode(text).length;
  }
  console.log(tableAsText([
    ["vocabulary", `${count(tokenizer.vocabSize)} tokens`],
    ["time", duration(seconds)],
    ["compression", `${(bytes / tokens).toFixed(2)} bytes a token of held-out text`],
    ["saved", path],
    ...(earlier === null ? [] : [["earlier one", earlier] as const]),
  ]));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
