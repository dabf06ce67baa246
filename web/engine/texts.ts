/** Synthetic texts, which a small GPT can learn completely and the reader can check. @module */

import { childSeed, randomUniform } from "../../autograd/random.ts";
import { dinosaurs } from "../../lessons/dinosaurs.ts";
import { animalLine } from "./animals.ts";
import type { TextTask, textTasks } from "./gpt_spec.ts";

/** A line of each task, from sampled numbers. */
const lines: Readonly<
  Record<typeof textTasks[number], (draw: (below: number) => number) => string>
> = {
  sort: (draw) => {
    const word = Array.from({ length: 3 + draw(3) }, () => "abcdefgh"[draw(8)]!);
    return `${word.join("")}>${word.toSorted().join("")}`;
  },
  reverse: (draw) => {
    const word = Array.from({ length: 3 + draw(3) }, () => "abcdefgh"[draw(8)]!);
    return `${word.join("")}>${word.toReversed().join("")}`;
  },
  add: (draw) => {
    const [a, b] = [draw(50), draw(50)];
    return `${a}+${b}=${a + b}`;
  },
  parentheses: (draw) => {
    let text = "";
    for (let depth = 0, left = 4 + draw(4); left > 0 || depth > 0;) {
      const opens = left > 0 && (depth === 0 || draw(2) === 0);
      text += opens ? "(" : ")";
      depth += opens ? 1 : -1;
      left -= opens ? 1 : 0;
    }
    return text;
  },
  names: (draw) => dinosaurs[draw(dinosaurs.length)]!,
  animals: animalLine,
};

/** The question and the answer of a line; `null` in tasks that ask nothing. */
export function questionOf(line: string): readonly [question: string, answer: string] | null {
  const [, question, answer] = /^(.*[>=])(.*)$/.exec(line) ?? [];
  return question === undefined || answer === undefined ? null : [question, answer];
}

/** The right answer to a question of a task. */
const answers: Partial<Record<typeof textTasks[number], (question: string) => string>> = {
  sort: (question) => [...question.slice(0, -1)].sort().join(""),
  reverse: (question) => [...question.slice(0, -1)].reverse().join(""),
  add: (question) => `${question.slice(0, -1).split("+").reduce((sum, x) => sum + Number(x), 0)}`,
};

/**
 * Whether a line follows the rule of its task; `null` where the task has no rule.
 *
 * @example
 * ```ts
 * import { isRight } from "./texts.ts";
 *
 * if (isRight("sort", "dab>abd") !== true || isRight("add", "2+2=5") !== false) throw new Error();
 * if (isRight("names", "rex") !== null) throw new Error("names have no rule");
 * ```
 */
export function isRight(task: TextTask, line: string): boolean | null {
  if (task === "names" || task === "animals" || task === "stories" || task === "own") return null;
  if (task === "parentheses") {
    let depth = 0;
    const isBalanced = [...line].every((sign) => {
      depth += sign === "(" ? 1 : sign === ")" ? -1 : NaN;
      return depth >= 0;
    });
    return isBalanced && depth === 0 && line !== "";
  }
  const [question, answer] = questionOf(line) ?? [];
  return question !== undefined && answers[task]!(question) === answer;
}

/**
 * Writes `count` lines of a task; the same seed writes the same lines.
 *
 * @example
 * ```ts
 * import { taskLines } from "./texts.ts";
 *
 * for (const line of taskLines("add", 1, 20)) {
 *   const [, a, b, sum] = /^(\d+)\+(\d+)=(\d+)$/.exec(line)!.map(Number);
 *   if (a! + b! !== sum) throw new Error(line);
 * }
 * ```
 */
export function taskLines(task: typeof textTasks[number], seed: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    let sampled = 0;
    const stream = childSeed(seed, i);
    return lines[task]((below) => Math.floor(below * randomUniform(stream, sampled++)));
  });
}
