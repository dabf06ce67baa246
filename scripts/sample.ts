/** Generates text from a checkpoint. */

import { type LanguageModel, type SamplingOptions, writeText, writeTexts } from "../gpt/mod.ts";
import { roomAfter } from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { decimal, givenFlags, integer, mainOf, optional, text, type Values } from "./flags.ts";
import {
  baseModelFlags,
  chooseModel,
  fromFlags,
  openModel,
  readPrompts,
  wantedTokenizer,
} from "./models.ts";
import { printError, write, writeContinuation } from "./output.ts";
import { checkTrace, profileFlags, showProfile, wantsProfile } from "./profile.ts";
import { chosenType, deviceFlags, openChosenDevice, quantizeFlags } from "./device.ts";

const flags = {
  prompt: optional(text("", "The text to continue; several prompts by default")),
  temperature: decimal(
    0.8,
    "0 takes the most likely token, 1 samples from the model's distribution",
  ),
  topK: integer(50, "Sample from this many of the most likely tokens, 0 for all", { least: 0 }),
  maxTokens: integer(128, "Maximum number of tokens"),
  numSamples: integer(1, "Continuations of each prompt"),
  seed: integer(42, "The same seed writes the same text", { least: 0 }),
  ...baseModelFlags,
  ...fromFlags,
  ...quantizeFlags,
  ...deviceFlags,
  ...profileFlags,
};

/** Continues prompts with streaming text. Returns the exit code. */
export const main = mainOf({
  summary: "Continues text with the latest base model.",
  command: "deno task sample",
  flags,
  run: runSample,
});

async function runSample(values: Values<typeof flags>, args: readonly string[]): Promise<void> {
  await checkTrace(values);
  const choice = await chooseModel(values, givenFlags(args, flags), () => openModel(values));
  await using device = await openChosenDevice(values);
  const computeDtype = chosenType(device, values, choice.checkpoint?.meta.settings.dtype);
  const loaded = await choice.load(device, { computeDtype });
  const tokenizer = wantedTokenizer(loaded.tokenizer, choice);
  const prompts = values.prompt === null ? await readPrompts(choice.checkpoint) : [values.prompt];
  const sample = () => writeSamples(loaded.model, tokenizer, prompts, values);
  if (!wantsProfile(values)) return await sample();
  await showProfile("Writing", await device.profile(sample), loaded.model, values);
}

async function writeSamples(
  model: LanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  { temperature, topK, maxTokens, seed, numSamples }: Values<typeof flags>,
): Promise<void> {
  const options: SamplingOptions & { maxTokens: number } = { temperature, topK, maxTokens, seed };
  for (const prompt of prompts) {
    const room = roomAfter(model, tokenizer, prompt);
    if (room > 0 && room < maxTokens) {
      printError(
        `Writing at most ${room} tokens: this model's texts end at ${model.maximumLength}`,
      );
    }
    if (numSamples === 1) {
      await writeContinuation(prompt, writeText(model, tokenizer, prompt, options));
    } else {
      const samples = await writeTexts(model, tokenizer, prompt, {
        ...options,
        samples: numSamples,
      });
      for (const sample of samples) write(`${prompt}${sample}\n\n`);
    }
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
