/**
 * Pretrains a model: nanochat's `base_train`, with its flags.
 *
 * @module
 */

import {
  basePath,
  type Checkpoint,
  findLatestRun,
  loadKeptTokenizer,
  openCheckpoint,
} from "../gpt/mod.ts";
import { givenFlags, integer, runScript, toggle, type Values } from "./flags.ts";
import { profileFlags } from "./profile.ts";
import { openChosenDevice, runFlags, runFolder, runTraining, trainingFlags } from "./training.ts";

const flags = {
  ...trainingFlags,
  resume: toggle("Go on from the checkpoint that was saved last, with the flags of its run"),
  resumeFromStep: integer(-1, "Go on from the checkpoint of this step, -1 for not", {
    least: 0,
    or: -1,
  }),
  ...profileFlags,
};

/**
 * Trains a model, or goes on with it.
 *
 * @param args The command line, without the name of the script.
 * @returns The exit code: 0; 130, 143 or 129 after SIGINT (Ctrl-C), SIGTERM or SIGHUP; 1 if something
 * went wrong, 2 if a flag makes no sense.
 *
 * @example
 * ```ts
 * import { main } from "./base_train.ts";
 *
 * if (await main(["--help"]) !== 0) throw new Error("expected the list of flags");
 * ```
 */
export function main(args: readonly string[]): Promise<number> {
  return runScript({
    summary: "Pretrains a model on a corpus. Needs a tokenizer: deno task tok_train",
    command: "deno task train",
    flags,
    run,
  }, args);
}

async function run(given: Values<typeof flags>, args: readonly string[]): Promise<number> {
  const isResuming = given.resume || given.resumeFromStep !== -1;
  const checkpoint = isResuming ? await findCheckpoint(given, args) : undefined;
  // Flags that are given again may change a run that goes on; for all others its own hold.
  const values = runFlags(args, flags, checkpoint);
  const modelTag = values.modelTag || `d${values.depth}`;
  const folder = checkpoint?.folder ?? runFolder(modelTag);
  const tokenizer = checkpoint?.tokenizer ?? await loadKeptTokenizer();
  const device = await openChosenDevice(values);
  try {
    const { state, exitCode } = await runTraining({
      flags: { ...values, modelTag },
      folder,
      device,
      tokenizer,
      resumeCommand: `deno task train --resume --model-tag ${modelTag}`,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    });
    if (exitCode !== 0) return exitCode;
    if (state.bitsPerByte !== null) console.log(`${state.bitsPerByte.toFixed(4)} bits per byte`);
    return 0;
  } finally {
    await device.close();
  }
}

/** The checkpoint that the flags mean: of the run that they name, or else of the latest one. */
async function findCheckpoint(
  { modelTag, depth, resumeFromStep }: Values<typeof flags>,
  args: readonly string[],
): Promise<Checkpoint> {
  const given = givenFlags(args, flags);
  const tag = given.has("modelTag") ? modelTag : given.has("depth") ? `d${depth}` : null;
  const folder = tag === null ? await findLatestRun(basePath("base_checkpoints")) : runFolder(tag);
  return await openCheckpoint(folder, resumeFromStep === -1 ? undefined : resumeFromStep);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
