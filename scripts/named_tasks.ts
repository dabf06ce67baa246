/** Tasks by name: nanochat's data sets, in nanochat's order, and spelling bees. */

import {
  type ExamTask,
  type GenerativeTask,
  type Python,
  readRows,
  rowFormats,
  shuffleTask,
  sliceTask,
  spellingBee,
  type Task,
} from "../chat/mod.ts";
import { isAnsweredRight, readWords, smolTalk } from "../chat/internals.ts";
import { UsageError } from "./flags.ts";
import { localPlace } from "./stored.ts";

/** Questions of a spelling bee, as many as nanochat asks. */
const SPELLING_BEE_QUESTIONS = 256;

/** A data set of questions. */
type RowFormat = typeof rowFormats[number];

/** The names of the examinations. */
export const examNames: readonly string[] = [
  ...rowFormats.map((name) => name.toLowerCase()),
  "spellingbee",
];

/** The data set of questions that a word names, ignoring case: `arc-easy`, `ARC-Easy`. */
export function rowFormatOf(word: string): RowFormat | undefined {
  return rowFormats.find((name) => name.toLowerCase() === word.toLowerCase());
}

/**
 * Opens an examination.
 *
 * @param name One of {@linkcode examNames}.
 * @throws {Error} If its data set is not here.
 * @throws {TypeError} If programs have to be run, which is not allowed.
 */
export async function openExam(name: string, python: Python | null): Promise<ExamTask> {
  if (name === "spellingbee") {
    const { common, many } = await readWords();
    const words = [...common, ...many];
    const bee = spellingBee({ words, size: SPELLING_BEE_QUESTIONS, split: "test" });
    return { kind: "generative", task: { ...bee, isRight: isAnsweredRight } };
  }
  return await openSplit(rowFormatOf(name)!, "test", python);
}

/** A split of a data set of questions, in nanochat's order. */
async function openSplit(
  format: RowFormat,
  split: string,
  python: Python | null = null,
): Promise<ExamTask> {
  const place = await localPlace(format.toLowerCase(), split);
  const exam = await readRows(format, place, python === null ? {} : { python });
  return exam.kind === "generative"
    ? { kind: exam.kind, task: shuffleTask(exam.task) }
    : { kind: exam.kind, task: shuffleTask(exam.task) };
}

/** The use of a data set in nanochat's fine-tuning. */
interface Recipe {
  /** The split to learn from. */
  readonly train: string;
  /** Number of conversations of the test split for validation. @default {0} */
  readonly validation?: number;
}

/** Source: nanochat, `scripts/chat_sft.py`. */
const recipes: Readonly<Record<string, Recipe>> = {
  smoltalk: { train: "train", validation: Infinity },
  mmlu: { train: "auxiliary_train", validation: 5200 },
  gsm8k: { train: "train", validation: 420 },
  "arc-easy": { train: "train" },
  "arc-challenge": { train: "train" },
};

/** The names of data sets to learn from. */
export const trainingSetNames: readonly string[] = Object.keys(recipes);

/** The conversations of a data set for training and for validation, in nanochat's order. */
export async function openTrainingSet(
  name: string,
): Promise<{ train: Task; validation: Task | null }> {
  const { train, validation } = recipes[name]!;
  const open = async (split: string): Promise<Task> =>
    name === "smoltalk"
      ? shuffleTask(await smolTalk(await localPlace(name, split)))
      : (await openSplit(rowFormatOf(name)!, split)).task;
  return {
    train: await open(train),
    validation: validation === undefined
      ? null
      : sliceTask(await open("test"), { stop: validation }),
  };
}

/**
 * The questions of GSM8K for practice and for validation, in nanochat's order.
 *
 * @throws {Error} If they are not here.
 */
export async function openPractice(): Promise<
  { task: GenerativeTask; validation: GenerativeTask }
> {
  const open = async (split: string) => {
    const { task } = await openSplit("GSM8K", split);
    return task as GenerativeTask;
  };
  return { task: await open("train"), validation: await open("test") };
}

/** A name and the number after its colon: `mmlu:3`. */
export function nameAndNumber(spec: string, fallback: number): [name: string, number: number] {
  const [name = "", given] = spec.split(":");
  const number = given === undefined ? fallback : Number(given);
  if (Number.isSafeInteger(number) && number >= 1) return [name, number];
  throw new UsageError(`Cannot use --task: wanted NAME:N with a number from 1, got "${spec}"`);
}
