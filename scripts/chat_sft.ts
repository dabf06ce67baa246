/** Fine-tunes a base model on conversations: nanochat's `chat_sft`, with its flags. */

import { type FineTuning, openChatFormat, prepareFineTuning } from "../chat/mod.ts";
import { type LoadedModel, plainTemplate, stagePath } from "../chat/internals.ts";
import type { Checkpoint, Device, RunRanks } from "../gpt/mod.ts";
import { type ReportRow, tableAsText, typeNames } from "../gpt/internals.ts";
import { chatCoreMeasurement } from "./chat_core.ts";
import { basename } from "./deps.ts";
import { givenFlags, parseFlags, rethrowAsUsage, runScript, UsageError } from "./flags.ts";
import { count } from "./format.ts";
import { interruptTraining } from "./interrupt.ts";
import { checkTrainable } from "./memory.ts";
import {
  chatParts,
  chooseModel,
  findModel,
  identify,
  openStep,
  openToResume,
  titleOf,
  wantedTokenizer,
} from "./models.ts";
import { print, printError } from "./output.ts";
import { isFirst, onRanks, openDeviceOnRanks, shareCheckpoint } from "./parallel.ts";
import { Progress, showRun } from "./progress.ts";
import { lockRunFolder, removeRun } from "./run_folder.ts";
import { measurePeak } from "./device.ts";
import { type FineTuneValues, flags } from "./sft_flags.ts";
import { openSftTasks, type SftTasks } from "./sft_tasks.ts";
import { reportPrecision, trainingType } from "./training.ts";
import { GENTLE_FRACTION, learningRatesOf, MAX_ROW, runFlags } from "./training_flags.ts";
import { kebabCase } from "./words.ts";

/** Flags whose defaults are the settings of the base model. */
const inherited = [
  "maxSeqLen",
  "deviceBatchSize",
  "totalBatchSize",
  "embeddingLr",
  "unembeddingLr",
  "matrixLr",
];

/** The settings that are saved with a run, for resuming it. */
const settingNames = (Object.keys(flags) as (keyof typeof flags)[])
  .filter((name) => !["resume", "overwrite", "mpi", "verbose"].includes(name));

/** Fine-tunes a model, or resumes a run. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  return fineTune(args);
}

/**
 * The same as {@linkcode main}, on behalf of another command.
 *
 * @param resumeCommand The command that resumes the run, if not this one with `--resume`.
 */
export function fineTune(args: readonly string[], resumeCommand?: string): Promise<number> {
  return runScript({
    summary: "Fine-tunes a base model on conversations, so that it answers.",
    command: "deno task chat_sft",
    flags,
    run: onRanks((...given) => runChatSft(...given, resumeCommand)),
  }, args);
}

async function runChatSft(
  ranks: RunRanks | null,
  given: FineTuneValues,
  args: readonly string[],
  resumeCommand?: string,
): Promise<number> {
  using interrupt = interruptTraining(ranks);
  // Only a model that is open on the device can tell which settings suit it.
  await using early = given.from === "" ? null : await openDeviceOnRanks(ranks, given);
  const start = early === null
    ? await startFromCheckpoint(given, args, ranks)
    : await startFromModel(given, args, ranks, early);
  const { values, checkpoint } = start;
  const chatTemplate = start.chatTemplate ?? undefined;
  const tag = values.modelTag || start.tag;
  const folder = stagePath("sft", tag);
  await using lock = isFirst(ranks) ? await lockRunFolder(folder, given) : undefined;
  const { tokenizer } = checkpoint;
  const { format } = chatParts({ tokenizer, chatTemplate: start.chatTemplate }, {
    name: start.tag,
  });
  using _ = format;
  const tasks = await openSftTasks(values, tokenizer, start.chatTemplate === null);
  await using opened = early === null ? await openDeviceOnRanks(ranks, values) : null;
  const device = early ?? opened!;
  const { initLrFrac: initialFraction, warmupRatio, warmdownRatio } = values;
  const isNanochat = "meta" in checkpoint && checkpoint.meta.architecture === undefined;
  const computeDtype = trainingType(ranks, device, values, isNanochat);
  const tuning = await prepareFineTuning({
    ...values,
    device,
    checkpoint,
    computeDtype,
    folder,
    lock,
    task: tasks.train,
    ...tasks.validation && { validation: tasks.validation },
    format,
    chatTemplate,
    keepsOrder: tasks.hasNanochatOrder,
    measure: tasks.hasNanochatOrder
      ? await chatCoreMeasurement(values, checkpoint.tokenizer, format)
      : undefined,
    sequenceLength: values.maxSeqLen,
    loadOptimizer: values.loadOptimizer !== 0,
    learningRates: learningRatesOf(values),
    documents: tasks.documents.length === 0
      ? undefined
      : { texts: tasks.documents, epochs: values.documentEpochs },
    schedule: { initialFraction, warmupRatio, warmdownRatio, finalFraction: values.finalLrFrac },
    settings: {
      ...settingsOf(values, tag),
      matmulPrecision: device.matmulPrecision,
      dtype: typeNames[computeDtype],
    },
    signal: interrupt.signal,
    parallel: ranks ?? undefined,
  }).catch(rethrowAsUsage);
  if (given.overwrite && isFirst(ranks)) await removeRun(folder);
  print(`${tableAsText(tableRows({ ranks, device, tasks, tuning, values }))}\n`);
  if (given.resume && "meta" in checkpoint) reportPrecision(device, computeDtype, checkpoint);
  const peak = await measurePeak(device, ranks);
  // Open MPI's launcher gives ranks a terminal, but forwards whole lines only.
  const isTerminal = ranks === null && Deno.stdout.isTerminal();
  const progress = new Progress(tuning.numIterations, peak, isTerminal);
  interrupt.begin();
  const { exitCode } = await showRun(tuning.run(), {
    progress,
    resumeCommand: values.loraRank > 0
      ? null
      : resumeCommand ?? `deno task chat_sft --resume --model-tag ${tag}`,
  });
  printTooLong(tuning, values);
  return exitCode;
}

/** Rows of the table that a run begins with. */
function tableRows({ ranks, device, tasks, tuning, values }: {
  readonly ranks: RunRanks | null;
  readonly device: Device;
  readonly tasks: SftTasks;
  readonly tuning: FineTuning;
  readonly values: FineTuneValues;
}): ReportRow[] {
  const { documents, train } = tasks;
  const rows: ReportRow[] = [];
  if (ranks !== null) rows.push(["ranks", ranks.description]);
  rows.push(["device", device.info.title]);
  if (documents.length > 0) {
    const steps = `in steps 1 to ${count(tuning.documentSteps)}`;
    rows.push(["documents", `${count(documents.length)}, ${steps}`]);
  }
  rows.push(
    ["data", `${count(train.length)} conversations: ${train.name}`],
    ["run", `${count(tuning.numIterations)} steps of ${count(values.totalBatchSize)} tokens`],
  );
  return rows;
}

/** Prints how many conversations were too long for a row, if any. */
function printTooLong(
  { loader: { cut, leftOut } }: FineTuning,
  { maxSeqLen }: FineTuneValues,
): void {
  if (cut + leftOut === 0) return;
  print(
    `Longer than --max-seq-len ${maxSeqLen}: ${count(cut)} conversations so far were cut short, ` +
      `and ${count(leftOut)} left out`,
  );
}

/** Opens and names the checkpoint that a run starts from: a base model, or one that is resumed. */
async function openStart(
  { resume, baseTag, baseStep, modelTag }: FineTuneValues,
): Promise<Checkpoint> {
  if (resume) {
    return await openToResume("sft", (await findModel({ source: "sft", modelTag })).folder);
  }
  const { folder } = await findModel({ source: "base", modelTag: baseTag }, ["base"], "--base-tag");
  const model = await identify("base", await openStep(folder, baseStep, "--base-step"));
  printError(`Base model: ${titleOf(model)}`);
  return model;
}

/** The model that a run starts from, and the flags that suit it. */
interface Start {
  readonly values: FineTuneValues;
  readonly checkpoint: Checkpoint | LoadedModel;
  readonly chatTemplate: string | null;
  /** The default name of the run. */
  readonly tag: string;
}

async function startFromCheckpoint(
  given: FineTuneValues,
  args: readonly string[],
  ranks: RunRanks | null,
): Promise<Start> {
  const checkpoint = await shareCheckpoint(ranks, async () => await openStart(given));
  const values = given.resume
    ? runFlags(args, flags, checkpoint)
    : parseFlags(args, flags, inheritedSettings(checkpoint, args));
  const chatTemplate = checkpoint.meta.chatTemplate ?? null;
  return { values, checkpoint, chatTemplate, tag: basename(checkpoint.folder) };
}

async function startFromModel(
  given: FineTuneValues,
  args: readonly string[],
  ranks: RunRanks | null,
  device: Device,
): Promise<Start> {
  if (ranks !== null) throw new UsageError("Cannot use --from: wanted one rank, got several");
  const unwanted = givenFlags(args, flags);
  for (const name of ["resume", "baseTag", "baseStep", "loadOptimizer"]) {
    if (!unwanted.has(name)) continue;
    throw new UsageError(
      `Cannot use --from: wanted it without --${kebabCase(name)}, which is about a run`,
    );
  }
  const none = () => Promise.reject(new Error("no run is opened with --from"));
  const choice = await chooseModel({ from: given.from, dtype: "f32" }, new Set(), none);
  const { model, ...rest } = await choice.load(device, { computeDtype: "float32" });
  if (given.loraRank === 0) {
    await checkTrainable(model, "What fits: --lora-rank 8, which trains adapters alone");
  }
  const tokenizer = wantedTokenizer(rest.tokenizer, choice);
  const isPlain = openChatFormat({ tokenizer, chatTemplate: rest.chatTemplate }) === null;
  if (isPlain) {
    printError(`${choice.name} has no chat template: turns begin with User: or Assistant:`);
  }
  const maxSeqLen = Math.min(model.config.sequenceLen, MAX_ROW);
  const sized = parseFlags(args, flags, { ...gentle, maxSeqLen });
  const totalBatchSize = sized.maxSeqLen * sized.deviceBatchSize;
  return {
    values: parseFlags(args, flags, { ...gentle, maxSeqLen, totalBatchSize }),
    checkpoint: { model, tokenizer },
    chatTemplate: isPlain ? plainTemplate : rest.chatTemplate,
    tag: choice.name,
  };
}

/** Defaults for models of other programs. */
const gentle = { initLrFrac: GENTLE_FRACTION };

/** The base model's settings; the command line overrides them. */
function inheritedSettings(
  { meta }: Checkpoint,
  args: readonly string[],
): Record<string, string | number | boolean | null> {
  const settings = Object.fromEntries(
    inherited.flatMap((name) => name in meta.settings ? [[name, meta.settings[name]!]] : []),
  );
  settings.maxSeqLen ??= meta.modelConfig.sequenceLen;
  const given = givenFlags(args, flags);
  const rowsChanged = given.has("maxSeqLen") || given.has("deviceBatchSize");
  // A derived batch size, or one that does not match the rows, becomes one pass over the device's
  // rows.
  if (!given.has("totalBatchSize") && (rowsChanged || Number(settings.totalBatchSize ?? -1) < 1)) {
    const values = parseFlags(args, flags, { ...settings, totalBatchSize: null });
    settings.totalBatchSize = values.maxSeqLen * values.deviceBatchSize;
  }
  return settings;
}

function settingsOf(values: FineTuneValues, modelTag: string): Checkpoint["meta"]["settings"] {
  return Object.fromEntries(settingNames.map((name) => {
    const value = name === "modelTag" ? modelTag : values[name];
    const text = typeof value === "object" && value !== null ? value.join("\n") : value;
    return [name, text === "" ? null : text];
  }));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
