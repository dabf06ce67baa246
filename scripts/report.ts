/** A report of all stages: the latest base model, the fine-tuned and the reinforced one. */

import { type ChatFormat, ChatSession } from "../chat/mod.ts";
import {
  FoldedText,
  listRuns,
  reportAsHtml,
  reportAsMarkdown,
  type ReportSection,
  type RunSummary,
  type Stage,
  stages,
  type StagesReport,
} from "../chat/internals.ts";
import { type Device, type LanguageModel, loadModel, openCheckpoint } from "../gpt/mod.ts";
import {
  basePath,
  curvesAsSvg,
  describeProgress,
  ensureWritableFolder,
  likelyTexts,
  type ReportRow,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { architectures } from "../models/architectures.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { sourceCommit } from "./commit.ts";
import {
  type BaseEvaluation,
  type ChatEvaluation,
  evaluationPath,
  readEvaluation,
  type TokenizerEvaluation,
  tokenizerEvaluationPath,
} from "./evaluations.ts";
import { decimal, mainOf, runName, toggle, type Values } from "./flags.ts";
import { count, duration, percent } from "./format.ts";
import { chatParts, readPrompts, unknownRun } from "./models.ts";
import { print, printError } from "./output.ts";
import { deviceFlags, openChosenDevice } from "./device.ts";
import { figureTitle, settingTitle } from "./words.ts";

// Everything is computed in float32.
const { dtype: _, ...placeFlags } = deviceFlags;

const flags = {
  modelTag: runName("The name of the runs, by default that of the latest run of each stage"),
  pricePerHour: decimal(0, "The machine's price per hour, for the cost of each stage"),
  noSamples: toggle("Leave out samples of text, which take some seconds"),
  ...placeFlags,
};

const titles: Readonly<Record<Stage, string>> = {
  base: "Base model",
  sft: "Fine-tuning",
  rl: "Reinforcement",
};

const questions = ["Who are you?", "What is 17 times 23?", "What is the capital of France?"];

/** Writes `report.md`, `report.html` and their pictures. Returns the exit code. */
export const main = mainOf({
  summary: "Reports on the latest run of each stage, in Markdown and as a page.",
  command: "deno task report",
  flags,
  run: runReport,
});

async function runReport(values: Values<typeof flags>): Promise<number> {
  const { runs, problems } = await listRuns();
  for (const problem of problems) printError(problem);
  const tag = values.modelTag || null;
  const latest = stages.flatMap((stage) =>
    runs.findLast((run) =>
      run.stage === stage && (tag === null || run.name === `${stage}/${tag}`)
    ) ??
      []
  );
  if (latest.length === 0) {
    if (tag !== null && runs.length > 0) throw await unknownRun(tag, stages);
    throw new Error(
      "Cannot report: wanted a run, got none. Train a model first: deno task speedrun",
    );
  }
  const folder = basePath("report");
  await ensureWritableFolder(folder);
  await using device = values.noSamples ? null : await openChosenDevice(values);
  const sections = await tokenizerSection(latest[0]!);
  for (const run of latest) {
    sections.push(await makeSection(run, folder, values.pricePerHour, device));
  }
  const report = await makeReport(latest, sections, values.pricePerHour, device);
  await writeFileAtomically(`${folder}/report.md`, reportAsMarkdown(report));
  await writeFileAtomically(`${folder}/report.html`, reportAsHtml(report));
  print(`Report: ${folder}/report.md and report.html`);
  return 0;
}

async function makeReport(
  runs: readonly RunSummary[],
  sections: readonly ReportSection[],
  price: number,
  device: Device | null,
): Promise<StagesReport> {
  const seconds = runs.reduce((sum, { meta }) => sum + meta.state.seconds, 0);
  const results = await Promise.all(runs.map(async (run) => ({
    ...run.figures,
    ...await readEvaluations(run),
  })));
  const names = [...new Set(results.flatMap((figures) => Object.keys(figures)))];
  // CORE comes first; ChatCORE, which summarizes the others, comes last.
  const rank = (name: string) => name === "CORE" ? 0 : name === "ChatCORE" ? 2 : 1;
  names.sort((a, b) => rank(a) - rank(b));
  const show = (value: number | undefined) => value?.toFixed(4) ?? "";
  const commit = await sourceCommit();
  return {
    title: `Report of ${runs.at(-1)!.name.split("/")[1]}`,
    rows: [
      ["written", new Date().toISOString().slice(0, 16).replace("T", " ")],
      ...(commit === null ? [] : [["commit", commit] as const]),
      ["software", `Deno ${Deno.version.deno}, V8 ${Deno.version.v8}, ${Deno.build.target}`],
      ["processors", `${navigator.hardwareConcurrency}`],
      ...(device === null ? [] : [["device", device.info.description] as const]),
      ["training", `${duration(seconds)}${costOf(seconds, price)}`],
    ],
    sections,
    figures: {
      columns: runs.map(({ stage }) => stage),
      rows: names.map((name) => [
        figureTitle(name),
        ...results.map((figures) => show((figures as Record<string, number>)[name])),
      ]),
    },
  };
}

async function makeSection(
  run: RunSummary,
  folder: string,
  price: number,
  device: Device | null,
): Promise<ReportSection> {
  const { stage, meta, parameters, name } = run;
  const { tokenizer, folder: place } = await openCheckpoint(run.folder);
  const { seconds } = meta.state;
  const settings = Object.entries(meta.settings).filter(([, value]) =>
    value !== null && value !== "" && value !== false
  );
  const rows: ReportRow[] = [
    ["run", `${name}, ${place}`],
    ["saved", meta.savedAt.slice(0, 16).replace("T", " ")],
    ["tokenizer", `${count(tokenizer.vocabSize)} tokens`],
    ["parameters", count(parameters)],
    ["progress", describeProgress(run.progress)],
    ["time", `${duration(seconds)}${costOf(seconds, price)}`],
    ["settings", settings.map(flagOf).join(" ")],
  ];
  const samples = device === null ? [] : await write(run, device, tokenizer);
  const picture = await draw(run, folder);
  return { title: titles[stage], rows, samples, ...(picture === null ? {} : { picture }) };
}

/** Draws the metrics of a run; `null` if there are none. */
async function draw({ stage, metrics }: RunSummary, folder: string): Promise<string | null> {
  const curves = [["loss", "#9198a1"], ["smoothLoss", "#e8590c"], ["reward", "#1c7ed6"]] as const;
  const plotted = curves.map(([name, color]) => ({
    name: figureTitle(name),
    color,
    points: metrics.flatMap(({ step, [name]: value }) =>
      typeof value === "number" && Number.isFinite(value) ? [{ x: step, y: value }] : []
    ),
  })).filter(({ points }) => points.length > 0);
  if (plotted.length === 0) return null;
  await writeFileAtomically(`${folder}/${stage}.svg`, curvesAsSvg(titles[stage], plotted));
  return `${stage}.svg`;
}

async function write(run: RunSummary, device: Device, tokenizer: Tokenizer): Promise<string[]> {
  const checkpoint = await openCheckpoint(run.folder, undefined, { architectures });
  const model = await loadModel(checkpoint, device);
  if (run.stage === "base") return await likelyTexts(model, tokenizer, await readPrompts(run));
  const { chatTemplate = null } = checkpoint.meta;
  const { format } = chatParts({ tokenizer, chatTemplate }, run);
  using _ = format;
  return await chat(model, tokenizer, format);
}

async function chat(
  model: LanguageModel,
  tokenizer: Tokenizer,
  format: ChatFormat,
): Promise<string[]> {
  // Models that were trained on very short texts get room for an answer.
  const maxTokens = Math.max(model.config.sequenceLen, 256);
  using session = new ChatSession(model, tokenizer, { maxTokens, format });
  let text = "";
  for (const question of questions) {
    const folded = new FoldedText();
    let answer = "";
    for await (const piece of session.answer(question, { temperature: 0, maxTokens: 64 })) {
      answer += folded.add(piece);
    }
    text += `${text === "" ? "" : "\n"}User: ${question}\nAssistant: ${answer}${folded.end()}`;
  }
  return [text];
}

/** The last results of `base_eval` and `chat_eval`, by name. */
async function readEvaluations({ folder }: RunSummary): Promise<Record<string, number>> {
  const base = await readEvaluation<BaseEvaluation>(evaluationPath(folder, "base"));
  const chat = await readEvaluation<ChatEvaluation>(evaluationPath(folder, "chat"));
  const chatCore = chat?.chatCore ?? null;
  return {
    ...base?.figures,
    ...chat?.accuracies,
    ...(chatCore === null ? {} : { ChatCORE: chatCore }),
  };
}

/** The results of `tok_eval`, if they are about the tokenizer of the run. */
async function tokenizerSection({ meta }: RunSummary): Promise<ReportSection[]> {
  const found = await readEvaluation<TokenizerEvaluation>(tokenizerEvaluationPath());
  if (found?.sha256 !== meta.files.tokenizer.sha256) return [];
  const rows = found.texts.map(({ name, bytesPerToken, against }): ReportRow => {
    const others = Object.entries(against).map(([other, { saved }]) =>
      `, saves ${percent(saved)} against ${other}`
    );
    return [name, `${bytesPerToken.toFixed(2)} bytes per token${others.join("")}`];
  });
  return [{ title: "Tokenizer", rows, samples: [] }];
}

/** A setting as a flag to repeat it: `--matrix-lr 0.02`, or `--no-blas`. */
function flagOf([name, value]: readonly [string, unknown]): string {
  return value === true ? settingTitle(name) : `${settingTitle(name)} ${value}`;
}

function costOf(seconds: number, pricePerHour: number): string {
  return pricePerHour === 0 ? "" : `, costs ${(pricePerHour * seconds / 3600).toFixed(2)}`;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
