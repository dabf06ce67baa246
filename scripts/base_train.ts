/** Pretrains a model: nanochat's `base_train`, with its flags. */

import { stagePath } from "../chat/files/stages.ts";
import type { Device, RunRanks } from "../gpt/mod.ts";
import { basePath, findLatestRun } from "../gpt/internals.ts";
import type { Pretrained } from "../models/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { dashboardFlags } from "./dashboard.ts";
import {
  decimal,
  givenFlags,
  integer,
  parseFlags,
  runScript,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { interruptTraining } from "./interrupt.ts";
import {
  chooseModel,
  fromFlags,
  nameOf,
  openToResume,
  sampleCommand,
  wantedTokenizer,
} from "./models.ts";
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
import { gentleRates, MAX_ROW, runFlags, trainingFlags } from "./training_flags.ts";
import { kebabCase } from "./words.ts";

const flags = {
  ...trainingFlags,
  ...fromFlags,
  resume: toggle("Resume from the latest checkpoint, with the flags of its run"),
  resumeFromStep: integer(-1, "Resume from the checkpoint of this step, -1 for none", {
    least: 0,
    or: -1,
  }),
  tokenizer: text("", "The tokenizer.json of a new run, by default the last one trained", "PATH"),
  hours: decimal(0, "Save and stop after this many hours, as at Ctrl-C; 0 for no limit", {
    most: 500,
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
 * @param resumeCommand The command that resumes the run, if not this one with `--resume`.
 */
export function trainBase(args: readonly string[], resumeCommand?: string): Promise<number> {
  return runScript({
    summary:
      "Pretrains a model on a corpus, with the last tokenizer, or a new one if there is none.",
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
  using interrupt = interruptTraining(ranks, given.hours);
  const resume = given.resume || given.resumeFromStep !== -1;
  if (given.from !== "") checkFrom(given, args, ranks, resume);
  const own = isFirst(ranks) ? await findRunFolder(given, args, resume) : null;
  await using lock = own === null ? undefined : await lockRunFolder(own, { ...given, resume });
  // Only a model that is open on the device can tell which settings suit it.
  await using early = given.from === "" ? null : await openDeviceOnRanks(ranks, given);
  const pretrained = early === null ? null : await openPretrainedModel(given.from, early);
  const start = own === null ? null : await openRun(own, given, resume, pretrained);
  const { folder, checkpoint, tokenizer } = await shareRun(ranks, start);
  // Flags on the command line may change a resumed run; all others keep their saved values.
  const values = pretrained === null ? runFlags(args, flags, checkpoint) : parseFlags(args, flags, {
    ...gentleRates,
    maxSeqLen: Math.min(pretrained.model.config.sequenceLen, MAX_ROW),
    deviceBatchSize: 4,
  });
  const modelTag = values.modelTag || tagOf(values);
  await using opened = early === null ? await openDeviceOnRanks(ranks, values) : null;
  const device = early ?? opened!;
  const { state, exitCode, prompts } = await runTraining({
    flags: { ...values, modelTag },
    folder,
    lock,
    ranks,
    interrupt,
    device,
    tokenizer,
    pretrained,
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
async function findRunFolder(
  values: Values<typeof flags>,
  args: readonly string[],
  resume: boolean,
): Promise<string> {
  const given = givenFlags(args, flags);
  const isNamed = !resume || ["modelTag", "depth", "architecture"].some((name) => given.has(name));
  if (!isNamed) return await findLatestRun(basePath("base_checkpoints"));
  return stagePath("base", values.modelTag || tagOf(values));
}

/** The default name of a run. */
function tagOf({ depth, from, architecture }: Values<typeof flags>): string {
  if (from !== "") return nameOf(from);
  return architecture === "nanochat" ? `d${depth}` : `${architecture}-d${depth}`;
}

/** Refuses flags that describe a new model or a run together with `--from`. */
function checkFrom(
  { numIterations }: Values<typeof flags>,
  args: readonly string[],
  ranks: RunRanks | null,
  resume: boolean,
): void {
  if (ranks !== null) throw new UsageError("Cannot use --from: wanted one rank, got several");
  if (resume) {
    throw new UsageError(
      "Cannot use --from: wanted it without --resume, which finds the model itself",
    );
  }
  const given = givenFlags(args, flags);
  const other = ["depth", "architecture", "aspectRatio", "headDim", "windowPattern", "dtype"]
    .find((name) => given.has(name));
  if (other !== undefined) {
    throw new UsageError(
      `Cannot use --from: wanted it without --${kebabCase(other)}, which shapes a new model`,
    );
  }
  if (given.has("tokenizer")) {
    throw new UsageError("Cannot use --from: wanted it without --tokenizer, as the model has one");
  }
  if (numIterations === -1) {
    throw new UsageError("Cannot use --from: wanted --num-iterations, too, got none");
  }
}

async function openPretrainedModel(
  from: string,
  device: Device,
): Promise<Pretrained & { readonly tokenizer: Tokenizer }> {
  const choice = await chooseModel(
    { from, dtype: "f32" },
    new Set(),
    () => Promise.reject(new Error("no run is opened with --from")),
  );
  const opened = await choice.load(device, { computeDtype: "float32" });
  return { ...opened, tokenizer: wantedTokenizer(opened.tokenizer, choice) };
}

async function openRun(
  folder: string,
  values: Values<typeof flags>,
  resume: boolean,
  pretrained: { readonly tokenizer: Tokenizer } | null,
): Promise<RunStart> {
  if (pretrained !== null) {
    return { folder, checkpoint: undefined, tokenizer: pretrained.tokenizer };
  }
  const { resumeFromStep, tokenizer } = values;
  const step = resumeFromStep === -1 ? null : resumeFromStep;
  const checkpoint = resume ? await openToResume("base", folder, step) : undefined;
  return {
    folder,
    checkpoint,
    tokenizer: checkpoint?.tokenizer ?? await openTokenizer(values, tokenizer),
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
