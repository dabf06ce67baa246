/**
 * Lets a model write.
 *
 * @module
 */

import {
  defaultPrompts,
  loadModel,
  openCheckpoint,
  type SamplingOptions,
  writeText,
  writeTexts,
} from "../gpt/mod.ts";
import { decimal, integer, optional, runScript, text, type Values } from "./flags.ts";
import { write } from "./output.ts";
import { deviceFlags, modelFlags, modelFolder, openChosenDevice } from "./training.ts";

const flags = {
  prompt: optional(text("", "The beginning to continue; without it several of ours")),
  temperature: decimal(0.8, "1 draws as the model predicts, less is more certain, 0 is certain"),
  topK: integer(50, "Draw from this many of the likeliest tokens, 0 for all", { least: 0 }),
  maxTokens: integer(128, "Tokens to write, at most"),
  numSamples: integer(1, "Continuations of each prompt"),
  seed: integer(42, "The same seed writes the same text", { least: 0 }),
  ...modelFlags,
  ...deviceFlags,
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
    const model = await loadModel(checkpoint, device);
    const { temperature, topK, maxTokens, seed, numSamples } = values;
    const options: SamplingOptions & { maxTokens: number } = { temperature, topK, maxTokens, seed };
    for (const prompt of values.prompt === null ? defaultPrompts : [values.prompt]) {
      if (numSamples === 1) {
        write(prompt);
        for await (const piece of writeText(model, checkpoint.tokenizer, prompt, options)) {
          write(piece);
        }
        write("\n\n");
      } else {
        const samples = await writeTexts(model, checkpoint.tokenizer, prompt, {
          ...options,
          samples: numSamples,
        });
        for (const sample of samples) write(`${prompt}${sample}\n\n`);
      }
    }
  } finally {
    await device.close();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
