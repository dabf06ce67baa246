/** Fine-tunes a base model on conversations: nanochat's `chat_sft`, with its flags. */

import {
  chatFormatOf,
  documentConversations,
  type LoadedModel,
  mixTasks,
  ownConversations,
  type OwnDocument,
  plainTemplate,
  prepareFineTuning,
  readDocuments,
  readWords,
  ruleConversations,
  simpleSpelling,
  spellingBee,
  stagePath,
  type Task,
  withoutTools,
} from "../chat/mod.ts";
import { type Checkpoint, type Device, type RunRanks, tableAsText } from "../gpt/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { chatCoreMeasurement } from "./chat_core.ts";
import { basename } from "./deps.ts";
import {
  decimal,
  givenFlags,
  integer,
  list,
  optional,
  parseFlags,
  rethrowAsUsage,
  runName,
  runScript,
  text,
  toggle,
  UsageError,
  type Values,
  withUsageErrors,
} from "./flags.ts";
import { count } from "./format.ts";
import { interruptTraining } from "./interrupt.ts";
import { checkTrainable } from "./memory.ts";
import {
  chatParts,
  chooseModel,
  findModel,
  fromFlags,
  identify,
  openStep,
  openToResume,
  titleOf,
  wantedTokenizer,
} from "./models.ts";
import { lessonNames, nameAndNumber, openLesson } from "./named_tasks.ts";
import { print, printError } from "./output.ts";
import { isFirst, onRanks, openDeviceOnRanks, parallelFlags, shareCheckpoint } from "./parallel.ts";
import { Progress, showRun } from "./progress.ts";
import { lockRunFolder, overwriteFlags, removeRun } from "./run_folder.ts";
import { deviceFlags, measurePeak, trainingPrecision, tuningType } from "./device.ts";
import { localPlace } from "./stored.ts";
import { tellPrecision, trainingType } from "./training.ts";
import { typeNames } from "../gpt/files/room.ts";
import { GENTLE_FRACTION, learningRatesOf, MAX_ROW, runFlags } from "./training_flags.ts";
import { kebabCase } from "./words.ts";

/** Default tasks, without and with documents; fewer conversations displace less of the latter. */
const DEFAULT_TASK = "rules:60000";
const DEFAULT_TASK_BESIDE_DOCUMENTS = "rules:10000";

const flags = {
  task: list(
    "Tasks, with commas: rules, spelling or spellingbee, each with :COUNT; nanochat's smoltalk, " +
      "mmlu, gsm8k, arc-easy or arc-challenge, each with :EPOCHS; identity=FILE",
    "NAME",
  ),
  mmluEpochs: integer(3, "How often mmlu is in the mixture, unless its name says so"),
  gsm8kEpochs: integer(4, "How often gsm8k is in the mixture, unless its name says so"),
  conversations: list("A JSON Lines file of conversations; may be given several times", "FILE"),
  documents: list(
    "Texts to speak of, .md or .txt: pretraining goes on with them first; may be given several times",
    "GLOB",
  ),
  documentEpochs: integer(10, "How often every document is read"),
  name: text("Dino", "The name that the model goes by in the synthetic conversations"),
  epochs: integer(1, "How often every conversation is seen"),
  numIterations: integer(-1, "Steps with conversations, -1 to derive them from the epochs", {
    or: -1,
  }),
  baseTag: runName("The base model's run, by default the latest one"),
  baseStep: optional(integer(0, "The step of the base model, by default the latest", { least: 0 })),
  ...fromFlags,
  loadOptimizer: integer(1, "1 begins with the base model's optimizer state, 0 does not", {
    least: 0,
  }),
  maxSeqLen: integer(256, "Tokens of a row; by default those of the base model"),
  deviceBatchSize: integer(4, "Rows computed at once; by default those of the base model"),
  totalBatchSize: integer(1024, "Tokens of a step; by default those of the base model"),
  embeddingLr: decimal(0.3, "The learning rate of the embeddings; by default the base model's"),
  unembeddingLr: decimal(0.008, "The learning rate of the head; by default the base model's"),
  matrixLr: decimal(0.02, "The learning rate of the matrices; by default the base model's"),
  scalarLr: decimal(0.5, "The learning rate of the scalars"),
  loraRank: integer(0, "Train adapters of this rank instead of all parameters, 0 for not", {
    least: 0,
  }),
  loraLr: decimal(0.005, "The learning rate of adapters"),
  initLrFrac: decimal(0.8, "The fraction of these learning rates to begin with", { most: 1 }),
  warmupRatio: decimal(0, "The fraction of the run in which the learning rate rises", { most: 1 }),
  warmdownRatio: decimal(0.5, "The fraction of the run in which the learning rate falls", {
    most: 1,
  }),
  finalLrFrac: decimal(0, "The fraction of the learning rate that is left at the end", { most: 1 }),
  evalEvery: integer(200, "Steps between evaluations, -1 for none", { or: -1 }),
  evalTokens: integer(65_536, "Tokens predicted in an evaluation, at most"),
  chatcoreEvery: integer(
    200,
    "Steps between examinations, where nanochat's tasks are learned and the examinations are here",
    { or: -1 },
  ),
  chatcoreMaxCat: integer(-1, "Questions of each examination by letters, -1 for all", { or: -1 }),
  chatcoreMaxSample: integer(24, "Questions of each examination answered in words"),
  saveEvery: integer(-1, "Steps between checkpoints, -1 for ten minutes", { or: -1 }),
  seed: integer(42, "The seed of the order of the conversations", { least: 0 }),
  modelTag: runName("The name of the run's folder, by default that of the base model"),
  resume: toggle("Go on from the checkpoint that was saved last, with the flags of its run"),
  ...parallelFlags,
  ...overwriteFlags,
  ...deviceFlags,
  ...trainingPrecision,
  ...tuningType,
};

type FineTuneValues = Values<typeof flags>;

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
  const tasks = await openTasks(values, tokenizer, start.chatTemplate === null);
  await using opened = early === null ? await openDeviceOnRanks(ranks, values) : null;
  const device = early ?? opened!;
  const { initLrFrac: initialFraction, warmupRatio, warmdownRatio } = values;
  const isNanochat = "meta" in checkpoint && checkpoint.meta.architecture === undefined;
  const computeDtype = trainingType(device, values, isNanochat);
  const tuning = await prepareFineTuning({
    ...values,
    device,
    checkpoint,
    computeDtype,
    folder,
    lock,
    task: tasks.train,
    validation: tasks.validation,
    format,
    chatTemplate,
    keepsOrder: tasks.isNanochats,
    measure: tasks.isNanochats
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
  print(
    tableAsText([
      ...(ranks === null ? [] : [["ranks", ranks.description] as [string, string]]),
      ["device", device.info.title],
      ...(tasks.documents.length === 0 ? [] : [
        [
          "documents",
          `${count(tasks.documents.length)}, in steps 1 to ${count(tuning.documentSteps)}`,
        ] as const,
      ]),
      ["data", `${count(tasks.train.length)} conversations: ${tasks.train.name}`],
      ["run", `${count(tuning.numIterations)} steps of ${count(values.totalBatchSize)} tokens`],
    ]) + "\n",
  );
  if (given.resume && "meta" in checkpoint) tellPrecision(device, computeDtype, checkpoint);
  const peak = await measurePeak(device, ranks);
  // Open MPI's launcher gives ranks a terminal, but forwards whole lines only.
  const isTerminal = ranks === null && Deno.stdout.isTerminal();
  const progress = new Progress(tuning.numIterations, peak, isTerminal);
  interrupt.begin();
  const { exitCode } = await showRun(tuning.run(), {
    progress,
    resumeCommand: resumeCommand ?? `deno task chat_sft --resume --model-tag ${tag}`,
  });
  const { cut, leftOut } = tuning.loader;
  if (cut + leftOut > 0) {
    print(
      `Of the conversations so far ${count(cut)} lost their end, and ${count(leftOut)} were ` +
        `left out: longer than --max-seq-len ${values.maxSeqLen}`,
    );
  }
  return exitCode;
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
  const isPlain = chatFormatOf({ tokenizer, chatTemplate: rest.chatTemplate }) === null;
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

interface Tasks {
  /** The conversations to learn from. */
  readonly train: Task;
  /** Others, to measure with. */
  readonly validation: Task;
  /** Documents to begin with. */
  readonly documents: readonly OwnDocument[];
  /** Whether data sets of nanochat are among them: then the mixture has nanochat's order. */
  readonly isNanochats: boolean;
}

async function openTasks(
  values: FineTuneValues,
  tokenizer: Tokenizer,
  hasTools: boolean,
): Promise<Tasks> {
  const documents: OwnDocument[] = [];
  for (const place of values.documents) documents.push(...await readDocuments(place));
  const hasDocuments = documents.length > 0;
  const specs = values.task.length + values.conversations.length === 0
    ? [hasDocuments ? DEFAULT_TASK_BESIDE_DOCUMENTS : DEFAULT_TASK]
    : values.task.flatMap((text) => text.split(","));
  const train: Task[] = [];
  const validation: Task[] = [];
  if (hasDocuments) train.push(documentConversations(documents, undefined, values.seed));
  for (const place of values.conversations) {
    train.push(await ownConversations(await localPlace(place)));
  }
  for (const spec of specs) {
    const opened = await openTask(spec, values, tokenizer);
    train.push(...opened.train);
    validation.push(...opened.validation);
  }
  const isNanochats = specs.some(isLesson);
  const others = { ...values, seed: values.seed + 1 };
  // nanochat's order is that of a mixture, even of a single task.
  const mixture = train.length === 1 && !isNanochats ? train[0]! : mixTasks(train);
  const held = validation.length > 0
    ? mixTasks(validation)
    : await openRuleTask("rules:200", others);
  return {
    train: hasTools ? mixture : withoutTools(mixture),
    validation: hasTools ? held : withoutTools(held),
    documents,
    isNanochats,
  };
}

/** Whether a task is a data set of nanochat. */
function isLesson(spec: string): boolean {
  return lessonNames.includes(spec.split(":")[0]!);
}

/** A task, repeated as often as it is learned, and its validation conversations, if it has any. */
async function openTask(
  spec: string,
  values: FineTuneValues,
  tokenizer: Tokenizer,
): Promise<{ train: readonly Task[]; validation: readonly Task[] }> {
  const [, file] = /^identity=(.+)$/.exec(spec) ?? [];
  if (file !== undefined) {
    return { train: [await ownConversations(await localPlace(file))], validation: [] };
  }
  if (!isLesson(spec)) {
    return { train: [await openRuleTask(spec, values, tokenizer)], validation: [] };
  }
  const [name, epochs] = nameAndNumber(
    spec,
    { mmlu: values.mmluEpochs, gsm8k: values.gsm8kEpochs }[spec] ?? 1,
  );
  const { train, validation } = await openLesson(name);
  return {
    train: new Array<Task>(epochs).fill(train),
    validation: validation === null ? [] : [validation],
  };
}

async function openRuleTask(
  spec: string,
  { name, seed }: FineTuneValues,
  tokenizer?: Tokenizer,
): Promise<Task> {
  const [kind, length] = nameAndNumber(spec, 10_000);
  if (kind === "rules") {
    return await ruleConversations(length, { name, seed, ...(tokenizer && { tokenizer }) });
  }
  if (kind === "spelling" || kind === "spellingbee") {
    const { common, many } = await readWords();
    const make = kind === "spelling" ? simpleSpelling : spellingBee;
    return withUsageErrors(() => make({ words: [...common, ...many], size: length }));
  }
  throw new UsageError(
    `Cannot use --task: wanted rules, spelling, spellingbee, ${
      lessonNames.join(", ")
    } or identity=FILE, got "${kind}"`,
  );
}

if (import.meta.main) Deno.exit(await main(Deno.args));
