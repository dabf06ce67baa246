/**
 * Multiple-choice questions as conversations, and the rows of ARC and MMLU.
 *
 * @module
 */

import type { Conversation } from "../../tokenizer/mod.ts";

/** A question whose answer is a letter. */
export interface CategoricalProblem extends Conversation {
  /** The letters of the choices. */
  readonly letters: readonly string[];
}

/**
 * The text of a question. The letter follows its `=` without a space, so that it is the same token as
 * in the answer.
 *
 * Source: `render_mc` in nanochat's `tasks/common.py`.
 *
 * @throws {RangeError} If there are not as many letters as choices.
 *
 * @example
 * ```ts
 * import { renderMultipleChoice } from "./multiple_choice.ts";
 *
 * const text = renderMultipleChoice("Which is a liquid?", ["A", "B"], ["iron", "water"]);
 * if (!text.includes("- water=B\n")) throw new Error(`got ${text}`);
 * ```
 */
export function renderMultipleChoice(
  question: string,
  letters: readonly string[],
  choices: readonly string[],
): string {
  if (letters.length !== choices.length) {
    throw new RangeError(
      `Cannot render the question: wanted a letter for each of ${choices.length} choices, got ` +
        `${letters.length}`,
    );
  }
  const lines = choices.map((choice, i) => `- ${choice}=${letters[i]}\n`);
  return `Multiple Choice question: ${question}\n${lines.join("")}\n` +
    "Respond only with the letter of the correct answer.";
}

/** A row of ARC's data set. */
export interface ArcRow {
  /** The question. */
  readonly question: string;
  /** The choices and their labels: letters or digits. */
  readonly choices: { readonly text: readonly string[]; readonly label: readonly string[] };
  /** The label of the right one. */
  readonly answerKey: string;
}

/** A row of ARC as a problem. */
export function arcProblem({ question, choices, answerKey }: ArcRow): CategoricalProblem {
  return categorical(question, choices.label, choices.text, answerKey);
}

/** A row of MMLU's data set. */
export interface MmluRow {
  /** The question. */
  readonly question: string;
  /** Four choices. */
  readonly choices: readonly string[];
  /** The index of the right one. */
  readonly answer: number;
}

/**
 * A row of MMLU as a problem.
 *
 * @throws {RangeError} If there are not four choices, or the answer is none of them.
 */
export function mmluProblem({ question, choices, answer }: MmluRow): CategoricalProblem {
  const letters = ["A", "B", "C", "D"];
  return categorical(question, letters, choices, letters[answer] ?? `choice ${answer}`);
}

function categorical(
  question: string,
  letters: readonly string[],
  choices: readonly string[],
  answer: string,
): CategoricalProblem {
  if (!letters.includes(answer)) {
    throw new RangeError(
      `Cannot read the question: wanted an answer of ${letters.join(", ")}, got ${answer}`,
    );
  }
  return {
    messages: [
      { role: "user", content: renderMultipleChoice(question, letters, choices) },
      { role: "assistant", content: answer },
    ],
    letters,
  };
}
