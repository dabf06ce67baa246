/** Pretrains a model: nanochat's `base_train`, with its flags. */

import { stagePath } from "../chat/mod.ts";
import {
  basePath,
  findLatestRun,
  loadKeptTokenizer,
  openCheckpoint,
  type RunLock,
  type RunRanks,
} from "../gpt/mod.ts";
import { dashboardFlags } from "./dashboard.ts";
import { givenFlags, integer, mainOf, toggle, type Values } from "./flags.ts";
import { print } from "./output.ts";
import {
  isFirst,
  onRanks,
  openDeviceOnRanks,
  parallelFlags,
  type RunStart,
  shareRun,
} from "./parallel.ts";
import { profileFlags } from "./profile.ts";
import { lockRunFolder, overwriteFlags, removeRun } from "./run_folder.ts";
import { runFlags, runTraining, trainingFlags } from "./training.ts";

const flags = {
  ...trainingFlags,
  resume: toggle("Resume from the latest checkpoint, with the flags of its run"),
  resumeFromStep: integer(-1, "Resume from the checkpoint of this step, -1 for none", {
    least: 0,
    or: -1,
  }),
  ...parallelFlags,
  ...overwriteFlags,
  ...profileFlags,
  ...dashboardFlags,
};

/** Trains a model, or resumes a run. Returns the exit code. */
export const main = mainOf({
  summary: "Pretrains a model on a corpus. Needs a tokenizer: deno task tok_train",
  command: "deno task train",
  flags,
  run: onRanks(run),
});

async function run(
  ranks: RunRanks | null,
  given: Values<typeof flags>,
  args: readonly string[],
): Promise<number> {
  await using found = isFirst(ranks) ? await openRun(given, args) : null;
  const { folder, checkpoint, tokenizer } = await shareRun(ranks, found);
  // Given flags may change a resumed run; the others keep their saved values.
  const values = runFlags(args, flags, checkpoint);
  const modelTag = values.modelTag || `d${values.depth}`;
  await using device = await openDeviceOnRanks(ranks, values);
  const { state, exitCode } = await runTraining({
    flags: { ...values, modelTag },
    folder,
    lock: found?.lock,
    ranks,
    device,
    tokenizer,
    resumeCommand: `deno task train --resume --model-tag ${modelTag}`,
    ...(given.overwrite && found !== null ? { makeRoom: () => removeRun(folder) } : {}),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  if (exitCode !== 0) return exitCode;
  if (state.bitsPerByte !== null) print(`${state.bitsPerByte.toFixed(4)} bits per byte`);
  return 0;
}

async function openRun(
  given: Values<typeof flags>,
  args: readonly string[],
): Promise<RunStart & { readonly lock: RunLock } & AsyncDisposable> {
  const isResuming = given.resume || given.resumeFromStep !== -1;
  const folder = isResuming
    ? await folderToResume(given, args)
    : stagePath("base", given.modelTag || `d${given.depth}`);
  const lock = await lockRunFolder(folder, { ...given, resume: isResuming });
  const disposal = { [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() };
  try {
    const step = given.resumeFromStep === -1 ? undefined : given.resumeFromStep;
    const checkpoint = isResuming ? await openCheckpoint(folder, step) : undefined;
    const tokenizer = checkpoint?.tokenizer ?? await loadKeptTokenizer();
    return { folder, checkpoint, tokenizer, lock, ...disposal };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** The folder of the run to resume: the given one, or the latest. */
async function folderToResume(
  { modelTag, depth }: Values<typeof flags>,
  args: readonly string[],
): Promise<string> {
  const given = givenFlags(args, flags);
  const tag = given.has("modelTag") ? modelTag : given.has("depth") ? `d${depth}` : null;
  return tag === null ? await findLatestRun(basePath("base_checkpoints")) : stagePath("base", tag);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
