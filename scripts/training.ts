/** Shared by `base_train` and `speedrun`: a pretraining run, from its flags to its end. */

import {
  type Checkpoint,
  type Device,
  preparePretraining,
  type PretrainOptions,
  type PretrainPlan,
  type RunRanks,
  type TrainingPlan,
  type TrainingState,
} from "../gpt/mod.ts";
import { type FloatType, type RunLock, tableAsText, typeNames } from "../gpt/internals.ts";
import { llama, llamaLike, type Pretrained } from "../models/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { coreMeasurement } from "./core.ts";
import { checkPlace, openCorpus, pinsOf } from "./corpora.ts";
import { type dashboardFlags, serveRun } from "./dashboard.ts";
import { chosenType, type deviceFlags, measurePeak } from "./device.ts";
import { type Settings, UsageError, type Values } from "./flags.ts";
import type { TrainingInterrupt } from "./interrupt.ts";
import { count } from "./format.ts";
import { checkMemory, checkTrainable } from "./memory.ts";
import { print } from "./output.ts";
import { isFirst } from "./parallel.ts";
import { planRows } from "./plan_table.ts";
import { checkTrace, type ProfileValues, showProfile, wantsProfile } from "./profile.ts";
import { Progress, showRun } from "./progress.ts";
import {
  planForModel,
  planRun,
  savedSettings,
  settingsOf,
  type TrainingValues,
} from "./training_flags.ts";

export interface TrainingRun {
  readonly flags:
    & TrainingValues
    & ProfileValues
    & Partial<Values<typeof dashboardFlags>>
    & { readonly from?: string };
  readonly folder: string;
  /** The lock on the folder; ranks other than 0 have none, and write nothing. */
  readonly lock?: RunLock | undefined;
  readonly ranks?: RunRanks | null;
  /** The signals that stop it; disposed of at its end. */
  readonly interrupt: TrainingInterrupt;
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  /** Removes an earlier run, when everything else is ready. */
  readonly clearFolder?: () => Promise<void>;
  readonly resumeCommand: string;
  readonly checkpoint?: Checkpoint;
  /** A model of another program that the run trains further, instead of a new one. */
  readonly pretrained?: Pretrained | null;
  /** A measurement besides bits per byte. @default {CORE, if there is a bundle} */
  readonly measure?: PretrainOptions["measure"];
}

export interface TrainingOutcome {
  readonly state: TrainingState;
  /** The plan. */
  readonly plan: PretrainPlan;
  readonly model: Awaited<ReturnType<typeof preparePretraining>>["model"];
  /** 0 at the end, or the exit code of the signal that stopped it. */
  readonly exitCode: number;
  /** Peak matmul FLOP/s. */
  readonly peakFlops: number;
  /** Beginnings of texts like those of the corpus. */
  readonly prompts: readonly string[];
}

/** Trains: checks what the flags ask for, opens what that needs, says what it will do, and does it. */
export async function runTraining(run: TrainingRun): Promise<TrainingOutcome> {
  const { flags, device, checkpoint, ranks = null } = run;
  using interrupt = run.interrupt;
  await checkPlace(flags.data);
  await checkTrace(flags);
  const choice = await chooseRun(run);
  const { plan, computeDtype } = choice;
  const parts = await openParts(run, computeDtype);
  const peak = await measurePeak(device, ranks);
  print(`${tableAsText(tableRows(run, choice, peak.flops))}\n`);

  const saving = { isWanted: false };
  await using page = await openDashboard(run, saving);
  if (page !== null) print(`Dashboard: ${page.url}/\n`);
  const pretraining = await preparePretraining({
    ...parts,
    computeDtype,
    plan,
    build: choice.build,
    wantsSave: () => saving.isWanted,
  });
  await run.clearFolder?.();
  if (pretraining.firstStep > 0) print(`Resuming after step ${pretraining.firstStep}.`);
  reportPrecision(device, computeDtype, checkpoint);

  // Open MPI's launcher gives ranks a terminal, but forwards whole lines only.
  const isTerminal = ranks === null && Deno.stdout.isTerminal();
  interrupt.begin();
  const outcome = await showRun(pretraining.run(), {
    progress: new Progress(plan.numIterations, peak, isTerminal),
    resumeCommand: run.resumeCommand,
    onSaved: () => saving.isWanted = false,
    showProfile: ({ step, profile }) =>
      showProfile(`Step ${step}`, profile, pretraining.model, flags),
  });
  const { model, prompts } = pretraining;
  return { ...outcome, plan, peakFlops: peak.flops, model, prompts };
}

/** The choices of the flags. */
interface Choice {
  readonly plan: PretrainPlan;
  /** The plan with the shape of a new model; `null` if the model is given. */
  readonly newModel: TrainingPlan | null;
  readonly computeDtype: FloatType;
  /** Builds the model, unless it is a new one of nanochat's. */
  readonly build: PretrainOptions["build"];
}

/**
 * Plans a run, and checks the flags against each other, the device and its memory.
 *
 * @throws {UsageError} If they do not fit.
 */
async function chooseRun(
  { flags, device, tokenizer: { vocabSize }, checkpoint, pretrained, ranks = null }: TrainingRun,
): Promise<Choice> {
  const isGiven = (flags.from ?? "") !== "";
  const newModel = isGiven ? null : planRun(flags, vocabSize, ranks?.ranks);
  if (flags.dtype === "f16" && ranks) {
    throw new UsageError("Cannot use --dtype f16: wanted one rank, got several");
  }
  const isNanochat = !isGiven && flags.architecture === "nanochat";
  const computeDtype = trainingType(ranks, device, flags, isNanochat);
  const isFixed = checkpoint !== undefined;
  if (newModel !== null) {
    await checkMemory(newModel, { flags, device, vocabSize, isFixed }, computeDtype);
  }
  if (pretrained) await checkTrainable(pretrained.model, "A smaller model may fit");
  const plan = newModel ?? planForModel(flags);
  return {
    plan,
    newModel,
    computeDtype,
    build: chooseBuilder(flags, device, pretrained, newModel),
  };
}

/** The function that builds the model, if the flags choose another one than nanochat's. */
function chooseBuilder(
  { architecture }: TrainingRun["flags"],
  device: Device,
  pretrained: TrainingRun["pretrained"],
  newModel: TrainingPlan | null,
): PretrainOptions["build"] {
  if (pretrained) return () => pretrained.model;
  if (architecture === "nanochat" || newModel === null) return undefined;
  return (seed) => llama.build(llamaLike(newModel.config), device, { seed });
}

/** The table of what a run is going to do. */
function tableRows(
  { flags, device, ranks = null }: TrainingRun,
  { plan, newModel, computeDtype }: Choice,
  peakFlops: number,
): readonly (readonly [string, string])[] {
  if (newModel !== null) {
    return planRows({ plan: newModel, flags, device, computeDtype, peakFlops, ranks });
  }
  return [
    ["device", device.info.title],
    ["run", `${count(plan.numIterations)} steps of ${count(plan.totalBatchSize)} tokens`],
  ];
}

/** The page that shows a run, if it is wanted: it can stop the run, or have it saved. */
async function openDashboard(
  { flags, interrupt, ranks = null }: TrainingRun,
  saving: { isWanted: boolean },
): Promise<Awaited<ReturnType<typeof serveRun>> | null> {
  if (!flags.dashboard || !isFirst(ranks)) return null;
  return await serveRun(`base/${flags.modelTag}`, (action) => {
    if (action === "stop") interrupt.stop();
    else saving.isWanted = true;
  });
}

/** The parts of pretraining that do not depend on the plan: corpus, measurement, schedule, settings. */
async function openParts(
  run: TrainingRun,
  computeDtype: FloatType,
): Promise<Omit<PretrainOptions, "plan" | "build" | "computeDtype" | "wantsSave">> {
  const { flags, folder, device, tokenizer, checkpoint, ranks = null } = run;
  const { from = "", warmupSteps, momentumWarmupSteps, warmdownRatio, finalLrFrac } = flags;
  const source = await openCorpus(flags.data, flags.textColumn, filesOf(checkpoint, flags.data));
  return {
    ...flags,
    ...isFirst(ranks) && await chooseMeasurement(run),
    device,
    tokenizer,
    folder,
    lock: run.lock,
    chatTemplate: run.pretrained?.chatTemplate ?? checkpoint?.meta.chatTemplate,
    checkpoint,
    source,
    schedule: { warmupSteps, momentumWarmupSteps, warmdownRatio, finalFraction: finalLrFrac },
    // The choices of `auto`, stored so that `--resume` makes the same.
    settings: {
      ...settingsOf(flags),
      ...from !== "" && { from },
      ...pinsOf(source),
      matmulPrecision: device.matmulPrecision,
      dtype: typeNames[computeDtype],
    },
    signal: run.interrupt.signal,
    profile: isFirst(ranks) && wantsProfile(flags),
    parallel: ranks ?? undefined,
  };
}

/**
 * The dtype that the flags choose for training; `auto` is float32 for other models than nanochat's.
 *
 * @throws {UsageError} If another dtype is chosen for such a model.
 */
export function trainingType(
  ranks: Pick<RunRanks, "rank" | "broadcastText"> | null,
  device: Device,
  flags: Pick<Values<typeof deviceFlags>, "dtype">,
  isNanochat: boolean,
): FloatType {
  if (flags.dtype === "auto" && !isNanochat) return "float32";
  const own = chosenType(device, flags);
  // `auto` goes by a timing, which could differ between ranks: rank 0 chooses for all.
  const type = ranks === null || flags.dtype !== "auto"
    ? own
    : ranks.broadcastText(ranks.rank === 0 ? own : null) as FloatType;
  if (type === "float32" || isNanochat) return type;
  throw new UsageError(
    `Cannot use --dtype ${flags.dtype}: wanted nanochat's architecture, got another one`,
  );
}

/** The number of files that a resumed run had of its data set: more may be here now. */
function filesOf(checkpoint: Checkpoint | undefined, data: string): number | undefined {
  const { data: before, dataFiles } = savedSettings(checkpoint);
  return before === data && typeof dataFiles === "number" ? dataFiles : undefined;
}

/** The measurement besides bits per byte: the given one, or CORE if there is a bundle. */
async function chooseMeasurement(
  { flags, tokenizer, measure }: TrainingRun,
): Promise<Pick<PretrainOptions, "measure">> {
  return measure === undefined ? await coreMeasurement(flags, tokenizer) : { measure };
}

/** Prints a line if matmuls or activations have another precision than up to the checkpoint. */
export function reportPrecision(
  device: Device,
  computeDtype: FloatType,
  checkpoint: Checkpoint | undefined,
): void {
  tellChange(
    "Matmuls",
    device.matmulPrecision,
    savedSettings(checkpoint).matmulPrecision,
    checkpoint,
  );
  tellChange("Activations", typeNames[computeDtype], savedSettings(checkpoint).dtype, checkpoint);
}

function tellChange(
  what: string,
  now: string,
  before: Settings[string] | undefined,
  checkpoint: Checkpoint | undefined,
): void {
  if (checkpoint === undefined || now === before) return;
  const { step } = checkpoint.meta.state;
  print(`${what} are in ${now} from here on; up to step ${step} they were in ${before}.`);
}
