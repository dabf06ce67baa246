/** Shared by `base_train` and `speedrun`: the flags of a run, and its output. */

import {
  checkCore,
  type CoreBundle,
  coreBundlePath,
  evaluateCore,
  findCoreBundle,
  readCoreBundle,
} from "../chat/mod.ts";
import {
  type Checkpoint,
  type Device,
  estimateMemory,
  estimateSeconds,
  type FloatType,
  type GPT,
  headSize,
  type LearningRates,
  measureMatmulPeak,
  openDevice,
  parameterCounts,
  planTraining,
  preparePretraining,
  type PretrainOptions,
  type RunLock,
  type RunRanks,
  scalingDefaults,
  tableAsText,
  type TrainingPlan,
  type TrainingState,
} from "../gpt/mod.ts";
import { SPECIAL_TOKENS, type Tokenizer } from "../tokenizer/mod.ts";
import {
  blameFlags,
  choice,
  decimal,
  type Flag,
  type Flags,
  integer,
  optional,
  parseFlags,
  runName,
  type Settings,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { openCorpus } from "./corpora.ts";
import { bytes, count, duration, short } from "./format.ts";
import { interruptTraining } from "./interrupt.ts";
import { type dashboardFlags, serveRun } from "./dashboard.ts";
import { checkMemory } from "./memory.ts";
import { print } from "./output.ts";
import { type ProfileValues, showProfile, wantsProfile } from "./profile.ts";
import { Progress, showRun } from "./progress.ts";

export const deviceFlags = {
  device: choice(
    ["auto", "cpu", "webgpu"],
    "auto",
    "The device: auto takes a real GPU if there is one",
  ),
  threads: integer(0, "Threads of the CPU device, 0 for one per core", { least: 0, most: 256 }),
  noBlas: toggle("Compute matmuls without BLAS"),
  matmulPrecision: choice(
    ["f32", "bf16", "auto"],
    "f32",
    "Operands of matmuls on the CPU: bf16 is faster with AMX and oneDNN (Debian: libdnnl3.6); auto " +
      "uses it where it is faster",
  ),
  dtype: choice(
    ["f32", "f16"],
    "f32",
    "The dtype of activations and weights in computations: f16 halves their memory, if supported",
  ),
};

/** A vocabulary has at least all bytes and the special tokens. */
export const smallestVocabulary: number = 256 + SPECIAL_TOKENS.length;

/** Training takes the faster precision; evaluation and sampling are exact unless told otherwise. */
export const trainingPrecision: { matmulPrecision: Flag<"f32" | "bf16" | "auto"> } = {
  matmulPrecision: { ...deviceFlags.matmulPrecision, fallback: "auto" },
};

export const corpusFlags = {
  data: text(
    "sotu",
    "The corpus: sotu, stories, wordnet, or a file, folder or glob of text or parquet",
    "PLACE",
  ),
};

export const bundleFlags = {
  bundle: optional(
    text("", "The folder or zip file of the CORE tasks, by default that of core_bundle", "PATH"),
  ),
};

/**
 * Reads the tasks of the CORE metric, before other work begins.
 *
 * @param maxPerTask The most examples of a task, -1 for all.
 * @param options.orNone Whether the bundle may be missing, unless a path is given.
 * @throws {Error} If there is no bundle, or it is malformed.
 * @throws {UsageError} If `maxPerTask` leaves too few examples of a task.
 */
export async function openBundle(
  { bundle: path }: Values<typeof bundleFlags>,
  maxPerTask: number,
  { orNone = false }: { readonly orNone?: boolean } = {},
): Promise<CoreBundle | null> {
  const place = path ?? await findCoreBundle();
  if (place !== null) {
    const bundle = await readCoreBundle(place);
    blameFlags(() => checkCore(bundle, maxPerTask === -1 ? Infinity : maxPerTask));
    return bundle;
  }
  if (orNone) return null;
  throw new Error(
    `Cannot evaluate CORE: wanted a bundle in ${coreBundlePath()}, got none. Get one first: ` +
      "deno task core_bundle",
  );
}

/** The flags of a run, with nanochat's names and defaults. */
export const trainingFlags = {
  depth: integer(20, "Number of layers, from which all else follows"),
  aspectRatio: integer(scalingDefaults.aspectRatio, "Width per layer of depth"),
  headDim: integer(scalingDefaults.headDim, "Head size"),
  maxSeqLen: integer(scalingDefaults.maxSeqLen, "Training length in tokens", { least: 2 }),
  windowPattern: text(
    scalingDefaults.windowPattern,
    "Long (L) and short (S) attention windows",
    "LS",
  ),
  numIterations: integer(-1, "Number of steps, -1 to derive it", { or: -1 }),
  targetFlops: decimal(-1, "FLOPs to spend, -1 to derive them", { least: 1, or: -1 }),
  targetParamDataRatio: decimal(scalingDefaults.targetParamDataRatio, "Tokens per parameter", {
    or: -1,
  }),
  deviceBatchSize: integer(scalingDefaults.deviceBatchSize, "Sequences per batch"),
  totalBatchSize: integer(-1, "Tokens per step, -1 to derive them", { or: -1 }),
  embeddingLr: decimal(scalingDefaults.embeddingLr, "Learning rate of the embeddings"),
  unembeddingLr: decimal(scalingDefaults.unembeddingLr, "Learning rate of the head"),
  weightDecay: decimal(scalingDefaults.weightDecay, "Weight decay of the matrices"),
  matrixLr: decimal(scalingDefaults.matrixLr, "Learning rate of the matrices"),
  scalarLr: decimal(scalingDefaults.scalarLr, "Learning rate of the scalars"),
  lrScaling: choice(
    ["batch", "none"],
    "batch",
    "Whether to scale learning rates and weight decay to the batch and the run",
  ),
  warmupSteps: integer(40, "Steps until the full learning rate", { least: 0 }),
  warmdownRatio: decimal(0.65, "Fraction of the run in which the learning rate falls", { most: 1 }),
  finalLrFrac: decimal(0.05, "Final fraction of the learning rate", { most: 1 }),
  loader: choice(
    ["packed", "random"],
    "packed",
    "Pack documents into rows, or crop rows at random",
  ),
  seed: integer(42, "Seed of the initial values and of the order of the data", { least: 0 }),
  evalEvery: integer(250, "Steps between evaluations, -1 for none", { or: -1 }),
  evalTokens: integer(80 * 524_288, "Maximum tokens to predict in an evaluation"),
  coreMetricEvery: integer(2000, "Steps between evaluations of CORE, -1 for none", { or: -1 }),
  coreMetricMaxPerTask: integer(500, "Examples of each CORE task, -1 for all", { or: -1 }),
  ...bundleFlags,
  sampleEvery: integer(2000, "Steps between samples, -1 for none", { or: -1 }),
  saveEvery: integer(
    -1,
    "Steps between checkpoints, -1 for ten minutes: the last two of these are kept",
    { or: -1 },
  ),
  modelTag: runName("The name of the run's folder, by default d and the depth"),
  ...corpusFlags,
  ...deviceFlags,
  ...trainingPrecision,
};

/** The settings that are saved with a run, for resuming it. */
const settingNames = Object.keys(trainingFlags) as (keyof typeof trainingFlags)[];

export type TrainingValues = Values<typeof trainingFlags>;

export function withFallbacks(fallbacks: Partial<TrainingValues>): typeof trainingFlags {
  const entries = Object.entries(trainingFlags).map(([name, flag]) => {
    const fallback = Reflect.get(fallbacks, name) ?? flag.fallback;
    return [name, { ...flag, fallback } as Flag<unknown>];
  });
  return Object.fromEntries(entries);
}

/** Obsolete flags that older runs were saved with. */
const retiredFlags: ReadonlySet<string> = new Set(["noTune"]);

/**
 * The flags of a run: from the command line, and for a resumed run otherwise its own.
 *
 * @throws {Error} If a saved setting is no flag: a misspelled one would silently take its default.
 */
export function runFlags<Given extends Flags>(
  args: readonly string[],
  flags: Given,
  checkpoint: Checkpoint | undefined,
): Values<Given> {
  const settings = checkpoint?.meta.settings ?? {};
  const unknown = Object.keys(settings).find((name) => !(name in flags || retiredFlags.has(name)));
  if (checkpoint !== undefined && unknown !== undefined) {
    throw new Error(
      `Cannot go on in ${checkpoint.folder}: wanted the flags of this version as settings of step ` +
        `${checkpoint.meta.state.step}, got "${unknown}"`,
    );
  }
  return parseFlags(args, flags, savedSettings(checkpoint));
}

/** The settings of a run that goes on. Before there was a choice, matmuls were in f32. */
export function savedSettings(checkpoint: Checkpoint | undefined): Settings {
  return checkpoint === undefined ? {} : { matmulPrecision: "f32", ...checkpoint.meta.settings };
}

/** Says that matmuls have another precision than up to a checkpoint. */
export function tellPrecision(device: Device, checkpoint: Checkpoint | undefined): void {
  const { matmulPrecision } = savedSettings(checkpoint);
  if (checkpoint === undefined || matmulPrecision === device.matmulPrecision) return;
  print(
    `Matmuls are in ${device.matmulPrecision} from here on; up to step ` +
      `${checkpoint.meta.state.step} they were in ${matmulPrecision}.`,
  );
}

/** The flags that choose a device. */
export type DeviceValues = Omit<Values<typeof deviceFlags>, "dtype">;

/** Opens the device that the flags choose; who disposes of it closes it. */
export async function openChosenDevice(
  { device: kind, threads, noBlas, matmulPrecision }: DeviceValues,
): Promise<Device & AsyncDisposable> {
  const options = { ...(threads === 0 ? {} : { threads }), blas: !noBlas, matmulPrecision };
  const device = await openDevice(kind, options);
  return Object.assign(device, { [Symbol.asyncDispose]: () => device.close() });
}

/** The dtype that the flags choose, or `float32` with a line that says why. */
export function chosenType(device: Device, { dtype }: Values<typeof deviceFlags>): FloatType {
  if (dtype === "f32") return "float32";
  if (device.hasFloat16) return "float16";
  print(`Computing in f32: wanted a device with shader-f16, got ${device.info.description}.`);
  return "float32";
}

/** The plan that the flags describe. @throws {UsageError} If they are inconsistent. */
export function planRun(flags: TrainingValues, vocabSize: number, ranks = 1): TrainingPlan {
  const plan = blameFlags(() => planTraining({ ...flags, vocabSize, ranks }));
  if (flags.lrScaling === "batch") return plan;
  return { ...plan, learningRates: { ...learningRatesOf(flags), weightDecay: flags.weightDecay } };
}

type PartRates = Omit<Required<LearningRates>, "weightDecay">;

/** The learning rates among flags. */
export function learningRatesOf(
  { unembeddingLr, embeddingLr, matrixLr, scalarLr }: PartRates,
): PartRates {
  return { unembeddingLr, embeddingLr, matrixLr, scalarLr };
}

export interface TrainingRun {
  readonly flags: TrainingValues & ProfileValues & Partial<Values<typeof dashboardFlags>>;
  readonly folder: string;
  /** The lock on the folder; ranks other than 0 have none, and write nothing. */
  readonly lock?: RunLock | undefined;
  readonly ranks?: RunRanks | null;
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  /** Removes an earlier run, when everything else is ready. */
  readonly makeRoom?: () => Promise<void>;
  readonly resumeCommand: string;
  readonly checkpoint?: Checkpoint;
}

export interface TrainingOutcome {
  readonly state: TrainingState;
  readonly plan: TrainingPlan;
  readonly model: Awaited<ReturnType<typeof preparePretraining>>["model"];
  /** 0 at the end, or the exit code of the signal that stopped it. */
  readonly exitCode: number;
  /** Peak matmul FLOP/s. */
  readonly peakFlops: number;
}

export async function runTraining(run: TrainingRun): Promise<TrainingOutcome> {
  const { flags, folder, device, tokenizer, checkpoint, ranks = null } = run;
  const plan = planRun(flags, tokenizer.vocabSize, ranks?.ranks);
  if (ranks !== null && flags.dtype === "f16") {
    throw new UsageError("Cannot use --dtype f16: wanted one rank, got several");
  }
  const isFirst = ranks === null || ranks.rank === 0;
  using interrupt = interruptTraining(ranks);
  const computeDtype = chosenType(device, flags);
  const { vocabSize } = tokenizer;
  const isFixed = checkpoint !== undefined;
  await checkMemory(plan, { flags, device, vocabSize, isFixed }, computeDtype);
  const measure = await coreMeasurement(run);
  const peakFlops = (ranks?.ranks ?? 1) * await measureMatmulPeak(device);
  print(tableAsText(planRows(plan, flags, device, computeDtype, peakFlops, ranks)) + "\n");

  let wantsSave = false;
  const act = (action: "stop" | "save") => {
    if (action === "stop") interrupt.stop();
    else wantsSave = true;
  };
  await using page = flags.dashboard && isFirst
    ? await serveRun(`base/${flags.modelTag}`, act)
    : null;
  if (page !== null) print(`Dashboard: ${page.url}/\n`);
  const { warmupSteps, warmdownRatio, finalLrFrac: finalFraction } = flags;
  const pretraining = await preparePretraining({
    ...flags,
    ...measure,
    device,
    computeDtype,
    tokenizer,
    folder,
    lock: run.lock,
    plan,
    checkpoint,
    source: await openCorpus(flags.data),
    schedule: { warmupSteps, warmdownRatio, finalFraction },
    // What auto chose, so that the run goes on with it.
    settings: {
      ...Object.fromEntries(settingNames.map((name) => [name, flags[name]])),
      matmulPrecision: device.matmulPrecision,
    },
    signal: interrupt.signal,
    wantsSave: () => wantsSave,
    profile: isFirst && wantsProfile(flags),
    parallel: ranks ?? undefined,
  });
  await run.makeRoom?.();
  if (pretraining.firstStep > 0) print(`Going on after step ${pretraining.firstStep}.`);
  tellPrecision(device, checkpoint);

  // Open MPI's launcher gives ranks a terminal, but forwards whole lines only.
  const isTerminal = ranks === null && Deno.stdout.isTerminal();
  const progress = new Progress(plan.numIterations, peakFlops, isTerminal);
  const outcome = await showRun(pretraining.run(), {
    progress,
    resumeCommand: run.resumeCommand,
    onSaved: () => wantsSave = false,
    showProfile: ({ step, profile }) => showProfile(`Step ${step}`, profile, device, flags),
  });
  return { ...outcome, plan, peakFlops, model: pretraining.model };
}

/** Measures CORE during a run, if wanted and there is a bundle. */
async function coreMeasurement(
  { flags, tokenizer, ranks = null }: TrainingRun,
): Promise<Pick<PretrainOptions, "measure">> {
  const { coreMetricEvery: every, coreMetricMaxPerTask: most } = flags;
  if (every === -1 || (ranks !== null && ranks.rank !== 0)) return {};
  const bundle = await openBundle(flags, most, { orNone: true });
  if (bundle === null) return {};
  const maxPerTask = most === -1 ? Infinity : most;
  const run = async (model: GPT) => {
    const { core, results } = await evaluateCore(model, tokenizer, bundle, { maxPerTask });
    const accuracies = Object.entries(results).map(([label, value]) => [`core/${label}`, value]);
    return { core, ...Object.fromEntries(accuracies) };
  };
  return { measure: { every, run } };
}

function planRows(
  plan: TrainingPlan,
  flags: TrainingValues,
  device: Device,
  computeDtype: FloatType,
  peakFlops: number,
  ranks: RunRanks | null,
): [string, string][] {
  const { config } = plan;
  const { deviceBatchSize } = flags;
  const memory = estimateMemory({ ...plan, deviceBatchSize, computeDtype });
  const steps = plan.gradAccumSteps === 1 ? "" : ` in ${plan.gradAccumSteps} parts`;
  return [
    ...(ranks === null ? [] : [["ranks", ranks.description] as [string, string]]),
    ["device", `${device.info.description}; ${short(peakFlops)}FLOP/s peak in matmuls`],
    [
      "model",
      `depth ${config.nLayer}, width ${config.nEmbd}, heads of ${headSize(config)}, vocabulary ` +
      `${count(config.vocabSize)}: ${count(parameterCounts(config).total)} parameters`,
    ],
    [
      "run",
      `${count(plan.numIterations)} steps of ${count(plan.totalBatchSize)} tokens${steps}: ` +
      `${count(plan.totalTokens)} tokens, ${short(plan.totalFlops)}FLOP`,
    ],
    [
      "memory",
      `about ${bytes(memory.peak)}: ${bytes(memory.parameters)} parameters, ` +
      `${bytes(memory.gradients)} gradients, ${bytes(memory.optimizer)} optimizer, ` +
      `${bytes(memory.activations)} activations`,
    ],
    ["time", `about ${duration(estimateSeconds(plan, peakFlops))} of training`],
  ];
}
