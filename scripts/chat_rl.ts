/** Reinforces a fine-tuned model on questions with known answers: nanochat's `chat_rl`. */

import {
  type GenerativeTask,
  prepareReinforcement,
  readRows,
  type ReinforceStep,
} from "../chat/mod.ts";
import { rulePractice, stagePath } from "../chat/internals.ts";
import type { Checkpoint, RunRanks } from "../gpt/mod.ts";
import { tableAsText, typeNames } from "../gpt/internals.ts";
import { basename } from "./deps.ts";
import {
  decimal,
  givenFlags,
  integer,
  optional,
  rethrowAsUsage,
  runName,
  runScript,
  splitNames,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { count, duration, percent } from "./format.ts";
import { interruptTraining } from "./interrupt.ts";
import { chatParts, findModel, identify, nameTaught, openStep, titleOf } from "./models.ts";
import { openPractice } from "./named_tasks.ts";
import { print, printNote } from "./output.ts";
import { isFirst, onRanks, openDeviceOnRanks, parallelFlags, shareCheckpoint } from "./parallel.ts";
import { lockRunFolder, overwriteFlags, removeRun } from "./run_folder.ts";
import { localPlace } from "./stored.ts";
import { deviceFlags, trainingPrecision, tuningType } from "./device.ts";
import { trainingType } from "./training.ts";
import { learningRatesOf } from "./training_flags.ts";

const flags = {
  task: text(
    "long-arithmetic",
    "What to practice: long-arithmetic (more digits than task chat teaches), arithmetic, counting, " +
      "spelling, stories (without a contradiction; answers to questions about them, and of chats, are shown), gsm8k with nanochat's defaults, or GSM8K=FILE",
    "NAME",
  ),
  name: optional(
    text("", "The name that the model goes by in the synthetic conversations, by default its own"),
  ),
  sftTag: runName("The fine-tuned model's run, by default the latest one"),
  sftStep: optional(integer(0, "The step of the model, by default the latest", { least: 0 })),
  numIterations: integer(
    -1,
    "The number of steps; -1 for 60, 140 for stories, or those of --num-epochs with gsm8k",
    { or: -1 },
  ),
  numEpochs: integer(1, "Number of times every question of gsm8k is asked"),
  examplesPerStep: integer(16, "Questions of a step"),
  numSamples: integer(16, "Answers to each question"),
  deviceBatchSize: integer(
    8,
    "Answers of one batch of the gradient, 16 for stories; eight times as many are sampled together. The default is lowered to divide --num-samples",
  ),
  maxNewTokens: integer(64, "Maximum tokens of an answer; 200 for stories"),
  temperature: decimal(1, "1 samples from the model's distribution"),
  topK: integer(50, "Sample from this many of the most likely tokens, 0 for all, as with stories", {
    least: 0,
  }),
  embeddingLr: decimal(0.2, "The learning rate of the embeddings"),
  unembeddingLr: decimal(0.004, "The learning rate of the head; 0.0004 for stories"),
  matrixLr: decimal(0.02, "The learning rate of the matrices; 0.04 for stories"),
  scalarLr: decimal(0.5, "The learning rate of the scalars; 0.05 for stories"),
  // Four times that of nanochat, whose run has 467 steps.
  weightDecay: decimal(0, "Weight decay of the matrices"),
  initLrFrac: decimal(0.2, "The fraction of these learning rates to begin with", { most: 1 }),
  noLearnToEnd: toggle("Do not reinforce the token that ends an answer, as in nanochat"),
  evalEvery: integer(60, "Steps between evaluations, -1 for none", { or: -1 }),
  evalExamples: integer(200, "Maximum questions of an evaluation"),
  saveEvery: integer(60, "Steps between checkpoints, -1 for the last one only", { or: -1 }),
  seed: integer(42, "The seed of sampling", { least: 0 }),
  modelTag: runName("The name of the run's folder, by default that of the model"),
  ...parallelFlags,
  ...overwriteFlags,
  ...deviceFlags,
  ...trainingPrecision,
  ...tuningType,
};

type ReinforceValues = Values<typeof flags>;

/** Reinforces a model. The task may also stand without its flag, as in `chat_rl gsm8k`. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const { names, rest } = splitNames(args, flags);
  return runScript({
    summary: "Reinforces right answers of the model that was fine-tuned last.",
    command: "deno task chat_rl [TASK]",
    flags,
    run: onRanks((ranks, values, given) =>
      runChatRl(ranks, { ...values, task: oneTask(names, values.task, given) }, given)
    ),
  }, rest);
}

/** The task of the flag, or the one that stands without it. */
function oneTask(names: readonly string[], task: string, args: readonly string[]): string {
  const all = [...names, ...givenFlags(args, flags).has("task") ? [task] : []];
  if (all.length <= 1) return all[0] ?? task;
  throw new UsageError(`Cannot practice: wanted one task, got ${all.join(" and ")}`);
}

async function runChatRl(
  ranks: RunRanks | null,
  given: ReinforceValues,
  args: readonly string[],
): Promise<number> {
  const wanted = withDefaults(given, givenFlags(args, flags));
  using interrupt = interruptTraining(ranks);
  const { sftTag, sftStep } = wanted;
  let title = "";
  const checkpoint = await shareCheckpoint(ranks, async () => {
    const { folder } = await findModel({ source: "sft", modelTag: sftTag }, ["sft"], "--sft-tag");
    const model = await identify("sft", await openStep(folder, sftStep, "--sft-step"));
    title = titleOf(model);
    return model;
  });
  const { tokenizer, meta: { chatTemplate = null } } = checkpoint;
  const named = { ...wanted, name: wanted.name ?? nameTaught(checkpoint) };
  const { task, validation } = await openTask(named);
  printNote(`Fine-tuned model: ${title}`);
  const values = { ...named, numIterations: stepsOf(named, task) };
  const { format } = chatParts({ tokenizer, chatTemplate }, { name: checkpoint.folder });
  using _ = format;
  const tag = values.modelTag || basename(checkpoint.folder);
  const folder = stagePath("rl", tag);
  const { overwrite } = values;
  await using _lock = isFirst(ranks) ? await lockRunFolder(folder, { overwrite }) : undefined;
  await using device = await openDeviceOnRanks(ranks, values);
  const isNanochat = checkpoint.meta.architecture === undefined;
  const computeDtype = trainingType(ranks, device, values, isNanochat);
  const reinforcement = await prepareReinforcement({
    ...values,
    device,
    checkpoint,
    computeDtype,
    format,
    folder,
    task,
    validation,
    learningRates: { ...learningRatesOf(values), weightDecay: values.weightDecay },
    initialFraction: values.initLrFrac,
    learnsToEnd: !values.noLearnToEnd,
    settings: {
      ...settingsOf(values),
      matmulPrecision: device.matmulPrecision,
      dtype: typeNames[computeDtype],
    },
    signal: interrupt.signal,
    parallel: ranks ?? undefined,
  }).catch(rethrowAsUsage);
  if (overwrite && isFirst(ranks)) await removeRun(folder);
  const { numIterations, examplesPerStep, numSamples } = values;
  print(
    tableAsText([
      ...(ranks === null ? [] : [["ranks", ranks.description] as [string, string]]),
      ["device", device.info.title],
      ["task", `${count(task.length)} questions: ${task.name}`],
      ["run", `${count(numIterations)} steps of ${examplesPerStep} × ${numSamples} answers`],
    ]) + "\n",
  );
  interrupt.begin();
  for await (const event of reinforcement.run()) {
    if (event.kind === "step") print(stepLine(event, numIterations));
    else if (event.kind === "evaluation") {
      const estimates = event.passAtK.map((value, i) => `pass@${i + 1} ${value.toFixed(3)}`);
      print(`step ${event.step}: ${estimates.join(", ")}`);
    } else if (event.kind === "checkpoint") print(`Saved ${event.path}`);
    else return event.exitCode;
  }
  throw new Error("Cannot finish the run: no `end` event was received");
}

/** Defaults of some tasks; the command line overrides them. */
const taskDefaults: Readonly<Record<string, Partial<ReinforceValues>>> = {
  // At one rate for all, the head moves eight times as far as matrices do, and runs may break down.
  stories: {
    numIterations: 140,
    deviceBatchSize: 16,
    maxNewTokens: 200,
    // Wrong answers raise what was not sampled. Beyond the top 50 nothing ever lowered it again, until stories
    // broke up into such tokens.
    topK: 0,
    unembeddingLr: 0.0004,
    matrixLr: 0.04,
    scalarLr: 0.05,
  },
  // Those of nanochat.
  gsm8k: { maxNewTokens: 256, initLrFrac: 0.05, evalExamples: 400 },
};

function withDefaults(given: ReinforceValues, names: ReadonlySet<string>): ReinforceValues {
  const free = Object.entries(taskDefaults[given.task] ?? {}).filter(([name]) => !names.has(name));
  const values = { ...given, ...Object.fromEntries(free) };
  return names.has("deviceBatchSize") ? values : { ...values, deviceBatchSize: batchFor(values) };
}

/** Default number of steps of a synthetic task. */
const RULE_STEPS = 60;

function stepsOf(
  { numIterations, numEpochs, examplesPerStep, task: name }: ReinforceValues,
  task: GenerativeTask,
): number {
  if (numIterations !== -1) return numIterations;
  if (name !== "gsm8k") return RULE_STEPS;
  const steps = Math.floor(task.length / examplesPerStep) * numEpochs;
  if (steps > 0) return steps;
  throw new UsageError(
    `Cannot reinforce: wanted examplesPerStep of at most ${task.length} questions, got ` +
      `${examplesPerStep}`,
  );
}

/** The default batch: the largest one that divides the answers of a question. */
function batchFor({ numSamples, deviceBatchSize }: ReinforceValues): number {
  let size = Math.min(numSamples, deviceBatchSize);
  while (numSamples % size !== 0) size--;
  return size;
}

function stepLine(event: ReinforceStep, steps: number): string {
  const { step, reward, sequenceLength, withoutSignal, seconds } = event;
  return [
    `step ${step + 1} of ${steps}`,
    `reward ${reward.toFixed(3)}`,
    `${sequenceLength.toFixed(1)} tokens`,
    `${percent(withoutSignal)} of questions without signal`,
    `${duration(seconds * (steps - step - 1))} left`,
  ].join("  ");
}

/** The questions to practice on, and others to measure the model on: of a file, the same ones. */
async function openTask(
  { task: spec, name, examplesPerStep, numIterations, evalExamples, seed }: ReinforceValues & {
    readonly name: string;
  },
): Promise<{ task: GenerativeTask; validation: GenerativeTask }> {
  if (spec === "gsm8k") return await openPractice();
  const [kind, ...path] = spec.split("=");
  if (kind?.toUpperCase() === "GSM8K" && path.length > 0) {
    const { task } = await readRows("GSM8K", await localPlace(path.join("=")));
    const generative = task as GenerativeTask;
    return { task: generative, validation: generative };
  }
  try {
    const size = examplesPerStep * (numIterations === -1 ? RULE_STEPS : numIterations);
    const task = await rulePractice(spec, size, { name, seed });
    return { task, validation: await rulePractice(spec, evalExamples, { name, heldOut: true }) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`${error.message}, and neither gsm8k nor GSM8K=FILE`, { cause: error });
  }
}

function settingsOf(values: ReinforceValues): Checkpoint["meta"]["settings"] {
  const { mpi: _, overwrite: __, verbose: ___, ...settings } = values;
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, value ?? null]));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
