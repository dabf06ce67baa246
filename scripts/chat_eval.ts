/** Examines a chat model: nanochat's `chat_eval`. */

import {
  chatCore,
  type ChatFormat,
  evaluateCategorical,
  evaluateGenerative,
  type ExamTask,
  type GenerativeAnswer,
  type GenerativeTask,
  passAtK,
  type Python,
  readRows,
  rowFormats,
} from "../chat/mod.ts";
import { humanExams, ruleExams } from "../chat/internals.ts";
import { type Checkpoint, type LanguageModel, loadModel, type RunRanks } from "../gpt/mod.ts";
import { tableAsText, writeFileAtomically } from "../gpt/internals.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { type ChatEvaluation, evaluationPath, readEvaluation } from "./evaluations.ts";
import {
  choice,
  decimal,
  givenFlags,
  integer,
  list,
  optional,
  runScript,
  splitNames,
  text,
  toggle,
  UsageError,
  type Values,
} from "./flags.ts";
import { chatParts, chooseModel, fromFlags, modelFlags, nameTaught, openModel } from "./models.ts";
import { examNames, openExam, rowFormatOf } from "./named_tasks.ts";
import { print } from "./output.ts";
import { isFirst, onRanks, openDeviceOnRanks, parallelFlags, shareCheckpoint } from "./parallel.ts";
import { Counter } from "./progress.ts";
import { localPlace } from "./stored.ts";
import { openPython, toolFlags } from "./tools.ts";
import { chosenType, deviceFlags, quantizeFlags } from "./device.ts";

const flags = {
  task: list(
    `What to ask, with commas: rules, human, ${examNames.join(", ")}; or NAME=FILE with rows of ` +
      "these; rules and human by default. Names may stand without the flag, too",
    "NAME[=FILE]",
  ),
  ...toolFlags,
  ...modelFlags,
  ...fromFlags,
  ...quantizeFlags,
  source: choice(["sft", "rl"], "sft", "The model's stage"),
  name: optional(
    text("", "The name that the model goes by in the synthetic conversations, by default its own"),
  ),
  numExamples: integer(40, "Questions of each synthetic exam"),
  maxProblems: integer(-1, "Questions of each file, -1 for all", { or: -1 }),
  numSamples: integer(1, "Answers to each question that is answered in words"),
  temperature: decimal(0, "1 samples from the model's distribution, 0 takes the most likely token"),
  topK: integer(50, "Sample from this many of the most likely tokens, 0 for all", { least: 0 }),
  maxNewTokens: integer(512, "Maximum tokens of an answer"),
  batchSize: integer(8, "Multiple-choice questions in a batch"),
  seed: integer(42, "The seed of sampling", { least: 0 }),
  json: toggle("Print one line of JSON"),
  ...parallelFlags,
  ...deviceFlags,
};

type EvalValues = Values<typeof flags>;

/** Examines a model, and prints a table or a line of JSON. Returns the exit code. */
export function main(args: readonly string[]): Promise<number> {
  const { names, rest } = splitNames(args, flags);
  return runScript({
    summary:
      "Examines the model that was fine-tuned last: chat_eval arc-easy arc-challenge mmlu gsm8k " +
      "humaneval gives ChatCORE.",
    command: "deno task chat_eval [NAME…]",
    flags,
    run: onRanks((ranks, values, given) =>
      runChatEval(ranks, { ...values, task: [...names, ...values.task] }, given)
    ),
  }, rest);
}

interface Result {
  readonly name: string;
  readonly asked: number;
  /** The fraction of questions with a right answer among their samples. */
  readonly accuracy: number;
  /** The unbiased estimates of pass@k, if there are several answers. */
  readonly passAtK: readonly number[];
  /** The number of right answers and of questions in each part of the exam, if it has parts. */
  readonly parts: readonly (readonly [name: string, right: number, asked: number])[];
}

async function runChatEval(
  ranks: RunRanks | null,
  values: EvalValues,
  args: readonly string[],
): Promise<number> {
  await using python = await openPython(values, "chat_eval");
  const opened = await openExams(values, python);
  const chosen = await chooseModel(
    values,
    givenFlags(args, flags),
    () => shareCheckpoint(ranks, () => openModel(values)),
    (checkpoint, device, options) =>
      (ranks ?? { loadModel }).loadModel(checkpoint, device, options),
  );
  const name = values.name ?? nameTaught(chosen.checkpoint);
  const exams = (await Promise.all(opened.map((open) => open(name)))).flat();
  await using device = await openDeviceOnRanks(ranks, values);
  const loaded = await chosen.load(device, { computeDtype: chosenType(device, values) });
  const { model } = loaded;
  const { tokenizer, format } = chatParts(loaded, chosen);
  using _ = format;
  const counter = new Counter(isFirst(ranks) && Deno.stderr.isTerminal());
  const results: Result[] = [];
  for (const exam of exams) {
    results.push(await examine({ model, tokenizer, format }, exam, values, ranks, counter));
  }
  counter.clear();
  const accuracies = Object.fromEntries(results.map(({ name, accuracy }) => [name, accuracy]));
  const score = chatCore(accuracies);
  const { checkpoint } = chosen;
  const figures = { accuracies, chatCore: score };
  const step = checkpoint === null ? {} : { step: checkpoint.meta.state.step };
  if (values.json) print(JSON.stringify({ ...step, ...figures }));
  else {
    print(tableAsText(results.flatMap(rowsOf)));
    if (score !== null) print(`\nChatCORE ${score.toFixed(4)}`);
  }
  // Nothing is written into another program's folder.
  if (isFirst(ranks) && checkpoint !== null) {
    await keepResults(checkpoint, figures);
  }
  return 0;
}

/** Stores results for the report, beside those of other exams of the same step. */
async function keepResults(
  { folder, meta: { state: { step } } }: Checkpoint,
  { accuracies, chatCore }: Omit<ChatEvaluation, "step">,
): Promise<void> {
  const path = evaluationPath(folder, "chat");
  const earlier = await readEvaluation<ChatEvaluation>(path);
  const kept = earlier?.step === step ? earlier : null;
  const evaluation: ChatEvaluation = {
    step,
    accuracies: { ...kept?.accuracies, ...accuracies },
    chatCore: chatCore ?? kept?.chatCore ?? null,
  };
  await writeFileAtomically(path, `${JSON.stringify(evaluation)}\n`);
}

/** Opens exams for a model of some name. */
type OpenExams = (name: string) => Promise<readonly ExamTask[]>;

async function openExams(values: EvalValues, python: Python | null): Promise<OpenExams[]> {
  const specs = values.task.flatMap((text) => text.includes("=") ? [text] : text.split(","));
  const exams: OpenExams[] = [];
  for (const spec of specs.length === 0 ? ["rules", "human"] : specs) {
    const [name = "", ...path] = spec.split("=");
    if (path.length === 0 && (name === "rules" || name === "human")) {
      exams.push((assistant) => openRuleExams(name, assistant, values));
      continue;
    }
    const exam = path.length > 0
      ? await openRows(name, path.join("="), python)
      : await openNamed(name.toLowerCase(), python);
    exams.push(() => Promise.resolve([exam]));
  }
  return exams;
}

async function openNamed(name: string, python: Python | null): Promise<ExamTask> {
  if (!examNames.includes(name)) throw unknownExam(name);
  return await withUsageError(openExam(name, python));
}

/** Rows of the user's own, in their order. */
async function openRows(name: string, place: string, python: Python | null): Promise<ExamTask> {
  const format = rowFormatOf(name);
  if (format === undefined) throw unknownExam(`${name}=${place}`);
  const options = python === null ? {} : { python };
  return await withUsageError(readRows(format, await localPlace(place), options));
}

async function openRuleExams(
  exam: "rules" | "human",
  name: string,
  { numExamples }: EvalValues,
): Promise<ExamTask[]> {
  const tasks = exam === "human" ? humanExams(name) : await ruleExams(numExamples, { name });
  return tasks.map((task): ExamTask => ({ kind: "generative", task }));
}

function unknownExam(spec: string): UsageError {
  return new UsageError(
    `Cannot use --task: wanted rules, human, ${examNames.join(", ")}, or ${
      rowFormats.join(", ")
    } with =FILE, got "${spec}"`,
  );
}

/** Turns the error of a task that the flags do not allow into a usage error. */
async function withUsageError(opening: Promise<ExamTask>): Promise<ExamTask> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

async function examine(
  { model, tokenizer, format }: {
    readonly model: LanguageModel;
    readonly tokenizer: Tokenizer;
    readonly format: ChatFormat;
  },
  exam: ExamTask,
  values: EvalValues,
  ranks: RunRanks | null,
  counter: Counter,
): Promise<Result> {
  const sumOver = (numbers: readonly number[]) => ranks?.sum(numbers) ?? [...numbers];
  const parallel = ranks ?? undefined;
  const maxProblems = values.maxProblems === -1 ? Infinity : values.maxProblems;
  const { name } = exam.task;
  const asking = Math.min(exam.task.length, maxProblems);
  const onProgress = (done: number) => counter.show(name, done, asking);
  if (exam.kind === "categorical") {
    const { batchSize } = values;
    const answers = await evaluateCategorical(model, tokenizer, exam.task, {
      batchSize,
      format,
      maxProblems,
      parallel,
      onProgress,
    });
    const right = answers.filter(({ correct }) => correct).length;
    const [allRight, asked] = sumOver([right, answers.length]) as [number, number];
    return { name, asked, accuracy: allRight / asked, passAtK: [], parts: [] };
  }
  const { numSamples: samples, temperature, topK, maxNewTokens: maxTokens, seed } = values;
  const answers = await evaluateGenerative(model, tokenizer, exam.task, {
    samples,
    temperature,
    topK,
    maxTokens,
    maxProblems,
    seed,
    parallel,
    onProgress,
    format,
  });
  const counts = answers.map(({ correct }) => correct.filter(Boolean).length);
  const sums = Array.from(
    { length: samples },
    (_, i) => counts.reduce((sum, count) => sum + passAtK(samples, count, i + 1), 0),
  );
  const right = counts.filter((count) => count > 0).length;
  const [asked, allRight, ...all] = sumOver([counts.length, right, ...sums]) as [number, number];
  const estimates = (all as number[]).map((sum) => sum / asked);
  const parts = countParts(exam.task, answers, ranks).map(([name, right, asked]) => {
    const [allRight, allAsked] = sumOver([right, asked]) as [number, number];
    return [name, allRight, allAsked] as const;
  }).filter(([, , asked]) => asked > 0);
  const passAtKs = samples === 1 ? [] : estimates;
  return { name, asked, accuracy: allRight / asked, passAtK: passAtKs, parts };
}

/**
 * The number of right answers of this rank in each part of an exam, in the order of its questions.
 */
function countParts(
  task: GenerativeTask,
  answers: readonly GenerativeAnswer[],
  ranks: RunRanks | null,
): [name: string, right: number, asked: number][] {
  if (task.groupOf === undefined) return [];
  const { rank, ranks: count } = ranks ?? { rank: 0, ranks: 1 };
  const parts = new Map<string, [number, number]>();
  for (let index = 0; index < task.length; index++) {
    const part = task.groupOf(index);
    const counts = parts.get(part) ?? [0, 0];
    // On every rank all parts are in the same order, so that their counts can be added up.
    parts.set(part, counts);
    const answer = index % count === rank ? answers[Math.floor(index / count)] : undefined;
    if (answer === undefined) continue;
    counts[1]++;
    if (answer.correct.includes(true)) counts[0]++;
  }
  return Array.from(parts, ([name, [right, asked]]) => [name, right, asked]);
}

function rowsOf({ name, asked, accuracy, passAtK, parts }: Result): [string, string][] {
  const estimates = passAtK.map((value, i) => `, pass@${i + 1} ${value.toFixed(3)}`);
  return [
    [name, `${Math.round(accuracy * asked)} of ${asked}${estimates.join("")}`],
    ...parts.map(([part, right, asked]): [string, string] => [`  ${part}`, `${right} of ${asked}`]),
  ];
}

if (import.meta.main) Deno.exit(await main(Deno.args));
