/**
 * Rows of known data sets, from JSON Lines files with the fields that they have on the Hugging Face hub.
 *
 * @module
 */

import type { Conversation } from "../../tokenizer/mod.ts";
import { readRecords, shown } from "../files/records.ts";
import type { Python } from "../tools/python.ts";
import {
  type HumanEvalProblem,
  humanEvalProblem,
  type HumanEvalRow,
  testProgram,
} from "./human_eval.ts";
import { extractAnswer, gsm8kProblem, type Gsm8kRow, isAnsweredRight } from "./gsm8k.ts";
import {
  arcProblem,
  type ArcRow,
  type CategoricalProblem,
  mmluProblem,
  type MmluRow,
} from "./multiple_choice.ts";
import { type GenerativeTask, listTask, type Task } from "./task.ts";

/** The data sets whose rows can be read. */
export const rowFormats = ["ARC-Easy", "ARC-Challenge", "MMLU", "GSM8K", "HumanEval"] as const;

/** A task to examine a model with: letters to choose from, or answers to judge. */
export type ExamTask =
  | { readonly kind: "categorical"; readonly task: Task<CategoricalProblem> }
  | { readonly kind: "generative"; readonly task: GenerativeTask };

/** Options for {@linkcode readRows}. */
export interface ReadRowsOptions {
  /** Runs programs that the model writes: HumanEval needs it. It must stay open. */
  readonly python?: Python;
}

/**
 * Reads a task from a JSON Lines file: a row of the data set on each line.
 *
 * @param name The data set.
 * @param path The file.
 * @throws {TypeError} If programs have to be run, and `python` is missing.
 * @throws {Error} If the file cannot be read, or a line is not a row; the message names file and
 * line.
 *
 * @example
 * ```ts
 * import { readRows } from "./rows.ts";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, '{"question": "2 + 2?", "answer": "#### 4"}\n');
 * const { kind, task } = await readRows("GSM8K", path);
 * if (kind !== "generative" || task.length !== 1) throw new Error("expected one question");
 * ```
 */
export async function readRows(
  name: typeof rowFormats[number],
  path: string,
  { python }: ReadRowsOptions = {},
): Promise<ExamTask> {
  if (name === "HumanEval") {
    if (python === undefined) {
      throw new TypeError("Cannot judge HumanEval: wanted --tools python, as it runs programs");
    }
    const problems = await readRecords(
      path,
      "rows",
      (row) => humanEvalProblem(humanEvalRow(asRow(row))),
    );
    const programs = new Map<Conversation, HumanEvalProblem>(
      problems.map((problem) => [problem, problem]),
    );
    const task: GenerativeTask = {
      ...listTask<Conversation>(name, problems),
      isRight: async (problem, completion) =>
        (await python.run(testProgram(programs.get(problem)!, completion))).success,
    };
    return { kind: "generative", task };
  }
  if (name === "GSM8K") {
    const problems = await readRecords(path, "rows", (row) => gsm8kProblem(gsm8kRow(asRow(row))));
    return {
      kind: "generative",
      task: { ...listTask<Conversation>(name, problems), isRight: isAnsweredRight },
    };
  }
  const parse = name === "MMLU"
    ? (row: unknown) => mmluProblem(mmluRow(asRow(row)))
    : (row: unknown) => arcProblem(arcRow(asRow(row)));
  return { kind: "categorical", task: listTask(name, await readRecords(path, "rows", parse)) };
}

type Row = Readonly<Record<string, unknown>>;

function gsm8kRow(row: Row): Gsm8kRow {
  const answer = textOf(row, "answer");
  if (extractAnswer(answer) === null) {
    throw new TypeError(`wanted answer with #### and a number, got ${shown(answer)}`);
  }
  return { question: textOf(row, "question"), answer };
}

function humanEvalRow(row: Row): HumanEvalRow {
  return {
    prompt: textOf(row, "prompt"),
    canonical_solution: textOf(row, "canonical_solution"),
    entry_point: textOf(row, "entry_point"),
    test: textOf(row, "test"),
  };
}

function mmluRow(row: Row): MmluRow {
  const { answer } = row;
  if (typeof answer !== "number") {
    throw new TypeError(`wanted answer as a number, got ${shown(answer)}`);
  }
  return { question: textOf(row, "question"), choices: textsOf(row, "choices"), answer };
}

function arcRow(row: Row): ArcRow {
  const choices = asRow(row.choices, "choices");
  return {
    question: textOf(row, "question"),
    choices: { text: textsOf(choices, "text"), label: textsOf(choices, "label") },
    answerKey: textOf(row, "answerKey"),
  };
}

function asRow(value: unknown, name = "the row"): Row {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new TypeError(`wanted ${name} as an object, got ${shown(value)}`);
}

function textOf(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === "string") return value;
  throw new TypeError(`wanted ${name} as a string, got ${shown(value)}`);
}

function textsOf(row: Row, name: string): string[] {
  const values = row[name];
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  throw new TypeError(`wanted ${name} as a list of strings, got ${shown(values)}`);
}
