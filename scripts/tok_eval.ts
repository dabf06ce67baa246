/** Measures the tokenizer's compression of texts of several kinds: nanochat's `tok_eval`. */

import { texts } from "../data/mod.ts";
import {
  type Compression,
  limitTexts,
  loadKeptTokenizer,
  loadPublishedTokenizer,
  measureCompression,
  type NamedText,
  publishedTokenizers,
  ruleTexts,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { openCorpus } from "./corpora.ts";
import { type TokenizerEvaluation, tokenizerEvaluationPath } from "./evaluations.ts";
import { type Flag, integer, mainOf, toggle, UsageError, type Values } from "./flags.ts";
import { alignColumns, count, percent } from "./format.ts";
import { Counter } from "./progress.ts";
import { corpusFlags } from "./training_flags.ts";

type PublishedName = keyof typeof publishedTokenizers;
const known = Object.keys(publishedTokenizers) as PublishedName[];

const againstFlag: Flag<readonly PublishedName[]> = {
  help: "Published tokenizers to compare with, separated by commas, or none",
  fallback: known,
  placeholder: "NAMES",
  parse: (text) => {
    const names = text === "none" ? [] : text.split(",").map((name) => name.trim());
    const found = names.flatMap((name) => known.filter((other) => other === name));
    if (found.length === names.length) return found;
    throw new UsageError(`wanted none or ${known.join(", ")} with commas between, got "${text}"`);
  },
};

const flags = {
  against: againstFlag,
  maxChars: integer(1_000_000, "Maximum characters of each split of the corpus"),
  json: toggle("Print one line of JSON"),
  ...corpusFlags,
};

/** Measures the tokenizer. Returns the exit code. */
export const main = mainOf({
  summary: "Measures the tokenizer's compression of texts of several kinds.",
  command: "deno task tok_eval",
  flags,
  run: runTokEval,
});

async function runTokEval(values: Values<typeof flags>): Promise<void> {
  const { against, maxChars, json } = values;
  const tokenizer = await loadKeptTokenizer();
  const named = [...ruleTexts(), ...await corpusTexts(values, maxChars)];
  const others = Object.fromEntries(
    await Promise.all(
      against.map(async (name) => [name, await loadPublishedTokenizer(name)] as const),
    ),
  );
  const counter = new Counter(Deno.stderr.isTerminal());
  const results = named.map((text, i) => {
    counter.show(`${text.name}, texts`, i + 1, named.length);
    return measureCompression(text, tokenizer, others);
  });
  counter.clear();
  const bytes = new TextEncoder().encode(JSON.stringify(tokenizer));
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const { vocabSize } = tokenizer;
  const evaluation: TokenizerEvaluation = { sha256, vocabSize, texts: results };
  const line = JSON.stringify(evaluation);
  if (json) console.log(line);
  else {
    console.log(`vocabulary  ${count(tokenizer.vocabSize)} tokens\n`);
    console.log(alignColumns([header(against), ...results.map(row)]));
  }
  await writeFileAtomically(tokenizerEvaluationPath(), `${line}\n`);
}

async function corpusTexts(
  { data, textColumn }: Values<typeof corpusFlags>,
  maxChars: number,
): Promise<NamedText[]> {
  const source = await openCorpus(data, textColumn);
  return await Promise.all((["train", "validation"] as const).map(async (name) => {
    const limited = limitTexts(texts(await source.open(name)), { docCap: maxChars, maxChars });
    return { name, text: (await Array.fromAsync(limited)).join("\n").slice(0, maxChars) };
  }));
}

function header(against: readonly string[]): string[] {
  const others = against.flatMap((name) => [`${name} tokens`, "saved"]);
  return ["text", "bytes", "tokens", "bytes/token", ...others];
}

function row({ name, bytes, tokens, bytesPerToken, against }: Compression): string[] {
  const others = Object.values(against).flatMap(({ tokens, saved }) => [
    count(tokens),
    percent(saved),
  ]);
  return [name, count(bytes), count(tokens), bytesPerToken.toFixed(2), ...others];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
