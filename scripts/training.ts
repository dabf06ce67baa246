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
import { openCorpus, pinsOf } from "./corpora.ts";
import { type dashboardFlags, serveRun } from "./dashboard.ts";
import { chosenType, type deviceFlags, measurePeak } from "./device.ts";
import { type Settings, UsageError, type Values } from "./flags.ts";
import type { TrainingInterrupt } from "./interrupt.ts";
import { count } from "./format.ts";
import { checkMemory, checkTrainable } from "./memory.ts";
import { print } from "./output.ts";
import { isFirst } from "./parallel.ts";
import { planRows } from "./plan_table.ts";
import { type ProfileValues, showProfile, wantsProfile } from "./profile.ts";
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

export async function runTraining(run: TrainingRun): Promise<TrainingOutcome> {
  const { flags, device, tokenizer, checkpoint, ranks = null } = run;
  using interrupt = run.interrupt;
  const plan = (flags.from ?? "") === "" ? planRun(flags, tokenizer.vocabSize, ranks?.ranks) : null;
  const isNanochat = plan !== null && flags.architecture === "nanochat";
  if (flags.lengthWarmupSteps > 0 && flags.maxSeqLen % 4 !== 0) {
    throw new UsageError(
      `Cannot use --length-warmup-steps: wanted --max-seq-len as a multiple of 4, got ${flags.maxSeqLen}`,
    );
  }
  if (flags.dtype === "f16" && ranks) {
    throw new UsageError("Cannot use --dtype f16: wanted one rank, got several");
  }
  const computeDtype = trainingType(device, flags, isNanochat);
  const { vocabSize } = tokenizer;
  const isFixed = checkpoint !== undefined;
  if (plan !== null) await checkMemory(plan, { flags, device, vocabSize, isFixed }, computeDtype);
  if (run.pretrained) await checkTrainable(run.pretrained.model, "A smaller model may fit");
  const parts = await openParts(run, computeDtype);
  const peak = await measurePeak(device, ranks);
  const chosen = plan ?? planForModel(flags);
  const rows = plan === null
    ? rowsForModel(chosen, device)
    : planRows({ plan, flags, device, computeDtype, peakFlops: peak.flops, ranks });
  print(`${tableAsText(rows)}\n`);

  const saving = { isWanted: false };
  await using page = flags.dashboard && isFirst(ranks)
    ? await serveRun(`base/${flags.modelTag}`, (action) => {
      if (action === "stop") interrupt.stop();
      else saving.isWanted = true;
    })
    : null;
  if (page !== null) print(`Dashboard: ${page.url}/\n`);
  const pretraining = await preparePretraining({
    ...parts,
    computeDtype,
    plan: chosen,
    build: chooseModelBuilder(run, plan),
    wantsSave: () => saving.isWanted,
  });
  await run.clearFolder?.();
  if (pretraining.firstStep > 0) print(`Resuming after step ${pretraining.firstStep}.`);
  reportPrecision(device, computeDtype, checkpoint);

  // Open MPI's launcher gives ranks a terminal, but forwards whole lines only.
  const isTerminal = ranks === null && Deno.stdout.isTerminal();
  interrupt.begin();
  const outcome = await showRun(pretraining.run(), {
    progress: new Progress(chosen.numIterations, peak, isTerminal),
    resumeCommand: run.resumeCommand,
    onSaved: () => saving.isWanted = false,
    showProfile: ({ step, profile }) =>
      showProfile(`Step ${step}`, profile, pretraining.model, flags),
  });
  const { model, prompts } = pretraining;
  return { ...outcome, plan: chosen, peakFlops: peak.flops, model, prompts };
}

/** The parts of pretraining that do not depend on the plan: corpus, measurement, schedule, settings. */
async function openParts(
  run: TrainingRun,
  computeDtype: FloatType,
): Promise<Omit<PretrainOptions, "plan" | "build" | "computeDtype" | "wantsSave">> {
  const { flags, folder, device, tokenizer, checkpoint, ranks = null } = run;
  const { from = "", warmupSteps, momentumWarmupSteps, warmdownRatio, finalLrFrac } = flags;
  const source = await openCorpus(flags.data);
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
  device: Device,
  flags: Pick<Values<typeof deviceFlags>, "dtype">,
  isNanochat: boolean,
): FloatType {
  if (flags.dtype === "auto" && !isNanochat) return "float32";
  const type = chosenType(device, flags);
  if (type === "float32" || isNanochat) return type;
  throw new UsageError(
    `Cannot use --dtype ${flags.dtype}: wanted nanochat's architecture, got another one`,
  );
}

/** The measurement besides bits per byte: the given one, or CORE if there is a bundle. */
async function chooseMeasurement(
  { flags, tokenizer, measure }: TrainingRun,
): Promise<Pick<PretrainOptions, "measure">> {
  return measure === undefined ? await coreMeasurement(flags, tokenizer) : { measure };
}

/** The rows of a run whose model is given. */
function rowsForModel(
  { numIterations, totalBatchSize }: PretrainPlan,
  device: Device,
): readonly (readonly [string, string])[] {
  return [
    ["device", device.info.title],
    ["run", `${count(numIterations)} steps of ${count(totalBatchSize)} tokens`],
  ];
}

/** The function that builds the model, if the flags choose another one than nanochat's. */
function chooseModelBuilder(
  { flags, device, pretrained }: TrainingRun,
  plan: TrainingPlan | null,
): PretrainOptions["build"] {
  if (pretrained) return () => pretrained.model;
  if (flags.architecture === "nanochat" || plan === null) return undefined;
  return (seed) => llama.build(llamaLike(plan.config), device, { seed });
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
