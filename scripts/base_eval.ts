/**
 * Measures a model: nanochat's `base_eval`, with its flags.
 *
 * @module
 */

import { openSource, readTokenStream, SequentialLoader, type SplitName } from "../data/mod.ts";
import {
  defaultPrompts,
  encoderOf,
  evaluateBitsPerByte,
  type GPT,
  loadModel,
  openCheckpoint,
  writeTexts,
} from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { type Flag, integer, runScript, UsageError, type Values } from "./flags.ts";
import { duration } from "./format.ts";
import {
  chosenType,
  corpusFlags,
  deviceFlags,
  modelFlags,
  modelFolder,
  openChosenDevice,
} from "./training.ts";

const evaluations = ["bpb", "sample"] as const;

const evalFlag: Flag<readonly string[]> = {
  help: "What to do, with commas between: bits per byte on both splits, samples",
  fallback: evaluations,
  placeholder: "bpb,sample",
  parse: (text) => {
    const names = text.split(",").map((name) => name.trim());
    if (names.every((name) => evaluations.some((known) => known === name))) return names;
    throw new UsageError(`wanted ${evaluations.join(" and ")} with commas between, got "${text}"`);
  },
};

const flags = {
  eval: evalFlag,
  deviceBatchSize: integer(32, "The sequences computed at once"),
  splitTokens: integer(40 * 524_288, "Tokens of each split that are predicted, at most"),
  ...modelFlags,
  ...corpusFlags,
  ...deviceFlags,
};

/**
 * Evaluates a model.
 *
 * @param args The command line, without the name of the script.
 * @returns The exit code: 0; 1 if something went wrong, 2 if a flag makes no sense.
 *
 * @example
 * ```ts
 * import { main } from "./base_eval.ts";
 *
 * if (await main(["--help"]) !== 0) throw new Error("expected the list of flags");
 * ```
 */
export function main(args: readonly string[]): Promise<number> {
  return runScript({
    summary: "Measures the model that was saved last: bits per byte, and samples to read.",
    command: "deno task base_eval",
    flags,
    run,
  }, args);
}

async function run(values: Values<typeof flags>): Promise<void> {
  const checkpoint = await openCheckpoint(await modelFolder(values), values.step ?? undefined);
  const { tokenizer, meta } = checkpoint;
  const device = await openChosenDevice(values);
  try {
    const computeDtype = chosenType(device, values);
    const model = await loadModel(checkpoint, device, { computeDtype });
    console.log(`${checkpoint.folder}, step ${meta.state.step}, on ${device.info.description}`);
    for (const name of values.eval.includes("bpb") ? ["train", "validation"] as const : []) {
      const start = performance.now();
      const bits = await bitsPerByte(model, tokenizer, name, values);
      const seconds = (performance.now() - start) / 1000;
      console.log(`${name.padEnd(10)}  ${bits.toFixed(4)} bits per byte  (${duration(seconds)})`);
    }
    for (const prompt of values.eval.includes("sample") ? defaultPrompts : []) {
      const [text] = await writeTexts(model, tokenizer, prompt, { maxTokens: 16, temperature: 0 });
      console.log(JSON.stringify(prompt + text));
    }
  } finally {
    await device.close();
  }
}

async function bitsPerByte(
  model: GPT,
  tokenizer: Tokenizer,
  name: SplitName,
  { data, splitTokens, deviceBatchSize }: Values<typeof flags>,
): Promise<number> {
  const split = await (await openSource(data)).open(name);
  // The first token of a stream is not predicted.
  const maximumTokens = splitTokens + 1;
  const { tokens } = await readTokenStream(split, encoderOf(tokenizer), { maximumTokens });
  const batches = new SequentialLoader({
    tokens,
    batchSize: deviceBatchSize,
    sequenceLength: model.config.sequenceLen,
  });
  return await evaluateBitsPerByte(model, batches, tokenizer.tokenBytes());
}

if (import.meta.main) Deno.exit(await main(Deno.args));
