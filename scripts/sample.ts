/**
 * Lets a model write.
 *
 * @module
 */

import {
  defaultPrompts,
  type GPT,
  loadModel,
  openCheckpoint,
  roomAfter,
  type SamplingOptions,
  writeText,
  writeTexts,
} from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { decimal, integer, optional, runScript, text, type Values } from "./flags.ts";
import { printError, write, writeContinuation } from "./output.ts";
import { profileFlags, showProfile, wantsProfile } from "./profile.ts";
import { chosenType, deviceFlags, modelFlags, modelFolder, openChosenDevice } from "./training.ts";

const flags = {
  prompt: optional(text("", "The beginning to continue; without it several of ours")),
  temperature: decimal(0.8, "1 draws as the model predicts, less is more certain, 0 is certain"),
  topK: integer(50, "Draw from this many of the likeliest tokens, 0 for all", { least: 0 }),
  maxTokens: integer(128, "Tokens to write, at most"),
  numSamples: integer(1, "Continuations of each prompt"),
  seed: integer(42, "The same seed writes the same text", { least: 0 }),
  ...modelFlags,
  ...deviceFlags,
  ...profileFlags,
};

/**
 * Continues one prompt or several, as text that streams.
 *
 * @param args The command line, without the name of the script.
 * @returns The exit code: 0; 1 if something went wrong, 2 if a flag makes no sense.
 *
 * @example
 * ```ts
 * import { main } from "./sample.ts";
 *
 * if (await main(["--help"]) !== 0) throw new Error("expected the list of flags");
 * ```
 */
export function main(args: readonly string[]): Promise<number> {
  return runScript({
    summary: "Continues a text with the model that was saved last.",
    command: "deno task sample",
    flags,
    run,
  }, args);
}

async function run(values: Values<typeof flags>): Promise<void> {
  const checkpoint = await openCheckpoint(await modelFolder(values), values.step ?? undefined);
  const device = await openChosenDevice(values);
  try {
    const computeDtype = chosenType(device, values);
    const model = await loadModel(checkpoint, device, { computeDtype });
    const sample = () => writeSamples(model, checkpoint.tokenizer, values);
    if (!wantsProfile(values)) return await sample();
    await showProfile("Writing", await device.profile(sample), device, values);
  } finally {
    await device.close();
  }
}

async function writeSamples(
  model: GPT,
  tokenizer: Tokenizer,
  { prompt: given, temperature, topK, maxTokens, seed, numSamples }: Values<typeof flags>,
): Promise<void> {
  const options: SamplingOptions & { maxTokens: number } = { temperature, topK, maxTokens, seed };
  for (const prompt of given === null ? defaultPrompts : [given]) {
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
