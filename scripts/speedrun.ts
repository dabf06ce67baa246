/**
 * Everything in one command: a corpus, a tokenizer, a model, its bits per byte, and generated text.
 */

import { stagePath } from "../chat/files/stages.ts";
import { loadModel, openCheckpoint, readMetrics, savedSteps, writeText } from "../gpt/mod.ts";
import {
  curvesAsSvg,
  lockRun,
  markdownReport,
  METRICS_FILE,
  type Report,
  type ReportRow,
  roomAfter,
  type RunLock,
  tableAsText,
  writeFileAtomically,
} from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { demonstrate, examine, FINE_TUNING_STEPS, fineTuneByRecipe } from "./chat_recipe.ts";
import { checkPlace, corpusNames } from "./corpora.ts";
import { dashboardFlags } from "./dashboard.ts";
import {
  choice,
  givenFlags,
  integer,
  mainOf,
  parseFlags,
  type Settings,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { bytes, count, duration, percent, short } from "./format.ts";
import { interruptTraining } from "./interrupt.ts";
import { openToResume, sampleCommand } from "./models.ts";
import { keepForNewModels, trainOnAll } from "./new_tokenizer.ts";
import { print, writeContinuation } from "./output.ts";
import { checkTrace, profileFlags } from "./profile.ts";
import { questionsMeasure, senseRows } from "./sense_measure.ts";
import { openChosenDevice } from "./device.ts";
import { recipeOf } from "./speedrun_recipes.ts";
import { runTraining, type TrainingOutcome } from "./training.ts";
import { planRun, runFlags, vocabularySizes, withFallbacks } from "./training_flags.ts";

const sampling = { temperature: 0.8, topK: 50, seed: 42 };

const { vocabSize, ...trainingFallbacks } = recipeOf(corpusNames[0]).settings;

const flags = {
  ...withFallbacks(trainingFallbacks),
  corpus: choice(
    corpusNames,
    corpusNames[0],
    "The corpus: stories of a small world, the State of the Union, or WordNet's definitions; the " +
      "defaults here are those for stories",
  ),
  data: text("", "Your own text instead: a file, folder or glob of text or parquet", "PLACE"),
  vocabSize: integer(vocabSize, "Vocabulary size", vocabularySizes),
  resume: toggle("Resume the run that was stopped"),
  chat: toggle("Continue with fine-tuning, so that the model answers: see deno task chat"),
  chatIterations: integer(FINE_TUNING_STEPS, "Steps of fine-tuning, with --chat"),
  ...profileFlags,
  ...dashboardFlags,
};

/** Trains a tokenizer and a model, evaluates the model and samples text. Returns the exit code. */
export const main = mainOf({
  summary: "Trains a tokenizer and a GPT of your own, and generates text: in minutes.",
  command: "deno task speedrun",
  flags,
  run: runSpeedrun,
});

async function runSpeedrun(given: Values<typeof flags>, args: readonly string[]): Promise<number> {
  const start = performance.now();
  if (givenFlags(args, flags).has("chatIterations") && !given.chat) {
    throw new UsageError("Cannot use --chat-iterations: wanted --chat, too, got none");
  }
  const folder = stagePath("base", given.modelTag);
  using interrupt = interruptTraining(null);
  await using lock = await lockRun(folder);
  const checkpoint = given.resume ? await openToResume("base", folder) : undefined;
  const values = checkpoint === undefined
    ? parseFlags(args, flags, settingsOfCorpus(given, args))
    : runFlags(args, flags, checkpoint);
  const isOfStories = values.data === "stories";
  if (checkpoint === undefined) await checkNewRun(values);
  const tokenizer = checkpoint?.tokenizer ?? await trainOnAll(values, values.vocabSize);
  let half: string;
  {
    await using device = await openChosenDevice(values);
    const outcome = await runTraining({
      flags: values,
      folder,
      lock,
      interrupt,
      device,
      tokenizer,
      ...(given.resume ? {} : {
        clearFolder: async () => {
          await keepForNewModels(tokenizer);
          await archivePreviousRun(folder, lock);
        },
      }),
      resumeCommand: `deno task speedrun --resume --model-tag ${values.modelTag}${
        chatFlags(values)
      }`,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      ...(isOfStories ? { measure: questionsMeasure(tokenizer, values.numIterations) } : {}),
    });
    if (outcome.exitCode !== 0) return outcome.exitCode;
    const samples = await writeSamples(outcome, tokenizer, recipeOf(values.data).sampleTokens);
    const sense = isOfStories ? await senseRows(outcome.model, tokenizer) : [];
    // A resumed run counts its earlier training as well.
    const seconds = (performance.now() - start) / 1000 + (checkpoint?.meta.state.seconds ?? 0);
    const { title, description } = device.info;
    const rows = [...sense, ...summary(outcome, device.memory.peakBytes, seconds)];
    print(tableAsText([["device", title], ...rows]));
    half = await drawReport(folder, folder, {
      title: "Speedrun",
      rows: [["device", description], ...rows],
      curves: ["loss.svg", ...(isOfStories ? ["questions.svg"] : [])],
      samples,
    });
    await writeFileAtomically(`${folder}/report.md`, half);
    print(`\nReport: ${folder}/report.md`);
    print(`Generate text: ${sampleCommand(values.modelTag, outcome.prompts)}`);
  }
  return values.chat ? await continueWithChat(folder, values, half) : 0;
}

/**
 * The recipe for the corpus that the flags choose.
 *
 * @throws {UsageError} If they choose two.
 */
function settingsOfCorpus(
  { corpus, data }: Values<typeof flags>,
  args: readonly string[],
): Settings {
  if (data === "") return { ...recipeOf(corpus).settings, data: corpus };
  if (givenFlags(args, flags).has("corpus")) {
    throw new UsageError(`Cannot use --corpus: wanted it or --data, got both`);
  }
  return { ...recipeOf(data).settings };
}

/**
 * Checks the flags of a new run before a tokenizer is trained.
 *
 * @throws {UsageError} If they do not fit.
 */
async function checkNewRun(values: Values<typeof flags>): Promise<void> {
  await checkPlace(values.data);
  await checkTrace(values);
  planRun(values, values.vocabSize);
}

/** The flags of what follows pretraining, to give again when a run is resumed. */
function chatFlags({ chat, chatIterations }: Values<typeof flags>): string {
  if (!chat) return "";
  return chatIterations === FINE_TUNING_STEPS
    ? " --chat"
    : ` --chat --chat-iterations ${chatIterations}`;
}

/** Fine-tunes the model, examines it, and adds both to the report. */
async function continueWithChat(
  folder: string,
  values: Values<typeof flags>,
  firstHalf: string,
): Promise<number> {
  const start = performance.now();
  const { modelTag, chatIterations: steps } = values;
  const chatFolder = stagePath("sft", modelTag);
  {
    await using lock = await lockRun(chatFolder);
    await archivePreviousRun(chatFolder, lock);
  }
  print("\nFine-tuning on synthetic conversations:\n");
  const code = await fineTuneByRecipe({ ...values, baseTag: modelTag, name: "Dino", steps });
  if (code !== 0) return code;
  const checkpoint = await openCheckpoint(chatFolder);
  await using device = await openChosenDevice(values);
  const model = await loadModel(checkpoint, device);
  const { tokenizer, meta } = checkpoint;
  const exams = await examine(model, tokenizer, "Dino");
  const samples = await demonstrate(model, tokenizer, "Dino");
  const rows: ReportRow[] = [
    ["steps", count(meta.state.step)],
    ...exams,
    ["training", duration(meta.state.seconds)],
    ["everything", duration((performance.now() - start) / 1000)],
  ];
  print(`\n${samples.join("\n")}\n\n${tableAsText(rows)}`);
  const half = { title: "Fine-tuning", rows, curves: ["chat.svg"], samples };
  const report = `${firstHalf}\n${await drawReport(folder, chatFolder, half)}`;
  await writeFileAtomically(`${folder}/report.md`, report);
  print(`\nReport: ${folder}/report.md`);
  print("Talk with it: deno task chat");
  return 0;
}

/** Renames an earlier run: a speedrun always starts over, but never deletes a run. */
async function archivePreviousRun(folder: string, lock: RunLock): Promise<void> {
  if ((await savedSteps(folder)).length === 0) return;
  print(`The earlier run is now ${await lock.setAside()}.\n`);
}

async function writeSamples(
  { model, prompts }: TrainingOutcome,
  tokenizer: Tokenizer,
  maxTokens: number,
): Promise<string[]> {
  const samples: string[] = [];
  print("");
  for (const prompt of prompts) {
    if (roomAfter(model, tokenizer, prompt) < 1) continue;
    const pieces = writeText(model, tokenizer, prompt, { ...sampling, maxTokens });
    samples.push(await writeContinuation(prompt, pieces));
  }
  return samples;
}

function summary(
  { state, plan, model, peakFlops }: TrainingOutcome,
  peakBytes: number,
  seconds: number,
): ReportRow[] {
  const tokens = plan.totalBatchSize * plan.numIterations;
  const flops = model.flopsPerToken * tokens / state.seconds;
  return [
    ["steps", count(state.step)],
    ["tokens", count(tokens)],
    ["bits per byte", state.bitsPerByte?.toFixed(4) ?? "not measured"],
    ["speed", `${count(tokens / state.seconds)} tokens/s`],
    ["operations", `${short(flops)}FLOP/s, ${percent(flops / peakFlops)} of the matmul peak`],
    ["memory", `${bytes(peakBytes)} at the most`],
    ["training", duration(state.seconds)],
    ["everything", duration(seconds)],
  ];
}

/** Draws the curves of a run into a folder. @returns The report that shows them. */
async function drawReport(folder: string, runFolder: string, report: Report): Promise<string> {
  const metrics = await readMetrics(`${runFolder}/${METRICS_FILE}`);
  const points = (name: string, times = 1) =>
    metrics.flatMap(({ step, [name]: value }) =>
      typeof value === "number" ? [{ x: step, y: times * value }] : []
    );
  const loss = curvesAsSvg("Loss in nats per token", [
    { name: "each step", color: "#9198a1", points: points("loss") },
    { name: "average", color: "#e8590c", points: points("smoothLoss") },
  ]);
  await writeFileAtomically(`${folder}/${report.curves[0]}`, loss);
  const questions = points("questionsRight", 100);
  if (report.curves[1] !== undefined && questions.length > 0) {
    const curve = { name: "questions right", color: "#2f9e44", points: questions };
    const svg = curvesAsSvg("Questions about stories never seen: right answers in percent", [
      curve,
    ]);
    await writeFileAtomically(`${folder}/${report.curves[1]}`, svg);
  }
  return markdownReport(report);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
