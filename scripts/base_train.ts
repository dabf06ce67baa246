/** Pretrains a model: nanochat's `base_train`, with its flags. */

import { stagePath } from "../chat/mod.ts";
import { basePath, findLatestRun, type RunRanks } from "../gpt/mod.ts";
import { dashboardFlags } from "./dashboard.ts";
import { givenFlags, integer, runScript, toggle, type Values } from "./flags.ts";
import { interruptTraining } from "./interrupt.ts";
import { openToResume, sampleCommand } from "./models.ts";
import { openTokenizer } from "./new_tokenizer.ts";
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
import { runTraining } from "./training.ts";
import { runFlags, trainingFlags } from "./training_flags.ts";

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
export function main(args: readonly string[]): Promise<number> {
  return trainBase(args);
}

/**
 * The same as {@linkcode main}, on behalf of another command.
 *
 * @param resumeCommand The command that goes on with the run, if not this one with `--resume`.
 */
export function trainBase(args: readonly string[], resumeCommand?: string): Promise<number> {
  return runScript({
    summary: "Pretrains a model on a corpus, with the last tokenizer, or a new one without any.",
    command: "deno task train",
    flags,
    run: onRanks((...given) => runBaseTrain(...given, resumeCommand)),
  }, args);
}

async function runBaseTrain(
  ranks: RunRanks | null,
  given: Values<typeof flags>,
  args: readonly string[],
  resumeCommand?: string,
): Promise<number> {
  using interrupt = interruptTraining(ranks);
  const resume = given.resume || given.resumeFromStep !== -1;
  const own = isFirst(ranks) ? await folderOf(given, args, resume) : null;
  await using lock = own === null ? undefined : await lockRunFolder(own, { ...given, resume });
  const start = own === null ? null : await openRun(own, given, resume);
  const { folder, checkpoint, tokenizer } = await shareRun(ranks, start);
  // Given flags may change a resumed run; the others keep their saved values.
  const values = runFlags(args, flags, checkpoint);
  const modelTag = values.modelTag || `d${values.depth}`;
  await using device = await openDeviceOnRanks(ranks, values);
  const { state, exitCode, prompts } = await runTraining({
    flags: { ...values, modelTag },
    folder,
    lock,
    ranks,
    interrupt,
    device,
    tokenizer,
    resumeCommand: resumeCommand ?? `deno task train --resume --model-tag ${modelTag}`,
    ...(given.overwrite && isFirst(ranks) ? { clearFolder: () => removeRun(folder) } : {}),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  });
  if (exitCode !== 0) return exitCode;
  if (state.bitsPerByte !== null) print(`${state.bitsPerByte.toFixed(4)} bits per byte`);
  if (resumeCommand === undefined) print(`Generate text: ${sampleCommand(modelTag, prompts)}`);
  return 0;
}

/** The folder of a new run, or of the one to resume: the given one, or the latest. */
async function folderOf(
  { modelTag, depth }: Values<typeof flags>,
  args: readonly string[],
  resume: boolean,
): Promise<string> {
  const given = givenFlags(args, flags);
  const isNamed = !resume || given.has("modelTag") || given.has("depth");
  if (!isNamed) return await findLatestRun(basePath("base_checkpoints"));
  return stagePath("base", modelTag || `d${depth}`);
}

async function openRun(
  folder: string,
  { resumeFromStep, data }: Values<typeof flags>,
  resume: boolean,
): Promise<RunStart> {
  const step = resumeFromStep === -1 ? null : resumeFromStep;
  const checkpoint = resume ? await openToResume("base", folder, step) : undefined;
  return { folder, checkpoint, tokenizer: checkpoint?.tokenizer ?? await openTokenizer(data) };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
